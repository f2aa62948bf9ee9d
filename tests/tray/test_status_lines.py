"""What `status` says to a person, line by line."""

from __future__ import annotations

import time
from typing import Any

from tray.status_lines import status_lines

NOW = time.time()
HEALTH: dict[str, Any] = {
    "running": True,
    "url": "http://127.0.0.1:3456",
    "version": "1.2",
    "route": "direct",
    "auth": {"state": "signed_in", "expires_at": NOW},
    "upstream": {"last_ok": NOW, "last_error": None},
}
SNAPSHOT: dict[str, Any] = {
    "route": "auto",
    "sign_in": {"state": "signed_in", "source": "~/.claude/.credentials.json", "account": None, "plan": "max"},
    "refused": None,
    "problem": None,
    "limits": None,
    "requests": [],
    "refused_pages": [],
    "last_error_at": None,
}


def clock(seconds: float = NOW) -> str:
    return time.strftime("%H:%M", time.localtime(seconds))


def told(**fields: Any) -> str:
    return "\n".join(status_lines({**HEALTH, **fields}))


def test_without_a_server() -> None:
    nothing = {"running": False, "url": "http://127.0.0.1:1"}
    assert status_lines({**nothing, "port_in_use": False}) == ["Not running at http://127.0.0.1:1."]
    assert "another program" in status_lines({**nothing, "port_in_use": True})[0]


def test_a_server_of_somebody_else_tells_its_health() -> None:
    assert told() == "\n".join(
        [
            "Running at http://127.0.0.1:3456 (version 1.2)",
            "Route:        direct",
            f"Sign-in:      signed in, expires {clock()}",
            f"Last answer:  {clock()}",
        ]
    )


def test_the_whole_snapshot_is_shown() -> None:
    window = {"name": "five_hour", "utilization": 0.42, "resets_at": NOW, "status": "allowed"}
    request = {
        "at": NOW,
        "method": "POST",
        "path": "/v1/messages",
        "model": "claude-sonnet-4-6",
        "route": "direct",
        "status": 200,
        "error": None,
        "total_ms": 1234.5,
    }
    snapshot = {
        **SNAPSHOT,
        "problem": {"kind": "limit", "code": "insufficient_quota", "since": NOW, "until": NOW},
        "limits": {"at": NOW, "windows": [window, {**window, "name": "seven_day", "utilization": None}]},
        "requests": [request],
        "last_error_at": NOW,
    }
    text = told(snapshot=snapshot, upstream={"last_ok": None, "last_error": "insufficient_quota"})
    now = clock()
    for line in (
        "Route:        direct, which auto takes",
        f"Sign-in:      signed in (max), from ~/.claude/.credentials.json, expires {now}",
        "Last answer:  none yet",
        f"Last error:   insufficient_quota, {now}",
        f"Problem:      the limit of the plan is reached since {now}, until {now}",
        f"Last request: {now}, POST /v1/messages to claude-sonnet-4-6 over direct: 200 after 1.2 s",
        f"Limits:       5 hours 42% used, resets {now}; week allowed, resets {now} (as of {now})",
    ):
        assert line in text.splitlines()


def test_a_refused_sign_in_that_another_one_stands_in_for_is_named() -> None:
    snapshot = {**SNAPSHOT, "refused": {"route": "direct", "refused_at": NOW}}
    text = told(route="claude-code", snapshot=snapshot)
    assert f"direct, by Claude at {clock()}; requests go through claude-code until that sign-in changes" in text
    assert "Refused:" not in told(route="direct", snapshot=snapshot)


def test_odd_values_are_no_traceback() -> None:
    odd = {"route": None, "sign_in": 5, "refused": "x", "problem": [], "limits": {"windows": [{}]}, "requests": [None]}
    assert told(snapshot=odd, auth=None, upstream=None).startswith("Running at")
    assert told(auth={"state": "signed_in", "expires_at": 1e30}).startswith("Running at")
