"""One request through the chosen route: retries, healing, refusals, and the first event before a status is promised."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar, cast

from . import json_codec, sse
from .answers import EventError, decode_event, message_events
from .errors import CredentialRefused, StreamTruncated, UpstreamError
from .log import redact
from .messages import Event, Message
from .status import StatusBoard, after_failure, after_success
from .upstream_errors import Teller, error_event, is_retryable, upstream_error
from .upstreams import Upstream, UpstreamAnswer, UpstreamRequest

_MAX_RETRIES = 2
_MAX_HEALS = 3
_RETRY_BUDGET_SECONDS = 15.0
_FIRST_DELAY_SECONDS = 0.5
_MAX_ERROR_BODY = 1024 * 1024
# A whole answer that came without streaming.
_MAX_ANSWER_BODY = 64 * 1024 * 1024

# How long a finished answer's connection may take to end by itself, so that it can be used again.
_DRAIN_SECONDS = 1.0

T = TypeVar("T")


class Call(Protocol):
    """What a dialect hands to the gateway: the request, and what may be done when Claude refuses it."""

    @property
    def committed(self) -> bool:
        """Whether a status has gone to the client: from then on nothing may be tried again."""
        ...

    def chosen(self, route: str) -> None:
        """Told once which route serves the call."""
        ...

    def request(self) -> UpstreamRequest: ...

    def heal(self, error: UpstreamError) -> bool:
        """Change the request so that it will not fail like this again; False where that is not possible."""
        ...


class Routes(Protocol):
    """Picks the upstream that serves the next request."""

    async def choose(self) -> Upstream:
        """Raises NotSignedIn when none can."""
        ...

    async def instead_of(self, refused: Upstream) -> Upstream | None:
        """Another one for a request that `refused` may not serve; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that has begun well. `headers` are the upstream's, lower-case names."""

    route: str
    status: int
    headers: Mapping[str, str]
    first: bytes
    rest: AsyncIterator[bytes]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes, those that were looked at first included."""
        if self.first:
            yield self.first
        async for chunk in self.rest:
            yield chunk


@dataclass(frozen=True, slots=True)
class OpenedEvents:
    """An answer that has begun well, as batches of events: one batch for what one read brought."""

    route: str
    headers: Mapping[str, str]
    first: list[Event]
    rest: AsyncIterator[list[Event]]

    async def batches(self) -> AsyncIterator[list[Event]]:
        if self.first:
            yield self.first
        async for batch in self.rest:
            yield batch


Begun = TypeVar("Begun", Opened, OpenedEvents)


class Gateway:
    """Sends calls upstream. Lives inside one event loop."""

    def __init__(self, routes: Routes, board: StatusBoard) -> None:
        self._routes = routes
        self._board = board

    @asynccontextmanager
    async def open_bytes(self, call: Call) -> AsyncGenerator[Opened]:
        """The answer as Anthropic's own bytes, for native clients. Raises ProxyError."""
        async with self._opened(call, _peek_bytes) as opened:
            yield opened

    @asynccontextmanager
    async def open_events(self, call: Call) -> AsyncGenerator[OpenedEvents]:
        """The answer as events, up to and with the first that says something. Raises ProxyError, while it is
        read as well: an error event, a broken connection or bytes that are no events end the iteration so."""
        async with self._opened(call, _peek_events) as opened:
            yield opened

    @asynccontextmanager
    async def _opened(self, call: Call, peek: Callable[[_Attempt], Awaitable[Begun]]) -> AsyncGenerator[Begun]:
        upstream = await self._routes.choose()
        call.chosen(upstream.route)
        patience = _Patience()
        async with AsyncExitStack() as stack:
            while True:
                attempt_stack = await stack.enter_async_context(AsyncExitStack())
                try:
                    opened = await self._attempt(upstream, call, attempt_stack, peek)
                    break
                except UpstreamError as error:
                    await attempt_stack.aclose()
                    self._note_failure(upstream, error)
                    if isinstance(error, CredentialRefused):
                        upstream.refused(error)
                        instead = None if call.committed else await self._routes.instead_of(upstream)
                        if instead is None:
                            raise
                        upstream = instead
                        call.chosen(upstream.route)
                        continue
                    if call.committed:
                        raise
                    if error.upstream_status == 401 and not patience.reread and upstream.can_reread():
                        patience.reread = True
                        continue
                    if patience.heals < _MAX_HEALS and error.status == 400 and call.heal(error):
                        patience.heals += 1
                        continue
                    delay = patience.delay_after(error)
                    if delay is None:
                        raise
                    await asyncio.sleep(delay)
            self._note_success(upstream, opened.headers)
            yield opened

    def _note_success(self, upstream: Upstream, headers: Mapping[str, str]) -> None:
        now = time.time()
        self._board.change(lambda status: after_success(status, upstream.route, headers, now))

    def _note_failure(self, upstream: Upstream, error: UpstreamError) -> None:
        now, told = time.time(), error.upstream_headers
        self._board.change(lambda status: after_failure(status, upstream.route, error.code, told, now))

    async def _attempt(
        self, upstream: Upstream, call: Call, stack: AsyncExitStack, peek: Callable[[_Attempt], Awaitable[Begun]]
    ) -> Begun:
        answer = await stack.enter_async_context(upstream.open(call.request()))
        attempt = _Attempt(upstream, answer)
        if answer.status >= 300:
            body = await _read_at_most(answer, _MAX_ERROR_BODY)
            raise attempt.error(answer.status, body)
        return await peek(attempt)


