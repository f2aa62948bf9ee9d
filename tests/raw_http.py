"""HTTP by hand, for what clients hide: how an answer ends, how it is cut, and how slowly one may read it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any


def request_bytes(
    body: bytes | dict[str, Any] = b"",
    path: str = "/v1/chat/completions",
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> bytes:
    """A whole request, with the headers that a plain client sends."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(data))}
    lines = [f"{name}: {value}" for name, value in {**fields, **(headers or {})}.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + data


def connect(port: int, timeout: float = 30) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def exchange(port: int, request: bytes) -> bytes:
    """All that the server sends until it closes; asked to close, it does so after the answer."""
    with connect(port) as client:
        client.sendall(request)
        return read_all(client)


def read_all(client: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            part = client.recv(65536)
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        part = client.recv(65536)
        assert part, received
        received += part
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def is_complete(answer: bytes) -> bool:
    """Whether a chunked body has its end: without it the client knows that something is missing."""
    return answer.endswith(b"0\r\n\r\n")


def data_lines(answer: bytes) -> list[Any]:
    """The data of all events; chunk sizes of the transport stand on lines of their own."""
    lines = [line.removeprefix("data: ") for line in answer.decode().split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def wait_for(condition: Callable[[], Any], seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to that in time"
        time.sleep(0.005)
