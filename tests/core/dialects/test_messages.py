"""Anthropic's own dialect: errors pass as they are, but for secrets and a refused sign-in."""

from __future__ import annotations

import json

import pytest

from core.dialects.messages import model_of, native_error_body, render_error
from core.errors import CredentialRefused, ProxyError, RequestTooLarge, UpstreamError, UpstreamUnreachable
from core.log import redact


def upstream(status: int, body: bytes, error: UpstreamError | None = None) -> UpstreamError:
    error = error or UpstreamError("ours", status=503)
    error.upstream_status, error.body, error.content_type = status, body, "application/json"
    return error


def test_e11_an_upstream_error_keeps_its_status_and_its_bytes() -> None:
    body = b'{ "type":"error", "error":{"type":"overloaded_error","message":"\xc3\xbc\xff"} }'
    assert native_error_body(upstream(529, body), redact) == (529, body, "application/json")


def test_e22_secrets_in_it_are_hidden() -> None:
    body = b'{"error":{"message":"bad key sk-ant-api03-s3cr3t-marker \xff"}}'
    _, sent, _ = native_error_body(upstream(401, body), redact)
    assert b"s3cr3t-marker" not in sent
    assert sent.endswith(b' \xff"}}')


def test_e6_a_refused_sign_in_is_told_in_our_words() -> None:
    error = upstream(400, b"{}", CredentialRefused("Refused. Use another route."))
    status, sent, _ = native_error_body(error, redact)
    assert status == 403
    assert json.loads(sent)["error"] == {"type": "permission_error", "message": "Refused. Use another route."}


def test_errors_of_our_own_have_anthropics_types() -> None:
    assert render_error(RequestTooLarge("x"))["error"]["type"] == "request_too_large"
    assert render_error(ProxyError("x", status=401, request_id="req_1")) == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "x"},
        "request_id": "req_1",
    }
    status, sent, _ = native_error_body(UpstreamUnreachable("no way"), redact)
    assert (status, json.loads(sent)["error"]["message"]) == (502, "no way")
    assert native_error_body(upstream(302, b""), redact)[0] == 503


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"a":[1],"model":"claude-x"}', "claude-x"),
        (b"{}", None),
        (b"[", None),
        (b'{"model":5}', None),
        (b"\xff", None),
    ],
)
def test_the_model_is_read_for_the_log_alone(body: bytes, model: str | None) -> None:
    assert model_of(body) == model
