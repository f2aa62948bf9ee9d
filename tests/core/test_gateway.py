"""One request through a route: what is tried again, what heals, and how a stream may end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core import gateway as gateway_module
from core.errors import (
    CredentialRefused,
    NotSignedIn,
    StreamTruncated,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from core.gateway import Gateway, local_time, retry_after_seconds
from core.messages import Event
from core.status import StatusBoard
from core.upstreams import Upstream, UpstreamRequest
from tests.simulated_claude.scenarios import error_event, message_events
from tests.simulated_claude.server import frame

RECORDINGS = sorted((Path(__file__).parents[1] / "fixtures" / "upstream").glob("*.sse"))
GOOD = b"".join(map(frame, message_events([{"type": "text", "text": "Hi"}])))
STREAM = {"content-type": "text/event-stream; charset=utf-8"}


@dataclass
class FakeAnswer:
    """A status and a body in pieces; an exception among them breaks it off."""

    status: int = 200
    body: Sequence[bytes | Exception] = (GOOD,)
    headers: Mapping[str, str] = field(default_factory=lambda: STREAM)

    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self.body:
            if isinstance(part, Exception):
                raise part
            yield part


@dataclass
class FakeUpstream:
    """Gives one answer after the other, or raises what cannot be opened."""

    answers: list[FakeAnswer | Exception]
    route: str = "api-key"
    host: str = "api.anthropic.com"
    asked: list[bytes] = field(default_factory=list)
    open_now: int = 0

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncGenerator[FakeAnswer]:
        self.asked.append(request.body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.open_now += 1
        try:
            yield answer
        finally:
            self.open_now -= 1

    rereads: bool = False
    turned_away: list[CredentialRefused] = field(default_factory=list)

    def can_reread(self) -> bool:
        return self.rereads

    def refused(self, error: CredentialRefused) -> None:
        self.turned_away.append(error)

    async def close(self) -> None: ...


@dataclass
class FakeRoutes:
    upstream: Upstream | None

    async def choose(self) -> Upstream:
        if self.upstream is None:
            raise NotSignedIn("nobody is signed in")
        return self.upstream

    async def instead_of(self, refused: Upstream) -> Upstream | None:
        return None


@dataclass
class FakeCall:
    """A call that heals as often as it has bodies left."""

    bodies: list[bytes] = field(default_factory=lambda: [b"first"])
    committed: bool = False
    route: str = ""

    def chosen(self, route: str) -> None:
        self.route = route

    def request(self) -> UpstreamRequest:
        return UpstreamRequest(self.bodies[0])

    def heal(self, error: UpstreamError) -> bool:
        if len(self.bodies) == 1:
            return False
        self.bodies.pop(0)
        return True


def error(status: int, message: str = "no", headers: Mapping[str, str] | None = None) -> FakeAnswer:
    body = json.dumps({"type": "error", "error": {"type": "some_error", "message": message}}).encode()
    return FakeAnswer(status, [body], {"content-type": "application/json", **(headers or {})})


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "_FIRST_DELAY_SECONDS", 0.001)


def events_of(*answers: FakeAnswer | Exception, call: FakeCall | None = None) -> tuple[FakeUpstream, list[Event]]:
    upstream = FakeUpstream(list(answers))

    async def run() -> list[Event]:
        events: list[Event] = []
        async with Gateway(FakeRoutes(upstream), StatusBoard()).open_events(call or FakeCall()) as opened:
            async for batch in opened.batches():
                events += batch
        return events

    events = asyncio.run(run())
    assert upstream.open_now == 0
    return upstream, events


def failure_of(*answers: FakeAnswer | Exception, call: FakeCall | None = None) -> tuple[FakeUpstream, UpstreamError]:
    upstream = FakeUpstream(list(answers))

    async def run() -> None:
        async with Gateway(FakeRoutes(upstream), StatusBoard()).open_events(call or FakeCall()) as opened:
            async for _ in opened.batches():
                pass

    with pytest.raises(UpstreamError) as caught:
        asyncio.run(run())
    assert upstream.open_now == 0
    return upstream, caught.value


@pytest.mark.parametrize("trouble", [error(502), error(503), error(529), UpstreamUnreachable("reset")])
def test_trouble_that_passes_is_tried_again_twice(trouble: FakeAnswer | Exception) -> None:
    upstream, events = events_of(trouble, trouble, FakeAnswer())
    assert len(upstream.asked) == 3
    assert events[-1]["type"] == "message_stop"
    upstream, _ = failure_of(*[trouble] * 5)
    assert len(upstream.asked) == 3


@pytest.mark.parametrize(
    "trouble",
    [
        *(error(status) for status in (400, 401, 403, 404, 413, 429, 500, 504, 520)),
        error(503, headers={"x-should-retry": "false"}),
        UpstreamTimeout("silence"),
        FakeAnswer(200, [UpstreamTimeout("silence")]),
        FakeAnswer(200, [StreamTruncated("broke")]),
    ],
)
def test_what_may_have_been_billed_or_will_not_pass_is_not_tried_again(trouble: FakeAnswer | Exception) -> None:
    upstream, _ = failure_of(trouble, FakeAnswer())
    assert len(upstream.asked) == 1


def test_e6_a_refused_sign_in_is_never_tried_again() -> None:
    sentence = "OAuth authentication is currently not allowed for this organization."
    upstream, failure = failure_of(error(403, sentence), FakeAnswer())
    assert isinstance(failure, CredentialRefused)
    assert len(upstream.asked) == 1


def test_a_wait_that_the_upstream_asks_for_is_kept_if_it_is_short_and_passed_on_if_not() -> None:
    began = time.monotonic()
    events_of(error(503, headers={"retry-after": "1"}), FakeAnswer())
    assert time.monotonic() - began >= 1
    upstream, failure = failure_of(error(503, headers={"retry-after": "60"}), FakeAnswer())
    assert len(upstream.asked) == 1
    assert failure.headers["retry-after"] == "60"


def test_nothing_is_tried_again_once_the_client_has_heard_something() -> None:
    upstream, _ = failure_of(error(529), FakeAnswer(), call=FakeCall(committed=True))
    assert len(upstream.asked) == 1


def test_a_refused_request_heals_at_most_three_times() -> None:
    upstream, _ = events_of(error(400), FakeAnswer(), call=FakeCall([b"a", b"b"]))
    assert upstream.asked == [b"a", b"b"]
    upstream, _ = failure_of(*[error(400)] * 9, call=FakeCall([b"a"] * 9))
    assert len(upstream.asked) == 4


def test_nobody_signed_in_is_said_before_anything_is_sent() -> None:
    async def run() -> None:
        async with Gateway(FakeRoutes(None), StatusBoard()).open_events(FakeCall()):
            raise AssertionError

    with pytest.raises(NotSignedIn):
        asyncio.run(run())


def test_r26_an_error_event_before_any_content_is_an_error_with_a_status() -> None:
    start = message_events([])[0]
    body = [frame(start), frame({"type": "ping"}), frame(error_event())]
    upstream, events = events_of(FakeAnswer(200, body), FakeAnswer())
    assert len(upstream.asked) == 2
    assert events
    _, failure = failure_of(*[FakeAnswer(200, [b"".join(body)])] * 3)
    assert (failure.status, failure.code) == (503, "overloaded")


def test_r25_an_error_event_after_content_ends_the_stream_after_what_came_before() -> None:
    begun = message_events([{"type": "text", "text": "Hi"}])[:4]
    upstream = FakeUpstream([FakeAnswer(200, [b"".join(map(frame, begun)), frame(error_event())])])
    seen: list[str] = []

    async def run() -> None:
        async with Gateway(FakeRoutes(upstream), StatusBoard()).open_events(FakeCall()) as opened:
            async for batch in opened.batches():
                seen.extend(event["type"] for event in batch)

    with pytest.raises(UpstreamError) as caught:
        asyncio.run(run())
    assert caught.value.code == "overloaded"
    assert seen[-1] == "content_block_delta"


def test_r27_an_end_without_an_end_is_an_error() -> None:
    _, failure = failure_of(FakeAnswer(200, [GOOD.partition(b"event: message_delta")[0]]))
    assert (failure.status, failure.code) == (502, "upstream_stream_truncated")


def test_r28_an_end_after_the_stop_reason_is_one() -> None:
    _, events = events_of(FakeAnswer(200, [GOOD.partition(b"event: message_stop")[0]]))
    assert events[-1]["type"] == "message_delta"


WHOLE = {"type": "message", "id": "msg_1", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_e21_a_whole_message_in_place_of_a_stream_is_converted(kind: str) -> None:
    body = json.dumps({**WHOLE, "usage": {"input_tokens": 1, "output_tokens": 2}}).encode()
    _, events = events_of(FakeAnswer(200, [body[:20], body[20:]], {"content-type": kind}))
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"


def test_e21_a_stream_under_another_name_is_still_one() -> None:
    _, events = events_of(FakeAnswer(200, [GOOD], {"content-type": "application/json"}))
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>", {"content-type": "text/html"}),
        (b'{"type":"mess', {"content-type": "application/json"}),
        (b"", {}),
        (b"[]", {}),
        (b'{"type":"message"}', {}),
        (b"data: {\n\n", STREAM),
        (b"data: 5\n\n", STREAM),
        (b"hello", STREAM),
        (b"", STREAM),
    ],
)
def test_e21_garbage_is_502(body: bytes, headers: dict[str, str]) -> None:
    _, failure = failure_of(FakeAnswer(200, [body], headers))
    assert failure.status == 502


def test_e21_an_error_under_status_200_is_an_error() -> None:
    body = json.dumps(error_event("invalid_request_error", "so not")).encode()
    _, failure = failure_of(FakeAnswer(200, [body], {}))
    assert (failure.status, failure.message) == (400, "so not")


@pytest.mark.parametrize("end", [None, StreamTruncated("reset")], ids=["ends", "breaks"])
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_stream_that_dies_at_any_byte_is_never_taken_for_a_whole_one(recording: Path, end: Exception | None) -> None:
    """R25, R27: however much had come. Only behind a complete stop reason is an end an end."""
    stream = recording.read_bytes()
    last_delta = stream.rindex(b"event: message_delta")
    complete = last_delta + len(stream[last_delta:].replace(b"\r\n", b"\n").partition(b"\n\n")[0]) + 2

    async def outcome(place: int) -> bool:
        body: list[bytes | Exception] = [stream[:place], *([end] if end else [])]
        routes = FakeRoutes(FakeUpstream([FakeAnswer(200, body)]))
        try:
            async with Gateway(routes, StatusBoard()).open_events(FakeCall()) as opened:
                async for _ in opened.batches():
                    pass
        except UpstreamError:
            return False
        return True

    async def run() -> list[int]:
        return [place for place in range(len(stream)) if await outcome(place)]

    good = asyncio.run(run())
    assert good
    assert min(good) >= complete


def test_bytes_pass_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = GOOD.replace(b"\n", b"\r\n") + b": and more"
    upstream = FakeUpstream([FakeAnswer(200, [odd[:30], odd[30:]])])

    async def run() -> bytes:
        async with Gateway(FakeRoutes(upstream), StatusBoard()).open_bytes(FakeCall()) as opened:
            return b"".join([chunk async for chunk in opened.chunks()])

    assert asyncio.run(run()) == odd


def test_r26_bytes_that_begin_with_an_error_are_one() -> None:
    sent = frame(error_event())
    upstream = FakeUpstream([FakeAnswer(200, [sent[:10], sent[10:]]), FakeAnswer()])

    async def run() -> bytes:
        async with Gateway(FakeRoutes(upstream), StatusBoard()).open_bytes(FakeCall()) as opened:
            return b"".join([chunk async for chunk in opened.chunks()])

    assert asyncio.run(run()) == GOOD
    assert len(upstream.asked) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("5", 5),
        ("0.5", 0.5),
        ("-3", 0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, now=40.0) == seconds


def test_a_moment_is_told_by_the_clock_on_the_wall() -> None:
    assert local_time(time.time()).count(":") == 1
    assert "," in local_time(time.time() + 3 * 86400)
