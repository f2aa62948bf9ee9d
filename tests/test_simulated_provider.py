"""The simulated provider is as strict as a real one: what our sign-in gets past it would pass elsewhere."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.oauth import ACCOUNT, CLIENT_ID

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
REDIRECT = "http://127.0.0.1:4711/callback"
ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT,
    "scope": "user:inference user:profile",
    "state": "a-state-of-some-length",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def authorize(claude: SimulatedClaude, **changes: str) -> httpx.Response:
    return httpx.get(f"{claude.url}/oauth/authorize?{urlencode({**ASKED, **changes})}")


def form(claude: SimulatedClaude, **changes: str) -> dict[str, str]:
    query = parse_qs(urlsplit(authorize(claude).headers["location"]).query)
    given = {
        "grant_type": "authorization_code",
        "code": query["code"][0],
        "redirect_uri": REDIRECT,
        "client_id": CLIENT_ID,
        "code_verifier": VERIFIER,
        "state": query["state"][0],
        **changes,
    }
    return {name: value for name, value in given.items() if value}


def token(claude: SimulatedClaude, fields: dict[str, str], *, as_json: bool = False) -> tuple[int, Any]:
    how: dict[str, Any] = {"json": fields} if as_json else {"data": fields}
    answer = httpx.post(f"{claude.url}/v1/oauth/token", **how)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("as_json", [True, False], ids=["JSON", "form"])
def test_a_code_becomes_tokens_once(claude: SimulatedClaude, as_json: bool) -> None:
    fields = form(claude)
    status, granted = token(claude, fields, as_json=as_json)
    assert status == 200
    assert granted["account"]["email_address"] == ACCOUNT
    assert token(claude, fields, as_json=as_json) == (
        400,
        {"error": "invalid_grant", "error_description": "Code not found or invalid"},
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:4712/callback"}, "invalid_grant"),
        ({"state": "another-state-of-length"}, "invalid_grant"),
        ({"state": ""}, "invalid_request"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"client_id": "somebody"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_code_is_worth_nothing_to_others(claude: SimulatedClaude, changes: dict[str, str], error: str) -> None:
    status, answer = token(claude, form(claude, **changes))
    assert status in (400, 401)
    assert answer["error"] == error


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "somebody"},
        {"redirect_uri": "https://evil.example/callback"},
        {"state": ""},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
    ],
)
def test_a_wrong_question_is_redirected_nowhere(claude: SimulatedClaude, changes: dict[str, str]) -> None:
    answer = authorize(claude, **changes)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_refresh_token_rotates_and_the_old_one_is_dead(claude: SimulatedClaude) -> None:
    first = claude.provider.grant()
    fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": first["refresh_token"]}
    status, second = token(claude, fields)
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert token(claude, fields)[1]["error"] == "invalid_grant"
    httpx.post(f"{claude.url}/v1/oauth/token/revoke", data={"token": second["refresh_token"]})
    assert token(claude, {**fields, "refresh_token": second["refresh_token"]})[1]["error"] == "invalid_grant"


def test_profile_and_usage_want_the_right_token(claude: SimulatedClaude) -> None:
    beta = {"anthropic-beta": "oauth-2025-04-20"}
    full = {"authorization": f"Bearer {claude.provider.grant()['access_token']}"}
    narrow = {"authorization": f"Bearer {claude.provider.grant('user:inference')['access_token']}"}

    def asked(path: str, headers: dict[str, str]) -> int:
        return httpx.get(f"{claude.url}/api/oauth/{path}", headers=headers).status_code

    assert asked("profile", full) == 200
    assert asked("profile", {}) == 401
    assert [asked("usage", headers) for headers in (full | beta, full, narrow | beta)] == [200, 403, 403]
