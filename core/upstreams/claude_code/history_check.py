"""Whether a version of Claude Code takes a history as it is: asked once, of that version, without asking Claude.

Lines for earlier answers are not documented, so they may mean something else tomorrow. The process is pointed at a
listener of our own, and what it sends there is compared with what it was told. The answer is remembered on disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ... import json_codec
from ...errors import UpstreamTimeout
from ...json_codec import list_or_empty, object_or_empty
from ...messages import JsonObject
from ...paths import write_private
from .child import Child
from .exchange import Exchange
from .plan import Plan, plan_request

log = logging.getLogger("cliproxyapi.claude_code")

_MOST_VERSIONS = 20
_CHECK_SECONDS = 60.0
_TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}
_ESSENTIAL = ("type", "text", "id", "name", "input", "tool_use_id", "content")
_QUESTION: JsonObject = {
    "model": "claude-haiku-4-5",
    "max_tokens": 1000,
    "tools": [_TOOL],
    "messages": [
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three."},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Four."},
                {"type": "tool_use", "id": "toolu_check", "name": "look", "input": {"at": "five"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_check", "content": "Six."}]},
        {"role": "assistant", "content": "Seven."},
        {"role": "user", "content": "Eight."},
    ],
}


class HistoryCheck:
    """`start` starts a process for a plan against an address. Lives inside one event loop."""

    def __init__(self, path: Path, start: Callable[[Plan, str], Coroutine[Any, Any, Child]]) -> None:
        self._path = path
        self._start = start
        self._lock = asyncio.Lock()
        self._known: dict[str, bool] | None = None

    async def takes_history(self, version: str) -> bool:
        """Raises UpstreamError and OSError where it could not be found out."""
        async with self._lock:
            if self._known is None:
                self._known = await asyncio.to_thread(self._read)
            known = self._known.get(version)
            if known is None:
                known = self._known[version] = await self._find_out()
                log.info("Claude Code %s %s a history as it is", version, "takes" if known else "does not take")
                await asyncio.to_thread(self._write, self._known)
            return known

    async def _find_out(self) -> bool:
        plan = plan_request(_QUESTION)
        async with _listener() as (address, received):
            child = await self._start(plan, address)
            try:
                asking = asyncio.create_task(_ask(Exchange(child, plan, silence=_CHECK_SECONDS)))
                await asyncio.wait((asking, received), timeout=_CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not received.done() and asking.done() and (error := asking.exception()) is not None:
                    raise error
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            finally:
                await child.end()
            if not received.done():
                raise UpstreamTimeout("Claude Code did not send the request that finds out what it can. Try again.")
            return arrived(received.result())

    def _read(self) -> dict[str, bool]:
        try:
            fields = object_or_empty(json_codec.decode(self._path.read_bytes()))
        except (OSError, json_codec.JSONError):
            return {}
        history = object_or_empty(fields.get("history"))
        return {version: value for version, value in history.items() if isinstance(value, bool)}

    def _write(self, known: dict[str, bool]) -> None:
        newest = dict(list(known.items())[-_MOST_VERSIONS:])
        try:
            write_private(self._path, json_codec.encode({"history": newest}))
        except OSError as error:
            log.warning("%s could not be written: %s", self._path, error.strerror)


async def _ask(exchange: Exchange) -> None:
    await exchange.ask()
    await exchange.first()


def arrived(body: JsonObject) -> bool:
    """Whether the request that Claude Code made of the question has the same turns, beside its own notes."""
    return _essence(body.get("messages")) == _essence(_QUESTION["messages"])


def _essence(messages: Any) -> list[tuple[str, list[JsonObject]]]:
    turns: list[tuple[str, list[JsonObject]]] = []
    for entry in list_or_empty(messages):
        turn = object_or_empty(entry)
        if turn.get("role") == "system":
            continue
        content = turn.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list_or_empty(content)
        turns.append((str(turn.get("role")), [block for item in blocks if (block := _told(object_or_empty(item)))]))
    return turns


def _told(block: JsonObject) -> JsonObject:
    if str(block.get("text", "")).startswith("<system-reminder>"):
        return {}
    return {name: block[name] for name in _ESSENTIAL if name in block}


@asynccontextmanager
async def _listener() -> AsyncGenerator[tuple[str, asyncio.Future[JsonObject]]]:
    """An address on this machine that takes one request for a message and answers none."""
    received: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next((line[15:] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
            body = await reader.readexactly(int(length))
            if head.startswith("post /v1/messages") and "count_tokens" not in head and not received.done():
                received.set_result(object_or_empty(json_codec.decode(body)))
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received
    finally:
        server.close()
