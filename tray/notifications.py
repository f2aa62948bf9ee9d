"""What is worth interrupting a person for: once for each state, until it clears."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.status import Failure, Status

from .menu import clock, limit_holds, passed_over

Level = Literal["problems", "all", "off"]

# A network that is away for a moment is nobody's business.
UNREACHABLE_SECONDS = 60.0
_NEEDED = frozenset({"not_signed_in", "renewal_failed", "damaged"})
_NEARLY = 0.9
# Where nobody says when a limit ends.
_LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Notification:
    """`key` names the state that it tells of; it is told again only after that state has been over."""

    key: str
    title: str
    text: str


class Notifier:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._limit_until = 0.0

    def news(self, status: Status, level: Level, now: float) -> list[Notification]:
        """What `status` gives reason to tell now."""
        holding = {note.key: note for note in _problems(status, now)}
        if level == "all":
            holding |= {note.key: note for note in _good_to_know(status, now)}
        fresh = [note for key, note in holding.items() if key not in self._told]
        if not status.running:
            # What was told of a server that runs is told again only when it was over while it ran.
            self._told |= holding.keys()
            return [] if level == "off" else fresh
        ended = self._told - holding.keys()
        over = _over(ended, status)
        # A limit may concern one model, and requests for others go on: one notification until it is over.
        if "limit" in holding:
            problem = status.problem
            self._limit_until = (problem.until if problem else None) or now + _LIMIT_SECONDS
        limit = {"limit"} if "limit" in self._told and now < self._limit_until else set[str]()
        self._told = set(holding) | limit
        return [] if level == "off" else [*fresh, *over]


def _problems(status: Status, now: float) -> Iterator[Notification]:
    if status.failure is not None:
        yield _failed(status.failure, status.port)
    if not status.running:
        return
    sign_in, problem = status.sign_in, status.problem
    if sign_in is not None and sign_in.state in _NEEDED:
        yield Notification("sign_in", "Sign in to Claude", "Your apps get errors until you do")
    if (problem is not None and problem.kind == "refused") or (sign_in is not None and sign_in.state == "refused"):
        text = "Choose Claude Code, the Console or an API key"
        yield Notification("refused", "Claude did not accept this login", text)
    if told := passed_over(status):
        yield Notification("passed over", "Claude did not accept this login", told)
    if status.billed_route is not None:
        text = f"Requests go by {status.billed_route} now and are billed to its organisation"
        yield Notification(f"billed {status.billed_route}", "Requests are billed now", text)
    if problem is None:
        return
    if limit_holds(problem, now):
        window = "Weekly" if status.limits and "seven_day" in (status.limits.claim or "") else "5-hour"
        until = f" until {clock(problem.until, now)}" if problem.until else ""
        yield Notification("limit", f"{window} limit reached", f"Requests fail{until}")
    elif problem.kind == "unreachable" and now - problem.since >= UNREACHABLE_SECONDS:
        yield Notification("unreachable", "Cannot reach Claude", "Requests are failing")


def _failed(failure: Failure, port: int | None) -> Notification:
    match failure.kind:
        case "port_in_use":
            if failure.holder is None:
                return Notification("address", "The server did not start", failure.message)
            who = failure.holder
            return Notification("port", f"Port {port} is in use", f"{who} uses it, so the server did not start")
        case "crashed":
            # Each message is a state of its own: "Restarted (2 of 3)" is news after "Restarted (1 of 3)".
            return Notification(f"crashed {failure.message}", "The server stopped unexpectedly", failure.message)
        case "settings":
            return Notification("settings", "The settings are not understood", failure.message)


def _good_to_know(status: Status, now: float) -> Iterator[Notification]:
    window = status.limits.window("five_hour") if status.limits else None
    if window is not None and (window.utilization or 0) >= _NEARLY:
        until = f", resets {clock(window.resets_at, now)}" if window.resets_at else ""
        yield Notification("nearly", "5-hour limit nearly reached", f"{window.utilization:.0%} is used{until}")
    if status.update is not None:
        text = "The page About of the dashboard leads to it"
        yield Notification(f"update {status.update.version}", f"Version {status.update.version} is out", text)
    if status.sign_in is not None and status.sign_in.state == "signed_in":
        yield Notification("signed in", "Signed in", status.sign_in.account or status.sign_in.source or "")


def _over(ended: set[str], status: Status) -> list[Notification]:
    """The end is told only of what was shown, and only where a person waits for it."""
    if "unreachable" in ended and status.problem is None:
        return [Notification("reachable", "Claude can be reached again", "Requests work")]
    return []
