"""What a program of the same person may ask of a running proxy: to look at settings and sign-ins anew."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.running_proxy import CONTROL_TOKEN, RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.server import TEST_TOKEN

CHAT = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}
TOKEN = {"x-cliproxyapi-token": CONTROL_TOKEN}


def reload(proxy: RunningProxy) -> httpx.Response:
    return httpx.post(f"{proxy.root}/api/reload", json={}, headers=TOKEN)


def chat(proxy: RunningProxy) -> httpx.Response:
    return httpx.post(f"{proxy.v1}/chat/completions", json=CHAT)


def sign_in(home: Path) -> None:
    path = home / ".claude" / ".credentials.json"
    path.parent.mkdir(exist_ok=True)
    oauth = {"accessToken": TEST_TOKEN, "expiresAt": (time.time() + 9999) * 1000, "accountUuid": "me"}
    path.write_text(json.dumps({"claudeAiOauth": oauth}))
    path.chmod(0o600)


@pytest.mark.parametrize(
    "headers", [{}, {"x-cliproxyapi-token": "wrong"}, {"authorization": f"Bearer {CONTROL_TOKEN}"}]
)
def test_without_the_token_of_the_lock_file_it_does_nothing(proxy: RunningProxy, headers: dict[str, str]) -> None:
    for answer in (
        httpx.post(f"{proxy.root}/api/reload", json={}, headers=headers),
        httpx.get(f"{proxy.root}/api/status", headers=headers),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "control_token_refused")


def test_the_whole_state_is_told_to_who_has_the_token(proxy: RunningProxy) -> None:
    state = httpx.get(f"{proxy.root}/api/status", headers=TOKEN).json()
    assert (state["server"], state["port"], state["sign_in"]["route"]) == ("running", proxy.port, "api-key")


def test_a_web_page_cannot_ask_for_it_even_with_the_token(proxy: RunningProxy) -> None:
    headers = {**TOKEN, "origin": "https://evil.example"}
    assert httpx.post(f"{proxy.root}/api/reload", json={}, headers=headers).status_code == 403


def test_edited_settings_are_taken_up_and_the_local_key_is_not_needed(tmp_path: Path, claude: SimulatedClaude) -> None:
    environ = {"CLIPROXYAPI_ROUTE": "", "ANTHROPIC_API_KEY": "", "CLIPROXYAPI_API_KEY": "s3cr3t-marker-local"}
    with running_proxy(tmp_path, claude.url, environ=environ) as proxy:
        sign_in(tmp_path)
        assert reload(proxy).json()["state"] == "not_signed_in"
        (tmp_path / "config").mkdir()
        config = tmp_path / "config" / "config.toml"
        config.write_text("direct_consent = true")
        assert reload(proxy).json() == {"route": "direct", "state": "signed_in", "missing": None}
        assert proxy.board.status.sign_in is not None
        assert proxy.board.status.sign_in.route == "direct"
        config.write_text("direct_consent = 5")
        answer = reload(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_setting")
        assert "direct_consent" in answer.json()["error"]["message"]


def test_a_refused_sign_in_is_tried_once_more(tmp_path: Path, claude: SimulatedClaude) -> None:
    sign_in(tmp_path)
    environ = {"CLIPROXYAPI_ROUTE": "direct", "ANTHROPIC_API_KEY": ""}
    with running_proxy(tmp_path, claude.url, environ=environ) as proxy:
        claude.script.append(scenarios.refused(1))
        assert [chat(proxy).status_code for _ in range(2)] == [403, 403]
        assert reload(proxy).json()["state"] == "signed_in"
        assert chat(proxy).status_code == 200
