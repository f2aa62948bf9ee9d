"""The client's side of one exchange: reading its body, writing the answer, noticing that it hung up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from ..errors import RequestTooLarge
from ..messages import Usage

Scope = MutableMapping[str, Any]
ASGIMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]

MAX_BODY_BYTES = 32 * 1024 * 1024

_MODEL_ID = re.compile(r"[A-Za-z0-9._:@/\[\]()-]{1,80}")


class ClientGone(Exception):
    """The client hung up; there is nobody left to answer."""


class Downstream:
    """One request of a client and the answer to it, over ASGI. Writes are serialised: a heartbeat may meet a delta."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._writing = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self.opened_at = self._last_write = self._loop.time()
        self.status: int | None = None
        self.first_write: float | None = None
        self.finished = False
        # For the log: which route and model served the request.
        self.route: str | None = None
        self.model: str | None = None
        # The code of the error that it was told, if any.
        self.error: str | None = None
        # Token counts as the upstream told them, so far: of an answer that broke off, those of its beginning.
        self.usage: Usage = {}
        # Headers that every answer to this request carries: CORS, where the person allowed a web page.
        self.extra: list[tuple[bytes, bytes]] = []

    @property
    def started(self) -> bool:
        """Whether a status has gone out."""
        return self.status is not None

    def note(self, *, route: str, model: str | None) -> None:
        """What the log says about this request; a model id is kept only where it looks like one."""
        self.route = route
        self.model = model if model and _MODEL_ID.fullmatch(model) else None

    def age(self) -> float:
        """Seconds since the request arrived."""
        return self._loop.time() - self.opened_at

    def silent_seconds(self) -> float:
        """Since the last byte of the answer, or since the request arrived."""
        return self._loop.time() - self._last_write

    def header(self, name: bytes) -> str | None:
        """The header of that (lower-case) name; one that came in several lines is joined, as HTTP allows."""
        values = [value.decode("latin-1") for key, value in self.scope["headers"] if key == name]
        return ", ".join(values) if values else None

    async def read_body(self) -> bytes:
        """The whole body. Raises RequestTooLarge above 32 MiB, which is Anthropic's own limit, and ClientGone.

        What a client still sends after that is read and thrown away by the server, so that it gets to see the answer.
        """
        declared = self.header(b"content-length") or ""
        if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
            raise _too_large()
        parts: list[bytes] = []
        size = 0
        async for part in self._parts():
            parts.append(part)
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise _too_large()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def hung_up(self) -> None:
        """Return when the client has hung up, or when the answer has been sent."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the status line and the headers; only the first call does."""
        async with self._writing:
            if self.started:
                return
            self.status = status
            encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
            await self._send({"type": "http.response.start", "status": status, "headers": [*encoded, *self.extra]})

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Send a part of the body; waits while a slow client has not taken what came before."""
        async with self._writing:
            if self.finished:
                return
            self.finished = last
            await self._send({"type": "http.response.body", "body": data, "more_body": not last})
            self._last_write = self._loop.time()
            if data and self.first_write is None:
                self.first_write = self._last_write

    async def answer(
        self, status: int, body: bytes, headers: Mapping[str, str], *, content_type: str = "application/json"
    ) -> None:
        """Send a whole answer at once; to a HEAD request, its headers."""
        await self.start(
            status,
            [("content-type", content_type), ("content-length", str(len(body))), *headers.items()],
        )
        await self.write(b"" if self.scope["method"] == "HEAD" else body, last=True)

    async def hand_over(self, application: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        """Let another ASGI application answer."""

        async def send(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self.extra]
            elif not message.get("more_body"):
                self.finished = True
            await self._send(message)

        await application(self.scope, self._receive, send)

    async def _parts(self) -> AsyncGenerator[bytes]:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return


def _too_large() -> RequestTooLarge:
    return RequestTooLarge(
        "The request body is larger than 32 MiB, which is Claude's limit. Send fewer or smaller images and files."
    )
