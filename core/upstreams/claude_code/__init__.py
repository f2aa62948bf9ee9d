"""The route `claude-code`: the installed, unmodified `claude` executable answers, with Claude Code's own sign-in.

It takes a Messages request like every upstream and yields the same frames, so each dialect works over it. What it
cannot carry is named in the answer's header `x-cliproxyapi-ignored`, or refused with the path of the field.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ... import __version__, json_codec, sse
from ...answers import ARGUMENTS, Accumulator
from ...claude_cli import INSTALL_COMMAND, ClaudeCLI, Installation
from ...errors import CredentialRefused, InvalidRequest, ProxyError
from ...json_codec import object_or_empty
from ...messages import Event, JsonObject
from ...paths import Paths, make_private_directory
from .. import UpstreamAnswer, UpstreamRequest
from .child import Child
from .exchange import Exchange
from .history_check import HistoryCheck
from .output import Failure
from .plan import Plan, plan_request
from .pool import IDLE_SECONDS, Kind, Pool

# The oldest version whose lines and options were seen to be those that are used here.
MINIMUM_VERSION = (2, 1, 330)

_IGNORED = "x-cliproxyapi-ignored"
_LARGE_BODY_BYTES = 512 * 1024
_SILENCE_SECONDS = 300.0
# How often the plan's limits are asked for, which costs Claude Code a request of its own.
_USAGE_SECONDS = 60.0
# A sign-in that reaches our own listener alone.
_NO_TOKEN = "none"  # noqa: S105

_VARIABLES: Mapping[str, str] = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",
    # It would send the request a second time, whole, where a stream broke.
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
    # The client's tools keep their names.
    "CLAUDE_AGENT_SDK_MCP_NO_PREFIX": "1",
    # Who asks, as Anthropic wants programs to say it.
    "CLAUDE_AGENT_SDK_CLIENT_APP": f"cliproxyapi/{__version__}",
}
# What a person may have set for their own use of Claude Code, and what would change the request.
_PERSONAL_VARIABLES = (
    "ANTHROPIC_BETAS",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_MODEL",
    "CLAUDE_CODE_EFFORT_LEVEL",
    "CLAUDE_CODE_EXTRA_BODY",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "DISABLE_PROMPT_CACHING",
    "MAX_THINKING_TOKENS",
)


class ClaudeCodeMissing(ProxyError):
    """There is no executable to run, or it is too old."""

    status, code = 503, "claude_code_missing"
    title = "Claude Code is missing or too old"


class ClaudeCode:
    """Answers through the executable that `cli` finds. Born and used inside one event loop.

    `base_url` is where it sends its requests, None for where it does by itself; `processes` gives how many may run at
    the same time; `on_limits` is told the plan's limits in the form of the API's headers.
    """

    route = "claude-code"
    host = "Claude Code"

    def __init__(
        self,
        cli: ClaudeCLI,
        paths: Paths,
        *,
        base_url: str | None = None,
        processes: Callable[[], int] = lambda: 4,
        on_limits: Callable[[Mapping[str, str]], None] = lambda headers: None,
        silence: float = _SILENCE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._cli = cli
        # Claude is told its path; there is nothing in it.
        self._directory = paths.claude_code_dir / "empty"
        self._base_url = base_url
        self._on_limits = on_limits
        self._silence = silence
        self._usage_due = 0.0
        self._pool = Pool(self._start, processes, idle_seconds=idle_seconds)
        self._check = HistoryCheck(paths.claude_code_dir / "versions.json", self._start_for_check)

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncGenerator[UpstreamAnswer]:
        large = len(request.body) > _LARGE_BODY_BYTES
        plan = await asyncio.to_thread(_planned, request) if large else _planned(request)
        installation = await asyncio.to_thread(self._installation)
        try:
            flat = bool(plan.history) and not await self._check.takes_history(installation.version)
            kind = Kind(plan.fit, str(installation.path), installation.version, self._base_url)
            async with self._pool.child(kind) as child:
                exchange = Exchange(child, plan, silence=self._silence, flat=flat)
                await exchange.ask()
                if time.monotonic() >= self._usage_due:
                    self._usage_due = time.monotonic() + _USAGE_SECONDS
                    exchange.ask_for_usage()
                first = await exchange.first()
                self._pool.prepare(kind)
                yield self._answer(plan, exchange, first)
                await exchange.late_limits()
                if exchange.limits:
                    self._on_limits(exchange.limits)
        except OSError as error:
            self._cli.forget()
            raise ClaudeCodeMissing(
                f"Claude Code could not be started: {error.strerror or error}. See whether `claude --version` works in "
                "a terminal."
            ) from error

    def can_reread(self) -> bool:
        """Claude Code renews its sign-in itself."""
        return False

    def refused(self, error: CredentialRefused) -> None:
        self._cli.forget()

    async def close(self) -> None:
        await self._pool.close()

    def _answer(self, plan: Plan, exchange: Exchange, first: list[Event] | Failure) -> UpstreamAnswer:
        ignored = {_IGNORED: ",".join(plan.ignored)} if plan.ignored else {}
        if isinstance(first, Failure):
            if first.status == 401:
                self._cli.forget()
            return _Answer(first.status, "application/json", {**first.headers, **ignored}, _once(first.body))
        if plan.stream:
            return _Answer(200, "text/event-stream; charset=utf-8", ignored, _frames(first, exchange))
        return _Answer(200, "application/json", ignored, _whole(first, exchange))

    def _installation(self) -> Installation:
        """Raises ClaudeCodeMissing."""
        installation = self._cli.find()
        if installation is None:
            raise ClaudeCodeMissing(
                f"Claude Code is not installed, or does not run. Install it with `{INSTALL_COMMAND}`, or name it in "
                "the setting claude_path."
            )
        if why := too_old(installation):
            raise ClaudeCodeMissing(why)
        return installation

    async def _start(self, kind: Kind) -> Child:
        installation = await asyncio.to_thread(self._installation)
        return await self._run(installation, kind, {})

    async def _start_for_check(self, plan: Plan, address: str) -> Child:
        installation = await asyncio.to_thread(self._installation)
        kind = Kind(plan.fit, str(installation.path), installation.version, address)
        return await self._run(installation, kind, {"CLAUDE_CODE_OAUTH_TOKEN": _NO_TOKEN})

    async def _run(self, installation: Installation, kind: Kind, extra: Mapping[str, str]) -> Child:
        environment = self._cli.environment(installation)
        for name in _PERSONAL_VARIABLES:
            environment.pop(name, None)
        environment |= {**_VARIABLES, "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(kind.fit.max_tokens), **extra}
        if kind.base_url is not None:
            environment["ANTHROPIC_BASE_URL"] = kind.base_url
        await asyncio.to_thread(make_private_directory, self._directory)
        return await Child.start([kind.program, *kind.fit.arguments()], environment, self._directory)


def too_old(installation: Installation) -> str | None:
    """What to tell a person whose Claude Code cannot be used; None where it can."""
    if installation.numbers >= MINIMUM_VERSION:
        return None
    minimum = ".".join(map(str, MINIMUM_VERSION))
    return f"Claude Code {installation.version.split(' ')[0]} is too old for this: update it to {minimum} or newer."


def _planned(request: UpstreamRequest) -> Plan:
    if request.path != "/v1/messages":
        raise InvalidRequest(
            f"Claude Code cannot be asked for {request.path}, only for messages. The routes over HTTPS (direct, "
            "api-key) can.",
            code="not_on_this_route",
        )
    try:
        body = json_codec.decode(request.body)
    except json_codec.JSONError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}.", code="invalid_json") from None
    return plan_request(object_or_empty(body))


class _Answer:
    """An answer that has begun; `body` is still to be read."""

    def __init__(self, status: int, content_type: str, headers: Mapping[str, str], body: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": content_type, **headers}
        self._body = body

    def chunks(self) -> AsyncIterator[bytes]:
        return self._body


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _frames(first: list[Event], exchange: Exchange) -> AsyncIterator[bytes]:
    yield _encoded(first)
    async for events in exchange.rest():
        yield _encoded(events)


def _encoded(events: list[Event]) -> bytes:
    return b"".join(sse.encode(json_codec.encode(event), str(event["type"])) for event in events)


async def _whole(first: list[Event], exchange: Exchange) -> AsyncIterator[bytes]:
    """The message that the events spell, as the API gives it without streaming."""
    accumulator = Accumulator()
    events = [*first, *[event async for batch in exchange.rest() for event in batch]]
    accumulator.feed(events)
    endings = [object_or_empty(event.get("delta")) for event in events if event["type"] == "message_delta"]
    message: JsonObject = {
        "type": "message",
        "role": "assistant",
        **accumulator.message,
        "content": [_with_input(block) for block in accumulator.message["content"]],
        "stop_sequence": endings[-1].get("stop_sequence") if endings else None,
    }
    yield json_codec.encode(message)


def _with_input(block: JsonObject) -> JsonObject:
    arguments: Any = block.pop(ARGUMENTS, None)
    if arguments:
        # Cut off by the limit of tokens, they mean nothing.
        with contextlib.suppress(json_codec.JSONError):
            block["input"] = json_codec.decode(arguments)
    return block
