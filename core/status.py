"""What is going on, as one frozen value: `/health`, the command line, the dashboard and the tray all show the same.

Nothing private is in here: errors are codes, never texts, and a request is its path, model, times and counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Each request changes the status twice: a dataclass of so many fields takes thirty times as long to replace.
from msgspec import Struct
from msgspec.structs import replace

from .listeners import Listeners

SignInState = Literal[
    "signed_in", "not_signed_in", "expired", "renewal_failed", "refused", "damaged", "locked", "not_needed"
]
ServerState = Literal["stopped", "starting", "running", "failed"]
ProblemKind = Literal["refused", "unreachable", "limit"]
FailureKind = Literal["port_in_use", "settings", "crashed"]

# What is remembered of the requests and errors since the start.
_MOST_REQUESTS = 50

# A single failure is the network's weather; two, or one that lasts, are a state.
_FAILURES_TO_SHOW = 2
_SECONDS_TO_SHOW = 20.0
_UNREACHABLE_CODES = frozenset(
    {"upstream_unreachable", "upstream_timeout", "upstream_stream_truncated", "overloaded", "upstream_error"}
)
_LIMIT_CODES = frozenset({"insufficient_quota"})
_REFUSED_CODES = frozenset({"subscription_route_refused"})

_UNIFIED = "anthropic-ratelimit-unified-"


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the sign-in of a route stands. `source` says where it lies, `account` and `plan` whose it is, as far as that
    is known; `expires_at` and `refused_at` are in seconds since 1970; `missing` is the step that is missing, as a
    sentence."""

    route: str
    state: SignInState
    expires_at: float | None = None
    source: str | None = None
    account: str | None = None
    plan: str | None = None
    missing: str | None = None
    refused_at: float | None = None

    @property
    def usable(self) -> bool:
        """Whether a request could be tried with it."""
        return self.state in ("signed_in", "expired", "not_needed")


@dataclass(frozen=True, slots=True)
class LimitWindow:
    """One of the plan's windows. `utilization` is a share of 1, `resets_at` in seconds since 1970."""

    name: Literal["five_hour", "seven_day"]
    utilization: float | None = None
    resets_at: float | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The plan's limits as the last answer told them at `at`. `claim` names the window that decides."""

    at: float
    status: str | None = None
    claim: str | None = None
    resets_at: float | None = None
    windows: tuple[LimitWindow, ...] = ()

    def window(self, name: str) -> LimitWindow | None:
        return next((window for window in self.windows if window.name == name), None)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the server does not run although it should. `message` is a sentence; `holder` names who has the port."""

    kind: FailureKind
    message: str
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What stands between the clients and Claude now. `code` is that of the error; `until` is when a limit ends."""

    kind: ProblemKind
    code: str
    since: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class RequestNote:
    """One request that was answered: metadata, no content. Times in seconds since 1970 and in milliseconds."""

    at: float
    method: str
    path: str
    status: int | None
    route: str | None
    model: str | None
    first_ms: float | None
    total_ms: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A version that is newer than this one, and the page that says what is new."""

    version: str
    url: str


class Status(Struct, frozen=True):
    """A snapshot. Times are seconds since 1970."""

    server: ServerState = "stopped"
    # Where it listens, or should.
    address: str | None = None
    port: int | None = None
    failure: Failure | None = None
    # The route that served the last request, or None before the first one.
    route: str | None = None
    # The sign-in of the route that the next request takes, as it was last looked at.
    sign_in: SignIn | None = None
    # One that Claude refused and that is not tried again; where `auto` found another way, that is `sign_in`.
    refused: SignIn | None = None
    last_ok: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    problem: Problem | None = None
    limits: Limits | None = None
    # A route that costs money by the request, taken because a plan's route fell away.
    billed_route: str | None = None
    # The newest first.
    requests: tuple[RequestNote, ...] = ()
    # Failures in a row, the first of them at `failing_since`.
    failures: int = 0
    failing_since: float | None = None
    # Web pages that were turned away, by origin, each named once.
    refused_pages: tuple[str, ...] = ()
    # Where somebody looked, and there is one.
    update: Release | None = None

    @property
    def running(self) -> bool:
        return self.server == "running"

    @property
    def last_request(self) -> RequestNote | None:
        return self.requests[0] if self.requests else None


class StatusBoard:
    """Holds the one current `Status`. Any thread posts; listeners are called on the thread that posted."""

    def __init__(self) -> None:
        self._status = Status()
        self._listeners: Listeners[Status] = Listeners()
        self._lock = threading.Lock()

    @property
    def status(self) -> Status:
        return self._status

    def post(self, **changes: Any) -> None:
        """Replace the named fields and tell the listeners."""
        self.change(lambda status: replace(status, **changes))

    def change(self, change: Callable[[Status], Status]) -> None:
        """Replace the status by what `change` makes of it, and tell the listeners where that is something else."""
        with self._lock:
            before = self._status
            after = self._status = change(before)
        if after != before:
            self._listeners.tell(after)

    def listen(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Call `listener` with every later status; the returned function ends that."""
        return self._listeners.add(listener)


