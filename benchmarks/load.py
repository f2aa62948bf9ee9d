"""A light client: opens many streamed chat completions at once, stamps each first byte, and checks each text."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass


@dataclass
class Result:
    """One stream: seconds from its own request to the first content, and to the end; what was wrong, or ""."""

    first: float = -1.0
    total: float = -1.0
    problem: str = ""


async def one_stream(port: int, deltas: int) -> Result:
    result = Result()
    body = json.dumps(
        {"model": "claude-sonnet-4-6", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )
    received = bytearray()
    while chunk := await reader.read(65536):
        if result.first < 0 and b"data:" in chunk:
            result.first = time.monotonic() - began
        received += chunk
    result.total = time.monotonic() - began
    writer.close()
    result.problem = problem_of(bytes(received), deltas)
    return result


def problem_of(received: bytes, deltas: int) -> str:
    chunks = [json.loads(line[6:]) for line in received.decode().split("\n") if line.startswith("data: {")]
    text = "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk.get("choices", []))
    if text != "".join(f"w{number} " for number in range(deltas)):
        return f"wrong text of {len(text)} characters; begins {received[:80]!r}"
    if not received.rstrip().endswith(b"data: [DONE]\n\n\r\n0") or b'"finish_reason":"stop"' not in received:
        return f"wrong end: {received[-120:]!r}"
    return ""


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--deltas", type=int, default=50)
    options = parser.parse_args()
    results = await asyncio.gather(*(one_stream(options.port, options.deltas) for _ in range(options.streams)))
    print(json.dumps([asdict(result) for result in results]))


if __name__ == "__main__":
    asyncio.run(main())
