"""The renewal of the Claude sign-in through its owner: a script plays `claude` and writes the file anew."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from core.claude_cli import ClaudeCLI
from core.credentials import renewal as module
from core.credentials.claude_login import ClaudeLogin, ClaudeLoginStore, SignInExpired
from core.credentials.renewal import Renewal
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude
from tests.stand_ins import StandIn, stand_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts of POSIX")

OLD, RENEWED = "sk-ant-oat01-s3cr3t-marker-old", "sk-ant-oat01-s3cr3t-marker-renewed"
CHAT = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}


def store_login(home: Path, lives: float) -> None:
    path = home / ".claude" / ".credentials.json"
    path.parent.mkdir(exist_ok=True)
    oauth = {"accessToken": OLD, "expiresAt": (time.time() + lives) * 1000, "accountUuid": "me"}
    path.write_text(json.dumps({"claudeAiOauth": oauth}))
    path.chmod(0o600)


@pytest.fixture
def script(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path, "claude")


@pytest.fixture
def logins(tmp_path: Path) -> ClaudeLoginStore:
    return ClaudeLoginStore({"HOME": str(tmp_path)})


def cli(tmp_path: Path, script: StandIn | None) -> ClaudeCLI:
    named = str(script.path if script else tmp_path / "none")
    environ = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "ANTHROPIC_API_KEY": "sk-ant-api03-s3cr3t-marker-foreign",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:3456",
    }
    return ClaudeCLI(environ, named=lambda: named)


def found(logins: ClaudeLoginStore) -> ClaudeLogin:
    login = logins.find()
    assert login is not None
    return login


def test_claude_is_asked_once_in_an_empty_directory_and_without_foreign_variables(
    tmp_path: Path, script: StandIn, logins: ClaudeLoginStore
) -> None:
    store_login(tmp_path, -10)
    renewal = Renewal(cli(tmp_path, script), logins)
    assert renewal.renewed(found(logins)).result(60).token == RENEWED
    [call] = script.calls
    assert call["files"] == []
    assert not Path(call["directory"]).exists()
    assert not {"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"} & call["environment"].keys()
    assert call["environment"]["CLAUDE_AGENT_SDK_CLIENT_APP"].startswith("cliproxyapi/")
    assert call["given"][call["given"].index("--tools") + 1] == ""
    assert "haiku" in call["given"][call["given"].index("--model") + 1]


@pytest.mark.parametrize(("lives", "is_due"), [(-10, True), (200, True), (400, False)])
def test_it_is_due_five_minutes_early(logins: ClaudeLoginStore, tmp_path: Path, lives: float, is_due: bool) -> None:
    store_login(tmp_path, lives)
    assert Renewal(cli(tmp_path, None), logins).is_due(found(logins)) == is_due


@pytest.mark.parametrize("mode", ["denial", "garbage", "hang"])
def test_one_that_fails_is_told_and_not_tried_again_at_once(
    tmp_path: Path, script: StandIn, logins: ClaudeLoginStore, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    if mode == "hang":
        monkeypatch.setattr(module, "_CALL_SECONDS", 1.0)
    script.does(mode)
    store_login(tmp_path, -10)
    renewal = Renewal(cli(tmp_path, script), logins)
    for _ in range(3):
        with pytest.raises(SignInExpired, match="claude auth login") as caught:
            renewal.renewed(found(logins)).result(60)
        assert caught.value.code == "upstream_auth_expired"
    assert len(script.calls) == 1
    assert renewal.failure(found(logins)) is not None
    script.does("success")
    renewal.try_again()
    assert renewal.renewed(found(logins)).result(60).token == RENEWED
    assert renewal.failure(found(logins)) is None


def test_one_that_still_lives_is_used_where_its_renewal_fails(
    tmp_path: Path, script: StandIn, logins: ClaudeLoginStore
) -> None:
    script.does("denial")
    store_login(tmp_path, 200)
    renewal = Renewal(cli(tmp_path, script), logins)
    assert renewal.renewed(found(logins)).result(60).token == OLD
    assert renewal.failure(found(logins)) is None


def test_without_claude_it_says_what_to_run(tmp_path: Path, logins: ClaudeLoginStore) -> None:
    store_login(tmp_path, -10)
    with pytest.raises(SignInExpired, match="not found") as caught:
        Renewal(cli(tmp_path, None), logins).renewed(found(logins)).result(60)
    assert "claude auth login" in caught.value.message
    assert "npm install" in caught.value.message


def test_what_somebody_else_renewed_needs_no_call(tmp_path: Path, script: StandIn, logins: ClaudeLoginStore) -> None:
    store_login(tmp_path, -10)
    old = found(logins)
    store_login(tmp_path, 9999)
    assert not Renewal(cli(tmp_path, script), logins).renewed(old).result(60).expired
    assert script.calls == []


def direct(script: StandIn) -> dict[str, str]:
    return {"CLIPROXYAPI_ROUTE": "direct", "ANTHROPIC_API_KEY": "", "CLIPROXYAPI_CLAUDE_PATH": str(script.path)}


def chat(proxy: RunningProxy) -> httpx.Response:
    return httpx.post(f"{proxy.v1}/chat/completions", json=CHAT, timeout=60)


def test_fifty_requests_that_find_it_expired_cause_one_call(tmp_path: Path, script: StandIn) -> None:
    store_login(tmp_path, -10)
    with (
        SimulatedClaude(tokens=[RENEWED]) as claude,
        running_proxy(tmp_path, claude.url, environ=direct(script)) as proxy,
        ThreadPoolExecutor(50) as pool,
        httpx.Client(timeout=60, limits=httpx.Limits(max_connections=50)) as client,
    ):
        url = f"{proxy.v1}/chat/completions"
        answers = list(pool.map(lambda _: client.post(url, json=CHAT), range(50)))
        assert [answer.status_code for answer in answers] == [200] * 50
        tokens = {request.headers["authorization"] for request in claude.requests}
    assert tokens == {f"Bearer {RENEWED}"}
    [call] = script.calls
    # Our own upstream, which is the one place that the setting names.
    assert call["environment"]["ANTHROPIC_BASE_URL"] == claude.url


def test_a_failed_renewal_is_a_state(tmp_path: Path, script: StandIn, claude: SimulatedClaude) -> None:
    script.does("denial")
    store_login(tmp_path, -10)
    with running_proxy(tmp_path, claude.url, environ=direct(script)) as proxy:
        assert httpx.get(f"{proxy.root}/health").json()["auth"]["state"] == "expired"
        answer = chat(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "upstream_auth_expired")
        assert httpx.get(f"{proxy.root}/health").json()["auth"]["state"] == "renewal_failed"
    assert claude.requests == []
