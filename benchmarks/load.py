"""A light client in a process of its own: asks as a load says, stamps each first byte, and checks each text."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass

from .sim import text_of

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@dataclass
class Result:
    """One answer: seconds from its own request to the first byte of the body, and to the end; what was wrong, or ""."""

    first: float = -1.0
    total: float = -1.0
    problem: str = ""


@dataclass(frozen=True)
class Load:
    """`clients` at once, each asking `rounds` times for `deltas` deltas with `pause` milliseconds between them, after a
    history of `history` bytes."""

    clients: int
    rounds: int
    deltas: int
    pause: int
    history: int
    stream: bool
    path: str

    def request(self) -> bytes:
        wish = {"role": "user", "content": f"deltas={self.deltas} pause={self.pause}"}
        past = [
            {"role": role, "content": "What was said before. " * 45}
            for number in range(self.history // 1000)
            for role in (("user", "assistant")[number % 2],)
        ]
        if len(past) % 2:
            past.pop()
        body = {"model": "claude-sonnet-4-6", "max_tokens": 1000, "stream": self.stream, "messages": [*past, wish]}
        data = json.dumps(body).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"anthropic-version: 2023-06-01\r\nx-api-key: x\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data


async def one_client(port: int, load: Load) -> list[Result]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    request = load.request()
    results = [await one_answer(reader, writer, request, load) for _ in range(load.rounds)]
    writer.close()
    return results


async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, load: Load) -> Result:
    result = Result()
    began = time.monotonic()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    chunked = b"transfer-encoding: chunked" in head.lower()
    body = bytearray()
    while True:
        if not chunked:
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body += await reader.readexactly(length)
            result.first = time.monotonic() - began
            break
        size = int((await reader.readuntil(b"\r\n")).strip(), 16)
        part = (await reader.readexactly(size + 2))[:-2]
        if not size:
            break
        if result.first < 0:
            result.first = time.monotonic() - began
        body += part
    result.total = time.monotonic() - began
    result.problem = problem_of(bytes(body), load)
    return result


def problem_of(body: bytes, load: Load) -> str:
    expected = "".join(text_of(load.deltas))
    text = streamed_text(body) if load.stream else whole_text(body)
    if text != expected:
        return f"wrong text of {len(text)} characters; begins {body[:120]!r}"
    if load.stream and load.path == CHAT and not body.endswith(b"data: [DONE]\n\n"):
        return f"wrong end: {body[-120:]!r}"
    return ""


def streamed_text(body: bytes) -> str:
    chunks = [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]
    said = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", [])]
    return "".join([*said, *(chunk["delta"].get("text", "") for chunk in chunks if "delta" in chunk)])


def whole_text(body: bytes) -> str:
    answer = json.loads(body)
    return answer["choices"][0]["message"]["content"] if "choices" in answer else answer["content"][0]["text"]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--load", type=json.loads, required=True, help="the fields of Load, as JSON")
    options = parser.parse_args()
    load = Load(**options.load)
    answers = await asyncio.gather(*(one_client(options.port, load) for _ in range(load.clients)))
    print(json.dumps([asdict(result) for results in answers for result in results]))


if __name__ == "__main__":
    asyncio.run(main())
