"""One request over one process: the greeting, the client's tools, the history, the question, and the answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from ... import __version__
from ...errors import StreamTruncated, UpstreamError, UpstreamTimeout
from ...json_codec import object_or_empty
from ...log import redact
from ...messages import Event, JsonObject
from .child import Child
from .filters import StopSequences, StructuredOutput
from .output import AnswerReader, Failure, limit_headers
from .plan import TOOL_SERVER, Plan

# Until it has greeted back and taken the history: a start takes a second, on a busy machine some more.
_READY_SECONDS = 60.0
# What tells of the plan's limits comes right behind the answer.
_LIMITS_SECONDS = 0.5
_GREETING, _USAGE = "greeting", "usage"


class Exchange:
    """Speaks with `child`. `silence` is how many seconds it may say nothing while it answers."""

    def __init__(self, child: Child, plan: Plan, *, silence: float, flat: bool = False) -> None:
        self._child = child
        self._plan = plan
        self._silence = silence
        self._flat = flat
        self._reader = AnswerReader()
        self._stops = StopSequences(plan.stop_sequences)
        self._structured = StructuredOutput() if plan.structured else None
        self._stopped = False
        self._usage: Mapping[str, str] = {}

    @property
    def limits(self) -> Mapping[str, str]:
        """What is known of the plan's limits, as the headers in which the API tells it."""
        return self._reader.limits or self._usage

    def ask_for_usage(self) -> None:
        """Have Claude Code tell, beside the answer, how far the plan is used."""
        self._child.send({"type": "control_request", "request_id": _USAGE, "request": {"subtype": "get_usage"}})

    async def ask(self) -> None:
        """Everything up to the question. Raises UpstreamError."""
        self._child.send({"type": "control_request", "request_id": _GREETING, "request": self._plan.initialize})
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._until(_is_greeting)
                if not self._flat:
                    await self._tell_history(self._plan.history)
        except TimeoutError:
            raise UpstreamTimeout(
                f"Claude Code was started and was not ready within {_READY_SECONDS:.0f} seconds. Try again, and see "
                "whether `claude -p hello` answers in a terminal."
            ) from None
        self._child.send(self._plan.flat if self._flat else self._plan.question)

    async def first(self) -> list[Event] | Failure:
        """The first events that say something, or why there are none. Raises UpstreamError."""
        while not (events := await self._events()):
            if self._reader.failure is not None:
                return self._reader.failure
            self._check()
        return events

    async def rest(self) -> AsyncIterator[list[Event]]:
        """The events behind the first ones, a batch for each read. Raises UpstreamError."""
        while not (self._reader.finished or self._stopped):
            self._check()
            if events := await self._events():
                yield events
        self._check()

    async def late_limits(self) -> None:
        """Read on behind the answer until the plan's limits are known, for a moment only."""
        try:
            async with asyncio.timeout(_LIMITS_SECONDS):
                while self._reader.finished and not (self._reader.limits or self._reader.ended):
                    messages = await self._child.receive()
                    if messages is None:
                        return
                    for message in messages:
                        self._reader.feed(message)
        except (TimeoutError, UpstreamError):
            pass

    def _check(self) -> None:
        if self._reader.finished or self._stopped:
            return
        if self._reader.broken or self._reader.failure is not None:
            raise StreamTruncated("Claude Code lost its connection in the middle of the answer. Try again.")

    async def _events(self) -> list[Event]:
        try:
            async with asyncio.timeout(self._silence):
                messages = await self._receive()
        except TimeoutError:
            raise UpstreamTimeout(
                f"Claude Code took the request and then said nothing for {self._silence:.0f} seconds. "
                "It may still have run; try again."
            ) from None
        events: list[Event] = []
        for message in messages:
            if message.get("type") == "control_request":
                self._answer(message)
            elif message.get("type") == "control_response":
                self._usage = _usage_headers(object_or_empty(message.get("response")))
            else:
                events += self._reader.feed(message)
        if self._structured is not None:
            events = self._structured.feed(events)
        events = self._stops.feed(events)
        self._stopped = self._stops.matched is not None
        return events

    async def _tell_history(self, lines: Sequence[JsonObject]) -> None:
        """Each turn of the person is acknowledged by a `result`; what is sent before that comes in another order."""
        for line in lines:
            self._child.send(line)
            if line["type"] == "user":
                await self._until(_is_result)

    async def _until(self, is_it: Callable[[JsonObject], bool]) -> None:
        while True:
            found = False
            for message in await self._receive():
                if message.get("type") == "control_request":
                    self._answer(message)
                found = found or is_it(message)
            if found:
                return

    async def _receive(self) -> list[JsonObject]:
        messages = await self._child.receive()
        if messages is None:
            # It has no secret of ours, but may quote what it was given.
            said = redact(await self._child.last_words())
            if self._reader.over or self._stopped:
                return []
            if self._reader.has_content:
                raise StreamTruncated(f"Claude Code {said}. That was in the middle of its answer; try again.")
            raise UpstreamError(f"Claude Code {said}. There is no answer; see whether `claude -p hello` works.")
        return messages

    def _answer(self, asked: JsonObject) -> None:
        """Answer a question of Claude Code's own: about the client's tools, or whether it may do something (never)."""
        request = object_or_empty(asked.get("request"))
        if request.get("subtype") == "mcp_message":
            response = {"mcp_response": self._tool_server(object_or_empty(request.get("message")))}
        elif request.get("subtype") == "can_use_tool":
            response = {"behavior": "deny", "message": "The client runs its tools itself."}
        else:
            response = {}
        self._child.send(
            {
                "type": "control_response",
                "response": {"subtype": "success", "request_id": asked.get("request_id"), "response": response},
            }
        )

    def _tool_server(self, message: JsonObject) -> JsonObject:
        """An MCP server that lists the client's tools and runs none: https://modelcontextprotocol.io/specification"""
        result: JsonObject = {}
        match message.get("method"):
            case "initialize":
                result = {
                    "protocolVersion": object_or_empty(message.get("params")).get("protocolVersion"),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": TOOL_SERVER, "version": __version__},
                }
            case "tools/list":
                result = {"tools": list(self._plan.tools)}
            case _:
                pass
        return {"jsonrpc": "2.0", "id": message.get("id", 0), "result": result}


def _is_greeting(message: JsonObject) -> bool:
    response = object_or_empty(message.get("response"))
    if message.get("type") != "control_response" or response.get("request_id") != _GREETING:
        return False
    if response.get("subtype") != "success":
        raise UpstreamError(f"Claude Code did not take the request: {redact(str(response.get('error')))[:500]}")
    return True


def _usage_headers(response: JsonObject) -> dict[str, str]:
    """The answer to `get_usage`: percent, and moments as ISO 8601. Empty where the sign-in has no plan."""
    limits = object_or_empty(object_or_empty(response.get("response")).get("rate_limits"))
    windows: JsonObject = {}
    for name in ("five_hour", "seven_day"):
        window = object_or_empty(limits.get(name))
        used, resets_at = window.get("utilization"), window.get("resets_at")
        if isinstance(used, (int, float)):
            windows[name] = {"utilization": used / 100}
            with contextlib.suppress(ValueError, TypeError):
                windows[name]["resetsAt"] = int(datetime.fromisoformat(str(resets_at)).timestamp())
    return limit_headers({"unifiedWindows": windows})


def _is_result(message: JsonObject) -> bool:
    return message.get("type") == "result"
