"""What a client is told when Claude says no: rows E1 to E14, E23 and E24."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import CredentialRefused, StreamTruncated, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from core.log import redact
from core.upstream_errors import Teller, error_event, is_retryable, upstream_error

TELLER = Teller("api.anthropic.com", "api-key", redact, lambda seconds: f"<{seconds:.0f}>")
UNIFIED = "anthropic-ratelimit-unified-"
REFUSALS = [
    "This credential is only authorized for use with Claude Code and cannot be used for other API requests.",
    "Third-party apps now draw from your extra usage, not your plan limits. Add more at claude.ai/settings/usage and "
    "keep going.",
    "OAuth authentication is currently not allowed for this organization.",
]


def told(
    status: int,
    message: str | bytes = "",
    kind: str = "some_error",
    headers: dict[str, str] | None = None,
    **error: Any,
) -> UpstreamError:
    body = (
        message
        if isinstance(message, bytes)
        else json.dumps({"type": "error", "error": {"type": kind, "message": message, **error}}).encode()
    )
    return upstream_error(status, {"request-id": "req_1", **(headers or {})}, body, TELLER)


@pytest.mark.parametrize(
    ("status", "message", "expected_status", "code", "openai_type"),
    [
        pytest.param(400, "messages: wrong", 400, None, "invalid_request_error", id="E1"),
        pytest.param(413, "too big", 413, "request_too_large", "invalid_request_error", id="E3"),
        pytest.param(401, "invalid x-api-key", 401, "upstream_auth_expired", "authentication_error", id="E4"),
        pytest.param(403, "no", 403, "permission_denied", "permission_error", id="E7"),
        pytest.param(404, "model: claude-x", 404, "model_not_found", "invalid_request_error", id="E8"),
        pytest.param(404, "Not found", 404, "not_found", "invalid_request_error", id="E8-path"),
        pytest.param(429, "slow down", 429, "rate_limit_exceeded", "rate_limit_error", id="E9"),
        pytest.param(529, "Overloaded", 503, "overloaded", "server_error", id="E11"),
        pytest.param(500, "Internal", 502, "upstream_error", "server_error", id="E12"),
        pytest.param(504, "Slow", 502, "upstream_error", "server_error", id="E12-504"),
        pytest.param(302, "", 502, "upstream_error", "server_error", id="redirect"),
        pytest.param(402, "pay", 402, "insufficient_quota", "billing_error", id="E23"),
        pytest.param(409, "conflict", 409, None, "invalid_request_error", id="E24"),
        pytest.param(418, "teapot", 418, None, "invalid_request_error", id="E24-418"),
    ],
)
def test_statuses(status: int, message: str, expected_status: int, code: str | None, openai_type: str) -> None:
    error = told(status, message)
    assert (error.status, error.code, error.openai_type) == (expected_status, code, openai_type)
    assert message in error.message
    assert error.request_id == "req_1"
    assert error.upstream_status == status


def test_e2_a_prompt_that_is_too_long_is_named_in_both_wordings_that_clients_look_for() -> None:
    error = told(400, "prompt is too long: 210000 tokens > 200000 maximum")
    assert (error.status, error.code) == (400, "context_length_exceeded")
    assert error.message == (
        "prompt is too long: 210000 tokens > 200000 maximum (this model's maximum context length is 200000 tokens)"
    )


def test_e4_an_error_of_the_sign_in_says_what_to_do_and_forbids_to_try_again() -> None:
    error = told(401, "invalid x-api-key")
    assert "cliproxyapi login --api-key" in error.message
    assert error.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("status", [400, 401, 403, 429])
@pytest.mark.parametrize("sentence", REFUSALS)
def test_e6_a_refused_sign_in_is_told_from_all_other_errors(status: int, sentence: str) -> None:
    error = told(status, sentence)
    assert isinstance(error, CredentialRefused)
    assert (error.status, error.code) == (403, "subscription_route_refused")
    assert error.message.startswith(sentence)
    assert "api-key" in error.message
    assert not is_retryable(error)


def test_e6_a_plans_own_limit_is_no_refusal_and_nor_is_a_word_of_it() -> None:
    assert not isinstance(told(429, REFUSALS[1], headers={f"{UNIFIED}status": "rejected"}), CredentialRefused)
    assert not isinstance(told(400, "messages.0: the word 'Claude Code' or 'extra usage'"), CredentialRefused)
    assert not isinstance(told(500, REFUSALS[0]), CredentialRefused)


def test_e8_the_nearest_known_models_are_named() -> None:
    assert "claude-sonnet-4-6" in told(404, "model: claude-sonet-4-6").message


def test_e9_the_time_to_wait_is_passed_on() -> None:
    error = told(429, "slow", headers={"retry-after": "7", "retry-after-ms": "7000", "x-should-retry": "true"})
    assert {"retry-after": "7", "retry-after-ms": "7000", "x-should-retry": "true"}.items() <= error.headers.items()


@pytest.mark.parametrize(
    ("claim", "words"),
    [("five_hour", "5-hour limit"), ("seven_day", "7-day limit"), ("seven_day_opus", "Opus"), ("new_one", "limit")],
)
def test_e10_an_exhausted_window_is_named_with_the_time_it_ends(claim: str, words: str) -> None:
    headers = {
        f"{UNIFIED}status": "rejected",
        f"{UNIFIED}representative-claim": claim,
        f"{UNIFIED}reset": "1000500",
        "retry-after": "500",
    }
    error = told(429, "This request would exceed your limit", headers=headers)
    assert (error.code, error.headers["x-should-retry"]) == ("insufficient_quota", "false")
    assert words in error.message
    assert "<1000500>" in error.message


def test_e10_a_burst_of_a_plan_is_an_ordinary_rate_limit() -> None:
    error = told(429, "slow", headers={f"{UNIFIED}status": "allowed_warning"})
    assert error.code == "rate_limit_exceeded"
    assert "x-should-retry" not in error.headers


@pytest.mark.parametrize("reset", ["", "soon", "nan", "1e400"])
def test_e10_a_reset_that_is_no_time_is_left_out(reset: str) -> None:
    headers = {f"{UNIFIED}status": "rejected", f"{UNIFIED}reset": reset}
    assert told(429, "x", headers=headers).code == "insufficient_quota"


def test_a_spend_limit_is_not_tried_again() -> None:
    error = told(429, "capped", details={"error_code": "enforced_spend_limit_reached"})
    assert (error.code, error.headers["x-should-retry"]) == ("insufficient_quota", "false")


def test_e11_overloaded_says_when_to_come_back() -> None:
    assert told(529, "Overloaded").headers["retry-after"] == "5"
    assert told(529, "Overloaded", headers={"retry-after": "20"}).headers["retry-after"] == "20"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 527])
def test_e12_html_is_not_passed_on(status: int) -> None:
    error = told(status, b"<html><body>Bad gateway at 10.0.0.1</body></html>", headers={"content-type": "text/html"})
    assert (error.status, error.code) == (502, "upstream_error")
    assert "<" not in error.message
    assert "api.anthropic.com" in error.message


def test_e12_cloudflare_is_named() -> None:
    error = told(403, b"<html>", headers={"cf-mitigated": "challenge", "content-type": "text/html"})
    assert error.status == 403
    assert "Cloudflare" in error.message


def test_e12_a_short_plain_text_is_the_message() -> None:
    assert told(400, b"no such thing").message == "no such thing"
    assert len(told(400, b"x " * 100_000).message) <= 300


@pytest.mark.parametrize("status", [400, 402])
def test_e23_no_credit(status: int) -> None:
    sentence = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
    error = told(status, sentence)
    assert (error.status, error.code, error.openai_type) == (402, "insufficient_quota", "billing_error")
    assert error.message.startswith(sentence)
    assert not is_retryable(error)


def test_e22_secrets_in_the_upstreams_words_are_hidden() -> None:
    error = told(400, "key sk-ant-api03-s3cr3t-marker of bob@example.com")
    assert "s3cr3t-marker" not in error.message
    assert "bob@" not in error.message


def test_e14_e13_what_is_tried_again() -> None:
    assert is_retryable(UpstreamUnreachable("x"))
    assert not is_retryable(UpstreamTimeout("x"))
    assert not is_retryable(StreamTruncated("x"))
    assert [status for status in range(300, 600) if is_retryable(told(status, "x"))] == [502, 503, 529]
    assert not is_retryable(told(503, "x", headers={"x-should-retry": "false"}))


@pytest.mark.parametrize(
    ("kind", "status", "retried"),
    [
        ("overloaded_error", 503, True),
        ("api_error", 502, False),
        ("rate_limit_error", 429, False),
        ("invalid_request_error", 400, False),
        ("tomorrows_error", 502, False),
        (None, 502, False),
        ([], 502, False),
    ],
)
def test_r26_an_error_event_means_what_its_type_says(kind: Any, status: int, retried: bool) -> None:
    error = error_event({"type": "error", "error": {"type": kind, "message": "so it is"}}, TELLER)
    assert error.status == status
    assert "so it is" in error.message
    assert is_retryable(error) == retried


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"error":5}', b'{"error":{"message":5}}', b"\xff\xfe", b"null"])
@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 409, 413, 429, 500, 529])
def test_an_error_without_words_gets_some(status: int, body: bytes) -> None:
    assert len(told(status, body).message) > 10
