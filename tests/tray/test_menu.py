"""The menu, read as data: what a person sees in each state, and what they can do about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from msgspec.structs import replace as changed

from core.status import Failure, Limits, LimitWindow, Problem, SignIn, Status
from tray.entries import Entry
from tray.menu import View, appearance, clock, entries

NOW = datetime(2026, 11, 25, 13, 20).timestamp()
SIGNED_IN = SignIn("direct", "signed_in", NOW + 12_000, "/home/me/.claude/.credentials.json", "me@example.com", "max")
RUNNING = Status(server="running", address="127.0.0.1", port=3456, sign_in=SIGNED_IN)


def view(status: Status = RUNNING, **changes: object) -> View:
    return replace(
        View(status, route="auto", methods=("claude", "console"), autostart="off", free_port=3457, now=NOW), **changes
    )


def labels(menu: list[Entry]) -> list[str]:
    return ["---" if entry.separator else entry.label for entry in menu]


def submenu(menu: list[Entry], label: str) -> tuple[Entry, ...]:
    return next(entry.submenu for entry in menu if entry.label == label)


def test_the_whole_menu_of_a_server_that_runs() -> None:
    assert labels(entries(view())) == [
        "Running on 127.0.0.1:3456",
        "Claude Max · me@example.com · Claude Sign-In",
        "---",
        "Open Dashboard",
        "Copy Base URL",
        "---",
        "Stop Server",
        "Restart Server",
        "Route",
        "Account",
        "---",
        "Start at Login",
        "Settings…",
        "Help",
        "---",
        "Quit CLIProxyAPI",
    ]


@pytest.mark.parametrize(
    ("status", "icon", "line", "remedy"),
    [
        (
            Status("failed", "127.0.0.1", 3456, Failure("port_in_use", "In use.", "node")),
            "failed",
            "Not Running: Port 3456 in Use",
            "Change Port to 3457",
        ),
        (Status("stopped"), "stopped", "Stopped", None),
        (Status("starting"), "starting", "Starting…", None),
        (
            changed(RUNNING, sign_in=SignIn("auto", "not_signed_in")),
            "sign_in_needed",
            "Running: Sign-In Needed",
            "Sign In with Claude…",
        ),
        (
            changed(RUNNING, problem=Problem("refused", "subscription_route_refused", NOW)),
            "not_accepted",
            "Running: Login Not Accepted",
            "Choose Another Route…",
        ),
        (
            changed(RUNNING, problem=Problem("unreachable", "overloaded", NOW)),
            "unreachable",
            "Running: Claude Unreachable",
            "Check Connection Now",
        ),
        (
            changed(RUNNING, problem=Problem("limit", "insufficient_quota", NOW, NOW + 2_700)),
            "limit",
            "Running: Limit Reached",
            "See When It Resets…",
        ),
        (RUNNING, "running", "Running on 127.0.0.1:3456", None),
        (
            changed(RUNNING, sign_in=SignIn("demo", "not_needed")),
            "running",
            "Demo on 127.0.0.1:3456",
            None,
        ),
    ],
)
def test_each_state_has_its_icon_its_line_and_its_remedy(
    status: Status, icon: str, line: str, remedy: str | None
) -> None:
    menu = entries(view(status))
    assert (appearance(view(status)).icon, menu[0].label, menu[0].clickable) == (icon, line, False)
    remedies = [entry.label for entry in menu if (entry.verb or "").startswith("remedy:")]
    assert remedies == ([remedy] if remedy else [])


def test_a_refused_sign_in_that_is_passed_over_is_told() -> None:
    refused = SignIn("direct", "refused", refused_at=NOW)
    through = changed(RUNNING, sign_in=SignIn("claude-code", "signed_in"), refused=refused)
    assert "Claude Sign-In Not Accepted: Using Claude Code" in labels(entries(view(through)))
    assert appearance(view(through)).icon == "running"


def test_a_limit_whose_time_is_over_is_no_state() -> None:
    over = changed(RUNNING, problem=Problem("limit", "insufficient_quota", NOW - 9_000, NOW - 1))
    assert appearance(view(over)).icon == "running"


def test_what_the_server_shows_needs_the_server() -> None:
    stopped = entries(view(Status("stopped")))
    assert "Start Server and Open Dashboard" in labels(stopped)
    assert not next(entry for entry in stopped if entry.verb == "open_settings").clickable
    busy = entries(
        replace(view(Status("failed", "127.0.0.1", 3456, Failure("port_in_use", "In use.", "node"))), free_port=None)
    )
    assert not any((entry.verb or "").startswith("remedy:") for entry in busy), "there is no port to change to"


def test_no_two_entries_share_a_verb() -> None:
    needed = changed(RUNNING, sign_in=SignIn("auto", "not_signed_in"))
    for status in (RUNNING, needed, Status("stopped")):
        menu = entries(view(status))
        verbs = [entry.verb for top in menu for entry in (top, *top.submenu) if entry.verb]
        assert len(verbs) == len(set(verbs))


def test_the_windows_are_shown_with_the_time_at_which_they_end_and_their_age() -> None:
    five, week = LimitWindow("five_hour", 0.42, NOW + 2_700), LimitWindow("seven_day", 0.18)
    fresh = changed(RUNNING, limits=Limits(NOW - 5, windows=(five, week)))
    assert "5 h: 42% until 14:05 · Week: 18%" in labels(entries(view(fresh)))
    assert appearance(view(fresh)).tooltip == "CLIProxyAPI: Running on 127.0.0.1:3456 · 5 h 42% · week 18%"
    old = changed(fresh, limits=Limits(NOW - 1_200, windows=(five,)))
    assert "5 h: 42% until 14:05 (as of 13:00)" in labels(entries(view(old)))
    reached = changed(fresh, problem=Problem("limit", "insufficient_quota", NOW, NOW + 2_700))
    assert appearance(view(reached)).tooltip == "CLIProxyAPI: Running: Limit Reached · resets 14:05"


def test_a_route_that_cannot_work_is_grey_and_says_why() -> None:
    options = (
        SignIn("api-key", "not_signed_in"),
        SIGNED_IN,
        SignIn("console", "locked"),
        SignIn("demo", "not_needed"),
    )
    routes = {entry.label: entry for entry in submenu(entries(view(options=options)), "Route")}
    assert routes["Automatic"].checked
    assert routes["Claude Sign-In"].clickable
    assert not routes["API Key (not signed in)"].clickable
    chosen = submenu(entries(view(options=options, route="api-key")), "Route")
    assert [entry.label for entry in chosen if entry.checked] == ["API Key (not signed in)"]


def test_the_account_says_who_until_when_and_offers_only_what_there_is() -> None:
    account = submenu(entries(view()), "Account")
    assert [entry.label for entry in account] == [
        "Signed in as me@example.com",
        "Renews at 16:40",
        "Sign In with Claude…",
        "Sign In to the Console…",
        "Use an API Key…",
        "Check Again",
        "Sign Out…",
    ]
    masked = submenu(entries(view(mask_account=True)), "Account")
    assert masked[0].label == "Signed in"
    busy = submenu(entries(view(signing_in=True)), "Account")
    assert [entry.label for entry in busy if entry.verb == "cancel_sign_in"] == ["Cancel the Sign-In"]
    assert [entry.label for entry in busy if entry.verb == "open_account:sign_in"] == ["Show the Sign-In…"]
    assert not any(entry.clickable for entry in busy if (entry.verb or "").startswith("sign_in:"))


@pytest.mark.parametrize(
    ("state", "label", "checked"),
    [
        (None, None, None),
        ("on", "Start at Login", True),
        ("off", "Start at Login", False),
        ("moved", "Repair Start at Login", None),
        ("switched_off", "Start at Login (switched off by the system)", False),
        ("foreign", "Start at Login (taken by another program)…", False),
    ],
)
def test_the_switch_shows_what_the_system_will_do(state: str | None, label: str | None, checked: bool | None) -> None:
    found = [entry for entry in entries(view(autostart=state)) if "Login" in entry.label and not entry.submenu]
    assert [(entry.label, entry.checked) for entry in found] == ([(label, checked)] if label else [])


def test_clock_times_are_those_of_the_wall() -> None:
    assert clock(NOW + 2_700, NOW) == "14:05"
    assert clock(NOW + 86_400, NOW) == "Thu 13:20"
    assert clock(NOW + 20 * 86_400, NOW) == "15 Dec"


def test_windows_cuts_a_tooltip_at_127_and_nothing_is_lost_that_is_only_there() -> None:
    long = changed(RUNNING, address="a" * 200)
    assert len(appearance(view(long)).tooltip) == 127
