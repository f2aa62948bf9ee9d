"""The route `claude-code` over a socket, with a stand-in for the executable, and when `auto` takes it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.server import TEST_TOKEN
from tests.stand_in_claude import StandIn, install

CHAT: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}
NATIVE = {**CHAT, "max_tokens": 50}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return install(tmp_path / "bin")


def settings(stand_in: StandIn, route: str = "claude-code", **more: str) -> Mapping[str, str]:
    return {
        "CLIPROXYAPI_ROUTE": route,
        "CLIPROXYAPI_CLAUDE_PATH": str(stand_in.path),
        "CLIPROXYAPI_DIRECT_CONSENT": "true",
        "ANTHROPIC_API_KEY": "",
        **more,
    }


def sign_in(home: Path, account: str = "me") -> None:
    path = home / ".claude" / ".credentials.json"
    path.parent.mkdir(exist_ok=True)
    oauth = {"accessToken": TEST_TOKEN, "expiresAt": (time.time() + 9999) * 1000, "accountUuid": account}
    path.write_text(json.dumps({"claudeAiOauth": oauth}))
    path.chmod(0o600)


def chat(proxy: RunningProxy, **fields: Any) -> httpx.Response:
    return httpx.post(f"{proxy.v1}/chat/completions", json={**CHAT, **fields}, timeout=60)


def test_both_dialects_are_answered_and_told_what_was_left_out(stand_in: StandIn, tmp_path: Path) -> None:
    with running_proxy(tmp_path, environ=settings(stand_in)) as proxy:
        answer = chat(proxy, temperature=0.5, tools=[TOOL], parallel_tool_calls=False)
        assert answer.json()["choices"][0]["message"]["content"] == "You said: Hi"
        assert answer.headers["x-cliproxyapi-route"] == "claude-code"
        assert answer.headers["x-cliproxyapi-ignored"] == "temperature,parallel_tool_calls"
        streamed = chat(proxy, stream=True)
        assert streamed.text.endswith("data: [DONE]\n\n")

        head = {"anthropic-version": "2023-06-01"}
        native = httpx.post(f"{proxy.v1}/messages", json={**NATIVE, "top_k": 5}, headers=head, timeout=60)
        assert native.json()["content"] == [{"type": "text", "text": "You said: Hi"}]
        assert native.headers["x-cliproxyapi-ignored"] == "top_k"
        counted = httpx.post(f"{proxy.v1}/messages/count_tokens", json=CHAT, headers=head, timeout=60)
        assert counted.status_code == 400
        assert "over HTTPS" in counted.json()["error"]["message"]

        ids = [model["id"] for model in httpx.get(f"{proxy.v1}/models").json()["data"]]
        assert "claude-sonnet-5-5" in ids
        health = httpx.get(f"{proxy.root}/health").json()
        assert (health["route"], health["auth"]["state"]) == ("claude-code", "signed_in")
        limits = proxy.board.status.limits
        assert limits is not None
        assert (window := limits.window("five_hour")) is not None
        assert window.utilization == 0.25


def test_c3_a_forced_tool_is_refused_by_name(stand_in: StandIn, tmp_path: Path) -> None:
    with running_proxy(tmp_path, environ=settings(stand_in)) as proxy:
        answer = chat(proxy, tools=[TOOL], tool_choice="required")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tool_choice")
    assert stand_in.starts == []


def test_without_a_sign_in_it_is_a_401_that_says_what_to_do(stand_in: StandIn, tmp_path: Path) -> None:
    error = {"said": "Not logged in · Please run /login", "error": "authentication_failed"}
    stand_in.behave(logged_in=False, then="error", error=error)
    with running_proxy(tmp_path, environ=settings(stand_in)) as proxy:
        answer = chat(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "upstream_auth_expired")
        assert "claude auth login" in answer.json()["error"]["message"]
        assert httpx.get(f"{proxy.root}/health").json()["auth"]["state"] == "not_signed_in"
    with running_proxy(tmp_path, environ=settings(stand_in, "auto")) as proxy:
        answer = chat(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
        assert "Claude Code is installed and not signed in" in answer.json()["error"]["message"]


def test_auto_takes_it_where_nothing_else_can_work(stand_in: StandIn, tmp_path: Path) -> None:
    with running_proxy(tmp_path, environ=settings(stand_in, "auto")) as proxy:
        assert chat(proxy).headers["x-cliproxyapi-route"] == "claude-code"
        ignored = settings(stand_in, "auto", CLIPROXYAPI_CLAUDE_LOGIN="ignore")
    with running_proxy(tmp_path, environ=ignored) as proxy:
        assert chat(proxy).json()["error"]["code"] == "not_signed_in"


@pytest.mark.parametrize("form", [1, 2, 3, 4])
def test_e6_what_direct_was_refused_is_served_through_claude_code(
    stand_in: StandIn, tmp_path: Path, claude: SimulatedClaude, form: int
) -> None:
    sign_in(tmp_path)
    with running_proxy(tmp_path, claude.url, environ=settings(stand_in, "auto")) as proxy:
        assert chat(proxy).headers["x-cliproxyapi-route"] == "direct"
        claude.script.append(scenarios.refused(form))
        for streamed in (True, False):
            answer = chat(proxy, stream=streamed)
            assert (answer.status_code, answer.headers["x-cliproxyapi-route"]) == (200, "claude-code")
            assert "You said" in answer.text
        # It was asked once, and not again until the sign-in changes.
        assert len(claude.requests) == 2
        status = proxy.board.status
        assert status.sign_in is not None
        assert (status.route, status.sign_in.route, status.billed_route) == ("claude-code", "claude-code", None)
        assert status.refused is not None
        assert status.refused.route == "direct"
        assert time.time() - 60 < (status.refused.refused_at or 0) <= time.time()
        sign_in(tmp_path, account="somebody else")
        assert chat(proxy).headers["x-cliproxyapi-route"] == "direct"
        assert proxy.board.status.refused is None
    assert stand_in.alive == []


def test_e6_a_route_that_was_named_is_never_switched(
    stand_in: StandIn, tmp_path: Path, claude: SimulatedClaude
) -> None:
    sign_in(tmp_path)
    with running_proxy(tmp_path, claude.url, environ=settings(stand_in, "direct")) as proxy:
        claude.script.append(scenarios.refused(1))
        answer = chat(proxy)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "subscription_route_refused")
    for choice in ("'claude-code'", "'api-key'"):
        assert choice in answer.json()["error"]["message"]
    assert stand_in.starts == []


def test_an_address_of_the_settings_is_the_only_one_that_it_gets(
    stand_in: StandIn, tmp_path: Path, claude: SimulatedClaude
) -> None:
    with running_proxy(tmp_path, claude.url, environ=settings(stand_in)) as proxy:
        assert chat(proxy).status_code == 200
    with running_proxy(tmp_path, environ=settings(stand_in, ANTHROPIC_BASE_URL=claude.url)) as proxy:
        assert chat(proxy).status_code == 200
    first, *_, last = [start for start in stand_in.starts if start["lines"]]
    assert first["environ"]["ANTHROPIC_BASE_URL"] == claude.url
    assert "ANTHROPIC_BASE_URL" not in last["environ"]


def test_stopping_the_server_ends_an_answer_and_its_process(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(then="hang_in_the_middle")
    with (
        running_proxy(tmp_path, environ=settings(stand_in)) as proxy,
        httpx.stream("POST", f"{proxy.v1}/chat/completions", json={**CHAT, "stream": True}, timeout=60) as answer,
    ):
        for line in answer.iter_lines():
            if "Half an" in line:
                break
        proxy.server.stop()
    assert stand_in.alive == []
