"""What is told, how often, and what never is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.status import Failure, Limits, LimitWindow, Problem, Release, SignIn, Status
from tray.notifications import Notifier

RUNNING = Status(server="running", port=3456, sign_in=SignIn("direct", "signed_in"))
UNREACHABLE = replace(RUNNING, problem=Problem("unreachable", "upstream_unreachable", since=100.0))


def titles(notifier: Notifier, status: Status, now: float = 0.0, level: str = "problems") -> list[str]:
    return [note.title for note in notifier.news(status, level, now)]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (replace(RUNNING, sign_in=SignIn("auto", "not_signed_in")), "Sign in to Claude"),
        (replace(RUNNING, problem=Problem("refused", "x", 0.0)), "Claude did not accept this login"),
        (Status("failed", port=3456, failure=Failure("port_in_use", "…", "node")), "Port 3456 is in use"),
        (Status("failed", failure=Failure("crashed", "Restarted (1 of 3).")), "The server stopped unexpectedly"),
        (replace(RUNNING, billed_route="api-key"), "Requests are billed now"),
    ],
)
def test_a_state_is_told_once_until_it_has_been_over(status: Status, title: str) -> None:
    notifier = Notifier()
    assert titles(notifier, status) == [title]
    assert titles(notifier, status) == []
    assert titles(notifier, RUNNING) == []
    assert titles(notifier, status) == [title]
    assert titles(Notifier(), status, level="off") == []


def test_an_outage_is_told_after_a_minute_and_its_end_only_if_it_was_told() -> None:
    notifier = Notifier()
    assert titles(notifier, UNREACHABLE, now=159.0) == []
    assert titles(notifier, RUNNING, now=159.5) == []
    assert titles(notifier, UNREACHABLE, now=160.0) == ["Cannot reach Claude"]
    assert titles(notifier, RUNNING, now=170.0) == ["Claude can be reached again"]


def test_what_is_merely_good_to_know_needs_the_level_all() -> None:
    nearly = replace(RUNNING, limits=Limits(0.0, windows=(LimitWindow("five_hour", 0.93),)))
    assert titles(Notifier(), nearly) == []
    assert titles(Notifier(), nearly, level="all") == ["5-hour limit nearly reached", "Signed in"]
    newer = replace(RUNNING, update=Release("1.2.0", "https://releases.example/1.2.0"))
    assert titles(Notifier(), newer) == []
    assert titles(Notifier(), newer, level="all") == ["Version 1.2.0 is out", "Signed in"]


def test_each_restart_is_news() -> None:
    notifier = Notifier()
    for attempt in (1, 2, 3):
        failed = Status("failed", failure=Failure("crashed", f"Restarted ({attempt} of 3)."))
        assert len(titles(notifier, failed)) == 1
        assert titles(notifier, RUNNING) == []


def test_a_refused_sign_in_that_is_passed_over_is_told_once() -> None:
    refused = SignIn("direct", "refused", refused_at=1.0)
    through = Status("running", sign_in=SignIn("claude-code", "signed_in"), refused=refused)
    notifier = Notifier()
    told = notifier.news(through, "problems", 2.0)
    assert [note.text for note in told] == ["Claude Sign-In Not Accepted: Using Claude Code"]
    assert notifier.news(through, "problems", 3.0) == []


def test_the_limit_is_named() -> None:
    weekly = replace(RUNNING, problem=Problem("limit", "x", 0.0), limits=Limits(0.0, claim="seven_day_opus"))
    assert titles(Notifier(), weekly) == ["Weekly limit reached"]


def test_a_limit_of_one_model_is_told_once_while_others_are_served() -> None:
    notifier = Notifier()
    limit = replace(RUNNING, problem=Problem("limit", "insufficient_quota", 0.0, until=5000.0))
    told = [titles(notifier, status, now) for now, status in enumerate([limit, RUNNING, limit, RUNNING, limit])]
    assert told == [["5-hour limit reached"], [], [], [], []]
    assert titles(notifier, RUNNING, 6000.0) == []
    assert titles(notifier, replace(limit, problem=Problem("limit", "x", 6000.0, 9000.0)), 6001.0) != []


def test_a_restart_is_no_reason_to_tell_it_again() -> None:
    notifier = Notifier()
    needed = replace(RUNNING, sign_in=SignIn("auto", "not_signed_in"))
    assert titles(notifier, needed) == ["Sign in to Claude"]
    assert titles(notifier, replace(needed, server="stopped")) == []
    assert titles(notifier, needed) == []
