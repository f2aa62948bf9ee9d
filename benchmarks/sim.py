"""A light upstream: answers every request with the same stream, its text paced, from bytes that are made once."""

from __future__ import annotations

import argparse
import asyncio
import json
import re

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def event(data: dict[str, object]) -> bytes:
    frame = b"event: %b\ndata: %b\n\n" % (str(data["type"]).encode(), json.dumps(data).encode())
    return b"%x\r\n%b\r\n" % (len(frame), frame)


def stream_parts(deltas: int) -> list[bytes]:
    """A whole answer, a part for each delta: "w0 w1 w2 …"."""
    message = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6", "content": []}
    usage = {"input_tokens": 10, "output_tokens": 1}
    start = event({"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}})
    opening = event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    texts = [
        event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"w{number} "}})
        for number in range(deltas)
    ]
    end = (
        event({"type": "content_block_stop", "index": 0})
        + event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": deltas}})
        + event({"type": "message_stop"})
        + b"0\r\n\r\n"
    )
    return [start + opening + texts[0], *texts[1:], end]


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


class Simulator(asyncio.Protocol):
    """One connection; requests follow one another on it."""

    def __init__(self, parts: list[bytes], pause: float) -> None:
        self._parts = parts
        self._pause = pause
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = bytes(self._received).partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if separator and len(body) >= (int(length[1]) if length else 0):
            self._received.clear()
            self._transport.write(HEAD + self._parts[0])
            self._send(1)

    def _send(self, index: int) -> None:
        if self._transport.is_closing():
            return
        if index < len(self._parts):
            asyncio.get_running_loop().call_later(self._pause, self._write, index)

    def _write(self, index: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._parts[index])
            self._send(index + 1)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--deltas", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    parts = stream_parts(options.deltas)
    pause = options.seconds / (len(parts) - 1)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Simulator(parts, pause), "127.0.0.1", options.port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