class _Patience:
    """How often one call is tried again: at most twice, within 15 seconds."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _RETRY_BUDGET_SECONDS
        self._retries = 0
        self.heals = 0
        # The credential was read anew after a 401.
        self.reread = False

    def delay_after(self, error: UpstreamError) -> float | None:
        """Seconds to wait before the next try; None where there is none."""
        if self._retries >= _MAX_RETRIES or not is_retryable(error):
            return None
        delay = _FIRST_DELAY_SECONDS * 2**self._retries * random.uniform(0.75, 1.25)
        asked = retry_after_seconds(error.headers.get("retry-after"), time.time())
        # Only what the upstream itself asked for counts; what we tell clients on a 529 is our own advice.
        if asked is not None and error.upstream_status != 529:
            delay = max(delay, asked)
        if time.monotonic() + delay > self._until:
            return None
        self._retries += 1
        return delay


@dataclass(frozen=True, slots=True)
class _Attempt:
    upstream: Upstream
    answer: UpstreamAnswer

    def error(self, status: int, body: bytes) -> UpstreamError:
        return upstream_error(status, self.answer.headers, body, self._teller())

    def error_event(self, event: Event) -> UpstreamError:
        return error_event(event, self._teller())

    def _teller(self) -> Teller:
        return Teller(self.upstream.host, self.upstream.route, redact, local_time)


def local_time(seconds: float) -> str:
    """A moment as this machine's clock on the wall would show it."""
    moment = datetime.fromtimestamp(seconds).astimezone()
    today = datetime.now().astimezone().date()
    return f"{moment:%H:%M}" if moment.date() == today else f"{moment:%a %d %b, %H:%M}"


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """A `retry-after` header as seconds from `now`: it is a number or an HTTP date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError):
        return None


async def _peek_bytes(attempt: _Attempt) -> Opened:
    """Read until the first event is known; an `error` event there is an error with a status of its own."""
    chunks = attempt.answer.chunks()
    first = bytearray()
    if _is_event_stream(attempt.answer):
        decoder = sse.Decoder()
        frames: list[sse.Frame] = []
        while not frames and (chunk := await anext(chunks, None)) is not None:
            first += chunk
            try:
                frames = decoder.feed(chunk)
            except sse.FrameTooLarge as error:
                raise _unreadable(attempt, str(error)) from error
        if not first:
            raise _truncated(attempt)
        if frames:
            _raise_if_error(attempt, frames[0])
    return Opened(attempt.upstream.route, attempt.answer.status, attempt.answer.headers, bytes(first), chunks)


def _raise_if_error(attempt: _Attempt, frame: sse.Frame) -> None:
    try:
        event = decode_event(frame)
    except EventError as error:
        if frame.event == "error":
            raise _unreadable(attempt, str(error)) from error
        return  # not ours to judge: the bytes go on to the client as they are
    if event is not None and event["type"] == "error":
        failure = attempt.error_event(event)
        failure.body, failure.content_type = frame.data, "application/json"
        raise failure


async def _peek_events(attempt: _Attempt) -> OpenedEvents:
    """Read until an event says something: before that, an error still has a status of its own."""
    answer = attempt.answer
    if _is_event_stream(answer):
        batches = _event_batches(attempt, answer.chunks())
    else:
        body = await _read_at_most(answer, _MAX_ANSWER_BODY)
        if body.lstrip().startswith((b"event:", b"data:", b":")):
            batches = _event_batches(attempt, _once(body))
        else:
            batches = _once(list(message_events(_whole_message(attempt, body))))
    first: list[Event] = []
    async for batch in batches:
        first += batch
        if any(event["type"] not in ("message_start", "ping") for event in batch):
            break
    return OpenedEvents(attempt.upstream.route, answer.headers, first, batches)


async def _event_batches(attempt: _Attempt, chunks: AsyncIterator[bytes]) -> AsyncIterator[list[Event]]:
    """Batches of events until the message is complete. Raises what ended the stream before that."""
    reader = _EventReader(attempt)
    try:
        async for chunk in chunks:
            batch = reader.read(chunk)
            if batch:
                yield batch
            if reader.failure is not None:
                raise reader.failure
            if reader.has_stopped:
                await _drain(chunks)
                return
    except StreamTruncated:
        # All content is there once the reason of its end is known.
        if not reader.has_stop_reason:
            raise
    if not reader.has_stop_reason:
        raise _truncated(attempt)


class _EventReader:
    """Bytes of one stream → its events, and how far the answer has come."""

    def __init__(self, attempt: _Attempt) -> None:
        self._attempt = attempt
        self._decoder = sse.Decoder()
        self.has_stop_reason = False
        self.has_stopped = False
        # What went wrong after the events that were read.
        self.failure: UpstreamError | None = None

    def read(self, chunk: bytes) -> list[Event]:
        batch: list[Event] = []
        try:
            for frame in self._decoder.feed(chunk):
                event = decode_event(frame)
                if event is None:
                    continue
                kind = event["type"]
                if kind == "error":
                    self.failure = self._attempt.error_event(event)
                    break
                batch.append(event)
                if kind == "message_delta":
                    self.has_stop_reason = self.has_stop_reason or _has_stop_reason(event)
                elif kind == "message_stop":
                    self.has_stopped = True
        except (EventError, sse.FrameTooLarge) as error:
            self.failure = _unreadable(self._attempt, str(error))
        return batch


def _truncated(attempt: _Attempt) -> StreamTruncated:
    return StreamTruncated(
        f"{attempt.upstream.host} ended the stream before the answer was complete. What arrived may be cut off; try "
        "again."
    )


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(TimeoutError, UpstreamError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in chunks:
                pass


def _has_stop_reason(event: Event) -> bool:
    return json_codec.object_or_empty(event.get("delta")).get("stop_reason") is not None


def _whole_message(attempt: _Attempt, body: bytes) -> Message:
    try:
        message = json_codec.object_or_empty(json_codec.decode(body))
    except json_codec.JSONError:
        message = {}
    if message.get("type") == "error":
        raise attempt.error_event(message)
    if message.get("type") != "message" or not isinstance(message.get("content"), list):
        raise _unreadable(attempt, "it is neither an event stream nor a message")
    return cast("Message", message)


def _unreadable(attempt: _Attempt, why: str) -> UpstreamError:
    return UpstreamError(f"{attempt.upstream.host} sent an answer that cannot be read: {why}.")


def _is_event_stream(answer: UpstreamAnswer) -> bool:
    return "event-stream" in answer.headers.get("content-type", "")


async def _read_at_most(answer: UpstreamAnswer, limit: int) -> bytes:
    body = bytearray()
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body[:limit])


async def _once(value: T) -> AsyncIterator[T]:
    yield value
