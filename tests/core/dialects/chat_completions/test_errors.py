"""Errors in OpenAI's envelope: section b8 of the translation, E5 and E7 among others."""

from __future__ import annotations

import pytest

from core.dialects.chat_completions.errors import render_error
from core.errors import InvalidRequest, NotSignedIn, ProxyError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, "invalid_request_error") for status in (400, 404, 405, 413, 415)),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (429, "rate_limit_error"),
        *((status, "server_error") for status in (500, 502, 503, 504)),
    ],
)
def test_the_type_follows_the_status_because_clients_choose_their_exception_by_both(status: int, kind: str) -> None:
    assert render_error(ProxyError("x", status=status))["error"]["type"] == kind


def test_all_four_fields_are_there_and_the_request_id_ends_the_message() -> None:
    error = InvalidRequest("wrong", param="messages[0]", request_id="req_1")
    assert render_error(error) == {
        "error": {
            "message": "wrong (request id: req_1)",
            "type": "invalid_request_error",
            "param": "messages[0]",
            "code": None,
        }
    }


def test_b4_every_401_and_403_forbids_to_try_again() -> None:
    assert NotSignedIn("x").headers == {"x-should-retry": "false"}
    assert ProxyError("x", status=403).headers == {"x-should-retry": "false"}
    assert ProxyError("x", status=500).headers == {}
