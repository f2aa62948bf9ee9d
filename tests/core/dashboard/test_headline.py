"""The first line that a person reads, for every state."""

from __future__ import annotations

from typing import Any

import pytest

from core.dashboard.headline import headline_of
from core.status import Failure, Problem, SignIn, Status

BUSY = Failure("port_in_use", "Port 3456 is in use.")
SIGNED_IN = SignIn("api-key", "signed_in")


def headline(**fields: Any):
    known: dict[str, Any] = {"server": "running", "address": "127.0.0.1", "port": 3456, "sign_in": SIGNED_IN, **fields}
    return headline_of(Status(**known), lambda seconds: f"at {seconds:.0f}")


@pytest.mark.parametrize(
    ("fields", "state", "line"),
    [
        ({}, "running", "Running on 127.0.0.1:3456"),
        ({"sign_in": None}, "running", "Running on 127.0.0.1:3456"),
        ({"sign_in": SignIn("demo", "not_needed")}, "running", "Demo on 127.0.0.1:3456"),
        ({"sign_in": SignIn("direct", "expired")}, "running", "Running on 127.0.0.1:3456"),
        ({"server": "stopped"}, "stopped", "Stopped"),
        ({"server": "starting"}, "starting", "Starting…"),
        ({"server": "failed", "failure": BUSY}, "failed", "Not Running"),
        ({"sign_in": SignIn("auto", "not_signed_in")}, "sign_in", "Running: Sign-In Needed"),
        ({"sign_in": SignIn("api-key", "locked")}, "sign_in", "Running: Sign-In Needed"),
        ({"sign_in": SignIn("direct", "refused")}, "refused", "Running: Login Not Accepted"),
        ({"problem": Problem("refused", "x", 1)}, "refused", "Running: Login Not Accepted"),
        ({"problem": Problem("unreachable", "x", 1)}, "unreachable", "Running: Claude Unreachable"),
        ({"problem": Problem("limit", "x", 1, 7)}, "limit", "Running: Limit Reached"),
    ],
)
def test_each_state_has_its_line(fields: dict[str, Any], state: str, line: str) -> None:
    found = headline(**fields)
    assert (found.state, found.line) == (state, line)


def test_a_server_that_does_not_run_comes_before_all_else() -> None:
    found = headline(server="failed", failure=BUSY, problem=Problem("limit", "x", 1))
    assert (found.state, found.more) == ("failed", "Port 3456 is in use.")


def test_a_refused_sign_in_that_another_one_stands_in_for_is_named() -> None:
    refused = SignIn("direct", "refused", refused_at=7)
    more = headline(refused=refused, sign_in=SignIn("claude-code", "signed_in")).more
    assert more == "Claude has refused the Claude Sign-In since at 7. Requests go through Claude Code."
    assert headline(refused=refused, sign_in=refused).state == "refused"


def test_a_limit_says_until_when() -> None:
    assert headline(problem=Problem("limit", "x", 1, 7)).more == "Requests fail until at 7."


def test_a_missing_sign_in_leads_to_the_page_that_helps() -> None:
    found = headline(sign_in=SignIn("auto", "not_signed_in"))
    assert (found.verb, found.page) == ("Sign In…", "account")
