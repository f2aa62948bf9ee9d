"""The status: what a person sees is what requests met, and a single failure is no state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.status import (
    LimitWindow,
    RequestNote,
    Status,
    StatusBoard,
    after_failure,
    after_success,
    limits_of,
    with_request,
)

WINDOWS = {
    "anthropic-ratelimit-unified-status": "allowed_warning",
    "anthropic-ratelimit-unified-reset": "1800000000",
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-5h-utilization": "0.42",
    "anthropic-ratelimit-unified-5h-reset": "1800000000",
    "anthropic-ratelimit-unified-5h-status": "allowed",
    "anthropic-ratelimit-unified-7d-utilization": "0.18",
}


def failed(status: Status, code: str, now: float, **headers: str) -> Status:
    return after_failure(status, "direct", code, headers, now)


def test_listeners_hear_changes_only() -> None:
    board, heard = StatusBoard(), list[Status]()
    forget = board.listen(heard.append)
    board.post(server="running")
    board.post(server="running")
    assert [status.running for status in heard] == [True]
    forget()
    board.post(server="stopped")
    assert len(heard) == 1


def test_the_windows_of_a_plan_are_read_from_an_answers_headers() -> None:
    limits = limits_of(WINDOWS, now=5.0)
    assert limits is not None
    assert (limits.at, limits.status, limits.claim, limits.resets_at) == (5.0, "allowed_warning", "five_hour", 1.8e9)
    assert limits.window("five_hour") == LimitWindow("five_hour", 0.42, 1.8e9, "allowed")
    assert limits.window("seven_day") == LimitWindow("seven_day", 0.18)


@pytest.mark.parametrize("odd", ["", "soon", "nan", "inf", "1e400"])
def test_an_odd_number_in_a_header_is_no_number(odd: str) -> None:
    limits = limits_of({**WINDOWS, "anthropic-ratelimit-unified-5h-utilization": odd}, now=0.0)
    assert limits is not None
    window = limits.window("five_hour")
    assert window is not None
    assert window.utilization is None


def test_an_answer_without_limits_keeps_the_last_ones() -> None:
    assert limits_of({"content-type": "application/json"}, 0.0) is None
    known = after_success(Status(), "direct", WINDOWS, 1.0)
    assert after_success(known, "direct", {}, 2.0).limits == known.limits


def test_one_failure_is_weather_and_two_are_a_state() -> None:
    once = failed(Status(), "upstream_unreachable", 100.0)
    assert (once.problem, once.last_error, once.last_error_at) == (None, "upstream_unreachable", 100.0)
    twice = failed(once, "overloaded", 101.0)
    assert twice.problem is not None
    assert (twice.problem.kind, twice.problem.since) == ("unreachable", 100.0)
    well = after_success(twice, "direct", {}, 102.0)
    assert (well.problem, well.failures, well.failing_since) == (None, 0, None)


def test_a_refusal_and_a_used_up_window_are_states_at_once() -> None:
    refused = failed(Status(), "subscription_route_refused", 1.0)
    assert refused.problem is not None
    assert refused.problem.kind == "refused"
    limited = after_failure(Status(), "direct", "insufficient_quota", WINDOWS, 1.0)
    assert limited.problem is not None
    assert (limited.problem.kind, limited.problem.until) == ("limit", 1.8e9)
    again = after_failure(limited, "direct", "insufficient_quota", WINDOWS, 9.0)
    assert again.problem is not None
    assert again.problem.since == 1.0


def test_a_wrong_request_is_no_state() -> None:
    assert failed(failed(Status(), "model_not_found", 1.0), "model_not_found", 2.0).problem is None


def test_fifty_requests_are_remembered_the_newest_first() -> None:
    status = Status()
    for number in range(60):
        note = RequestNote(float(number), "POST", "/v1/messages", 200, "demo", None, 1.0, 2.0)
        status = with_request(status, note)
    assert len(status.requests) == 50
    assert status.last_request == replace(status.requests[0], at=59.0)
