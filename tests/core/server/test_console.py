"""The route `console` with an OAuth app of one's own, through the real proxy."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.credentials.own_oauth import OwnSignIn
from tests.own_app import app_settings, renewals, signed_in, store
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.oauth import ACCOUNT
from tests.simulated_claude.server import TEST_KEY

CHAT: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}
CONSOLE = {"CLIPROXYAPI_ROUTE": "console", "ANTHROPIC_API_KEY": ""}
AUTO = {"CLIPROXYAPI_ROUTE": "auto", "ANTHROPIC_API_KEY": ""}


def chat(proxy: RunningProxy) -> httpx.Response:
    return httpx.post(f"{proxy.v1}/chat/completions", json=CHAT, timeout=60)


def state(proxy: RunningProxy) -> tuple[str, str]:
    health = httpx.get(f"{proxy.root}/health").json()
    return health["route"], health["auth"]["state"]


def messages(claude: SimulatedClaude) -> int:
    return sum(request.path == "/v1/messages" for request in claude.requests)


def test_requests_are_signed_with_the_token_and_its_beta(tmp_path: Path, claude: SimulatedClaude) -> None:
    sign_in = signed_in(claude, tmp_path)
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy:
        answer = chat(proxy)
        assert (answer.status_code, answer.headers["x-cliproxyapi-route"]) == (200, "console")
        assert state(proxy) == ("console", "signed_in")
        assert proxy.board.status.sign_in is not None
        assert proxy.board.status.sign_in.account == ACCOUNT
    request = claude.requests[0]
    assert request.headers["authorization"] == f"Bearer {sign_in.access_token}"
    assert request.headers["anthropic-beta"] == "oauth-2025-04-20"
    assert request.headers["user-agent"].startswith("cliproxyapi/")
    assert "x-api-key" not in request.headers


def test_fifty_requests_on_an_expired_token_cause_one_renewal(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=-10)
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: chat(proxy), range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert renewals(claude) == 1
    assert messages(claude) == 50


def test_fifty_requests_that_get_a_401_cause_one_renewal(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path)
    claude.provider.expire()
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: chat(proxy), range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert renewals(claude) == 1


def test_a_token_that_is_refused_again_is_not_renewed_again(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path)
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy:
        claude.default = scenarios.error(401, "authentication_error", "Invalid bearer token")
        for _ in range(3):
            answer = chat(proxy)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "upstream_auth_expired")
            assert "Console organisation" in answer.json()["error"]["message"]
    assert renewals(claude) == 1
    # One retry for the renewed token, and none after that.
    assert messages(claude) == 4


def test_an_ended_sign_in_is_a_state_and_asks_the_provider_no_more(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    claude.provider.sign_out()
    # A key that was meant for other programs does not pay in its place.
    with running_proxy(tmp_path, claude.url, environ={**AUTO, "ANTHROPIC_API_KEY": TEST_KEY}) as proxy:
        for _ in range(3):
            answer = chat(proxy)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "upstream_auth_expired")
            assert "cliproxyapi login --oauth" in answer.json()["error"]["message"]
            assert answer.headers["x-should-retry"] == "false"
        assert state(proxy) == ("console", "renewal_failed")
        # Signing in again is seen without a restart.
        signed_in(claude, tmp_path)
        assert chat(proxy).status_code == 200
        assert state(proxy) == ("console", "signed_in")
    assert renewals(claude) == 1
    assert messages(claude) == 1


def test_a_provider_that_is_down_is_told_as_one(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    claude.provider.script += [scenarios.html(503)] * 9
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy:
        assert state(proxy) == ("console", "expired")
        answer = chat(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "sign_in_renewal_failed")
        assert int(answer.headers["retry-after"]) >= 1
        assert state(proxy) == ("console", "renewal_failed")
        assert chat(proxy).status_code == 503
    assert renewals(claude) == 1
    assert messages(claude) == 0


def test_auto_takes_it_before_others_and_a_stored_key_before_it(tmp_path: Path, claude: SimulatedClaude) -> None:
    with running_proxy(tmp_path, claude.url, environ={**AUTO, "ANTHROPIC_API_KEY": TEST_KEY}) as proxy:
        assert chat(proxy).headers["x-cliproxyapi-route"] == "api-key"
        signed_in(claude, tmp_path)
        assert chat(proxy).headers["x-cliproxyapi-route"] == "console"
        (tmp_path / "data" / "api_key.json").write_text(json.dumps({"stored": "file", "key": TEST_KEY}))
        assert chat(proxy).headers["x-cliproxyapi-route"] == "api-key"


def test_by_name_and_without_a_sign_in_the_answer_says_how(tmp_path: Path, claude: SimulatedClaude) -> None:
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy:
        answer = chat(proxy)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
        assert "cliproxyapi login --oauth" in answer.json()["error"]["message"]
        assert state(proxy) == ("console", "not_signed_in")


@pytest.mark.parametrize(("set_up", "named"), [(True, True), (False, False)])
def test_only_who_set_an_app_up_is_told_of_that_step(
    tmp_path: Path, claude: SimulatedClaude, set_up: bool, named: bool
) -> None:
    settings = app_settings(claude) if set_up else {}
    with running_proxy(tmp_path, claude.url, environ={**AUTO, **settings}) as proxy:
        assert ("login --oauth" in chat(proxy).json()["error"]["message"]) == named


def test_a_client_that_hangs_up_does_not_end_the_renewal(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    slow = scenarios.Scenario(
        stall=1.0, body=json.dumps(claude.provider.grant()).encode(), headers={"content-type": "application/json"}
    )
    claude.provider.script.append(slow)
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy, ThreadPoolExecutor(2) as pool:
        hasty = pool.submit(httpx.post, f"{proxy.v1}/chat/completions", json=CHAT, timeout=httpx.Timeout(30, read=0.5))
        patient = pool.submit(chat, proxy)
        assert isinstance(hasty.exception(60), httpx.ReadTimeout)
        assert patient.result(60).status_code == 200
    assert renewals(claude) == 1


def test_a_provider_that_hangs_does_not_keep_the_server_from_ending(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    claude.provider.script.append(scenarios.stalls(14))
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{proxy.v1}/chat/completions", json=CHAT, timeout=httpx.Timeout(30, read=0.5))
        proxy.server.stop()
        # The thread itself has ended, and not only been given up.
        assert "server" not in [thread.name for thread in threading.enumerate()]


def test_no_token_is_in_what_people_see(
    tmp_path: Path, claude: SimulatedClaude, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="cliproxyapi")
    sign_in: OwnSignIn = signed_in(claude, tmp_path, expires_in=0)
    with running_proxy(tmp_path, claude.url, environ=CONSOLE) as proxy:
        told = [chat(proxy).text, httpx.get(f"{proxy.root}/health").text, httpx.get(proxy.root).text]
    out, error = capfd.readouterr()
    assert "s3cr3t-marker" not in "".join(
        [*told, out, error, caplog.text, repr(sign_in), repr(store(tmp_path).stored())]
    )
