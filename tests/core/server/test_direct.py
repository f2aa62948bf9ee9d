"""The route `direct`, and which route `auto` takes, over a socket."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.server import TEST_KEY, TEST_TOKEN

CHAT: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}
NATIVE = {**CHAT, "max_tokens": 50}
DIRECT = {"CLIPROXYAPI_ROUTE": "direct", "ANTHROPIC_API_KEY": ""}
AUTO = {"CLIPROXYAPI_ROUTE": "auto", "ANTHROPIC_API_KEY": ""}
AGREED = {"CLIPROXYAPI_DIRECT_CONSENT": "true"}
NO_CLAUDE_CODE = {"CLIPROXYAPI_CLAUDE_PATH": "/nowhere/claude"}
EXPIRED = "OAuth token has expired. Please obtain a new token or refresh your existing token."


def sign_in(home: Path, token: str = TEST_TOKEN, **fields: Any) -> None:
    path = home / ".claude" / ".credentials.json"
    path.parent.mkdir(exist_ok=True)
    oauth = {"accessToken": token, "expiresAt": (time.time() + 9999) * 1000, "accountUuid": "me", **fields}
    path.write_text(json.dumps({"claudeAiOauth": oauth}))
    path.chmod(0o600)


def chat(proxy: RunningProxy) -> httpx.Response:
    return httpx.post(f"{proxy.v1}/chat/completions", json=CHAT)


def state(proxy: RunningProxy) -> tuple[str, str]:
    health = httpx.get(f"{proxy.root}/health").json()
    return health["route"], health["auth"]["state"]


def test_requests_are_signed_with_the_token_and_its_beta(tmp_path: Path, claude: SimulatedClaude) -> None:
    sign_in(tmp_path)
    with running_proxy(tmp_path, claude.url, environ=DIRECT) as proxy:
        answer = chat(proxy)
        assert (answer.status_code, answer.headers["x-cliproxyapi-route"]) == (200, "direct")
        beta = {"anthropic-version": "2023-06-01", "anthropic-beta": "context-management-2025-06-27"}
        assert httpx.post(f"{proxy.v1}/messages", json=NATIVE, headers=beta).status_code == 200
        assert state(proxy) == ("direct", "signed_in")
        assert httpx.get(f"{proxy.root}/health").json()["auth"]["expires_at"] > time.time()
    first, second = claude.requests
    assert first.headers["authorization"] == f"Bearer {TEST_TOKEN}"
    assert "x-api-key" not in first.headers
    assert first.headers["user-agent"].startswith("cliproxyapi/")
    assert first.headers["anthropic-beta"] == "oauth-2025-04-20"
    assert second.headers["anthropic-beta"] == "context-management-2025-06-27,oauth-2025-04-20"


def test_a_401_is_answered_by_one_more_look_and_one_more_try(tmp_path: Path, claude: SimulatedClaude) -> None:
    sign_in(tmp_path)
    with running_proxy(tmp_path, claude.url, environ=DIRECT) as proxy:
        claude.script.append(scenarios.error(401, "authentication_error", EXPIRED))
        assert chat(proxy).status_code == 200
        assert len(claude.requests) == 2
        claude.script += [scenarios.error(401, "authentication_error", EXPIRED)] * 3
        answer = chat(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "upstream_auth_expired")
        assert "claude auth login" in answer.json()["error"]["message"]
        assert len(claude.requests) == 4


@pytest.mark.parametrize("form", [1, 2, 3, 4])
@pytest.mark.parametrize("environ", [DIRECT, {**AUTO, **AGREED, **NO_CLAUDE_CODE}], ids=["direct", "auto"])
def test_e6_a_refusal_ends_it_until_the_sign_in_changes(
    tmp_path: Path, claude: SimulatedClaude, form: int, environ: dict[str, str]
) -> None:
    sign_in(tmp_path, subscriptionType="pro")
    with running_proxy(tmp_path, claude.url, environ=environ) as proxy:
        refusal = scenarios.refused(form)
        claude.script.append(refusal)
        for _ in range(3):
            answer = chat(proxy)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "subscription_route_refused")
            assert json.loads(refusal.body or b"")["error"]["message"] in answer.json()["error"]["message"]
            assert "api-key" in answer.json()["error"]["message"]
            assert answer.headers["x-should-retry"] == "false"
        assert len(claude.requests) == 1
        assert state(proxy) == ("direct", "refused")
        native = httpx.post(f"{proxy.v1}/messages", json=NATIVE, headers={"anthropic-version": "2023-06-01"})
        assert (native.status_code, native.json()["error"]["type"]) == (403, "permission_error")
        sign_in(tmp_path, subscriptionType="max")
        assert chat(proxy).status_code == 200


def test_auto_takes_the_sign_in_only_with_consent(tmp_path: Path, claude: SimulatedClaude) -> None:
    sign_in(tmp_path)
    with running_proxy(tmp_path, claude.url, environ=AUTO) as proxy:
        answer = chat(proxy)
        assert answer.status_code == 401
        for step in ("cliproxyapi login --api-key", "direct_consent", "--demo"):
            assert step in answer.json()["error"]["message"]
        assert state(proxy) == ("auto", "not_signed_in")
    with running_proxy(tmp_path, claude.url, environ={**AUTO, "CLIPROXYAPI_DIRECT_CONSENT": "true"}) as proxy:
        assert chat(proxy).headers["x-cliproxyapi-route"] == "direct"


def test_auto_prefers_a_stored_key_and_takes_the_environments_last(tmp_path: Path, claude: SimulatedClaude) -> None:
    consent = {"CLIPROXYAPI_ROUTE": "auto", "CLIPROXYAPI_DIRECT_CONSENT": "true", "ANTHROPIC_API_KEY": TEST_KEY}
    with running_proxy(tmp_path, claude.url, environ=consent) as proxy:
        assert chat(proxy).headers["x-cliproxyapi-route"] == "api-key"
        sign_in(tmp_path)
        assert chat(proxy).headers["x-cliproxyapi-route"] == "direct"
        # A sign-in that fails is never replaced by a key that was meant for something else.
        sign_in(tmp_path, expiresAt=0)
        assert chat(proxy).json()["error"]["code"] == "upstream_auth_expired"
        (tmp_path / ".claude" / ".credentials.json").write_text("{")
        assert "half-written" in chat(proxy).json()["error"]["message"]
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "api_key.json").write_text(json.dumps({"stored": "file", "key": TEST_KEY}))
        assert chat(proxy).headers["x-cliproxyapi-route"] == "api-key"


def test_an_ignored_sign_in_is_not_used_even_by_name(tmp_path: Path, claude: SimulatedClaude) -> None:
    sign_in(tmp_path)
    with running_proxy(tmp_path, claude.url, environ={**DIRECT, "CLIPROXYAPI_CLAUDE_LOGIN": "ignore"}) as proxy:
        assert chat(proxy).status_code == 401
    assert claude.requests == []


def test_the_sign_in_goes_to_no_stranger(tmp_path: Path) -> None:
    sign_in(tmp_path)
    for name in ("https://anthropic.com.evil.example", "https://evil.example"):
        with running_proxy(tmp_path, name, environ=DIRECT) as proxy:
            answer = chat(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "upstream_not_trusted")
        assert "trusted_upstreams" in answer.json()["error"]["message"]
    trusted = {**DIRECT, "CLIPROXYAPI_TRUSTED_UPSTREAMS": "gateway.invalid"}
    with running_proxy(tmp_path, "https://gateway.invalid", environ=trusted) as proxy:
        assert chat(proxy).json()["error"]["code"] == "upstream_unreachable"
