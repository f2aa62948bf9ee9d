"""The state of the proxy in words: the first line that a person reads, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..status import Problem, SignIn, Status
from .words import ROUTE_WORDS

State = Literal["failed", "stopped", "starting", "sign_in", "refused", "unreachable", "limit", "running"]


@dataclass(frozen=True, slots=True)
class Headline:
    """`line` as the tray has it, `more` a sentence below it, `verb` what helps and `page` where that is done."""

    state: State
    line: str
    more: str = ""
    verb: str | None = None
    page: str | None = None


def headline_of(status: Status, clock: Callable[[float], str]) -> Headline:
    """The first state that matches. `clock` shows a moment as the person's clock would."""
    return _server(status) or _sign_in(status.sign_in) or _problem(status.problem, clock) or _running(status, clock)


def _server(status: Status) -> Headline | None:
    match status.server:
        case "failed":
            return Headline(
                "failed",
                "Not Running",
                status.failure.message if status.failure else "The server did not start.",
                "Settings",
                "settings",
            )
        case "stopped":
            return Headline("stopped", "Stopped", "Programs cannot reach Claude through this address.")
        case "starting":
            return Headline("starting", "Starting…")
        case "running":
            return None


def _sign_in(sign_in: SignIn | None) -> Headline | None:
    if sign_in is None or sign_in.state in ("signed_in", "not_needed"):
        return None
    if sign_in.state == "refused":
        return _REFUSED
    if sign_in.state == "expired":
        return None  # it renews, or a request will say that it does not
    more = {
        "renewal_failed": "The sign-in has expired and could not be renewed.",
        "locked": "The keyring that holds the sign-in is locked. Unlock it, then check again.",
        "damaged": sign_in.missing or "The stored sign-in cannot be read.",
    }.get(sign_in.state, "Your programs get errors until there is a way to reach Claude.")
    return Headline("sign_in", "Running: Sign-In Needed", more, "Sign In…", "account")


def _problem(problem: Problem | None, clock: Callable[[float], str]) -> Headline | None:
    if problem is None:
        return None
    match problem.kind:
        case "refused":
            return _REFUSED
        case "unreachable":
            since = f"Requests have been failing since {clock(problem.since)}. Check the network connection."
            return Headline("unreachable", "Running: Claude Unreachable", since)
        case "limit":
            until = f"Requests fail until {clock(problem.until)}." if problem.until else "Requests fail for now."
            return Headline("limit", "Running: Limit Reached", until)


def _running(status: Status, clock: Callable[[float], str]) -> Headline:
    verb = "Demo on" if status.sign_in is not None and status.sign_in.route == "demo" else "Running on"
    line = f"{verb} {status.address or '127.0.0.1'}:{status.port}" if status.port else "Running"
    return Headline("running", line, _passed_over(status, clock))


def _passed_over(status: Status, clock: Callable[[float], str]) -> str:
    """The sign-in that Claude refused, where another one serves in its place."""
    refused, sign_in = status.refused, status.sign_in
    if refused is None or refused.refused_at is None or sign_in is None or sign_in.route == refused.route:
        return ""
    ways = [ROUTE_WORDS[route].label for route in (refused.route, sign_in.route)]
    return f"Claude has refused the {ways[0]} since {clock(refused.refused_at)}. Requests go through {ways[1]}."


_REFUSED = Headline(
    "refused",
    "Running: Login Not Accepted",
    "Claude did not accept this sign-in. Choose Claude Code, the Console or an API key.",
    "Choose Another Route…",
    "account",
)