def after_success(status: Status, route: str, headers: Mapping[str, str], now: float) -> Status:
    """`status` after Claude answered."""
    limits = limits_of(headers, now) or status.limits
    return replace(status, route=route, last_ok=now, limits=limits, problem=None, failures=0, failing_since=None)


def after_failure(status: Status, route: str, code: str | None, headers: Mapping[str, str], now: float) -> Status:
    """`status` after a request failed: what is a state at once, what only when it lasts, and what never is one (a
    request that was itself wrong)."""
    limits = limits_of(headers, now) or status.limits
    noted = replace(status, route=route, last_error=code, last_error_at=now, limits=limits)
    if code in _REFUSED_CODES:
        return replace(noted, problem=_problem(status, "refused", code, now))
    if code in _LIMIT_CODES:
        return replace(noted, problem=_problem(status, "limit", code, now, limits.resets_at if limits else None))
    if code in _UNREACHABLE_CODES:
        failures, since = status.failures + 1, status.failing_since or now
        shown = failures >= _FAILURES_TO_SHOW or now - since >= _SECONDS_TO_SHOW
        problem = _problem(status, "unreachable", code, since) if shown else status.problem
        return replace(noted, failures=failures, failing_since=since, problem=problem)
    return noted


def with_request(status: Status, note: RequestNote) -> Status:
    return replace(status, requests=(note, *status.requests[: _MOST_REQUESTS - 1]))


def limits_of(headers: Mapping[str, str], now: float) -> Limits | None:
    """The plan's limits, from the headers of an answer (lower-case names); None where it does not tell any.

    The headers `anthropic-ratelimit-unified-*` come with answers to a plan's sign-in, as Claude Code 2.1 reads them.
    """
    status = headers.get(f"{_UNIFIED}status")
    windows = tuple(
        LimitWindow(
            name=name,
            utilization=_number(headers.get(f"{_UNIFIED}{short}-utilization")),
            resets_at=_number(headers.get(f"{_UNIFIED}{short}-reset")),
            status=headers.get(f"{_UNIFIED}{short}-status"),
        )
        for name, short in _WINDOWS
        if any(f"{_UNIFIED}{short}-{part}" in headers for part in ("utilization", "reset", "status"))
    )
    if status is None and not windows:
        return None
    return Limits(
        at=now,
        status=status,
        claim=headers.get(f"{_UNIFIED}representative-claim"),
        resets_at=_number(headers.get(f"{_UNIFIED}reset")),
        windows=windows,
    )


_WINDOWS: tuple[tuple[Literal["five_hour", "seven_day"], str], ...] = (("five_hour", "5h"), ("seven_day", "7d"))


def _problem(status: Status, kind: ProblemKind, code: str, since: float, until: float | None = None) -> Problem:
    """A problem that stays the same keeps the moment at which it began."""
    known = status.problem
    if known is not None and known.kind == kind:
        return Problem(kind, code, known.since, until)
    return Problem(kind, code, since, until)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and value == value and abs(value) < 1e12 else None
