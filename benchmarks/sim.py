"""A light upstream in a process of its own: every answer is made of bytes that are made once.

The last words of a request say what comes: `deltas=400 pause=0`, so many text deltas with so many milliseconds between
them, streamed; without `"stream":true`, all of it as one message.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from functools import cache

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_WISH = re.compile(rb"deltas=(\d+) pause=(\d+)")
_STREAMED = re.compile(rb'"stream": ?true')

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
USAGE = {"input_tokens": 10, "output_tokens": 1}
MESSAGE = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6", "content": []}


def text_of(deltas: int) -> list[str]:
    return [f"w{number} " for number in range(deltas)]


def event(data: dict[str, object]) -> bytes:
    frame = b"event: %b\ndata: %b\n\n" % (str(data["type"]).encode(), json.dumps(data).encode())
    return b"%x\r\n%b\r\n" % (len(frame), frame)


@cache
def stream_parts(deltas: int) -> list[bytes]:
    """A whole answer, a part for each delta: "w0 w1 w2 …"."""
    start = event({"type": "message_start", "message": {**MESSAGE, "stop_reason": None, "usage": USAGE}})
    opening = event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    texts = [
        event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
        for word in text_of(deltas)
    ]
    end = (
        event({"type": "content_block_stop", "index": 0})
        + event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": deltas}})
        + event({"type": "message_stop"})
        + b"0\r\n\r\n"
    )
    return [start + opening + texts[0], *texts[1:], end]


@cache
def whole(deltas: int) -> bytes:
    content = [{"type": "text", "text": "".join(text_of(deltas))}]
    body = json.dumps({**MESSAGE, "content": content, "stop_reason": "end_turn", "usage": USAGE}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


class Simulator(asyncio.Protocol):
    """One connection; requests follow one another on it."""

    def __init__(self) -> None:
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._received, 0, head_end)
        if len(self._received) - head_end - 4 < (int(length[1]) if length else 0):
            return
        *_, wish = _WISH.finditer(self._received, max(0, len(self._received) - 2000)) or [None]
        deltas, pause = (int(wish[1]), int(wish[2]) / 1000) if wish else (1, 0.0)
        streamed = _STREAMED.search(self._received)
        self._received.clear()
        if streamed:
            self._stream(stream_parts(deltas), pause)
        else:
            self._transport.write(whole(deltas))

    def _stream(self, parts: list[bytes], pause: float) -> None:
        if pause:
            self._write(HEAD + parts[0], parts, 1, pause)
        else:
            self._transport.write(HEAD + b"".join(parts))

    def _write(self, data: bytes, parts: list[bytes], following: int, pause: float) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if following < len(parts):
            loop = asyncio.get_running_loop()
            loop.call_later(pause, self._write, parts[following], parts, following + 1, pause)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Simulator, "127.0.0.1", options.port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
