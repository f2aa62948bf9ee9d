"""The dashboard's JSON over a socket: who may ask, what is told and what is changed, and that no secret ever leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dashboard import CODE, TOKEN, Shown, StandInControls, ask, shown_dashboard
from tests.running_proxy import running_proxy
from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.server import TEST_KEY, TEST_TOKEN

LOCAL_KEY = "s3cr3t-marker-local-key"
LOCK = {"x-cliproxyapi-token": TOKEN}
READ = ("state", "account", "settings", "logs", "about", "diagnostics", "controls")


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    login = {"accessToken": TEST_TOKEN, "expiresAt": 4_000_000_000_000, "subscriptionType": "max"}
    (home / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    (home / ".credentials.json").chmod(0o600)
    return home


@pytest.fixture(scope="module")
def module_shown(module_home: Path, module_claude: SimulatedClaude) -> Iterator[Shown]:
    environ = {"CLAUDE_CONFIG_DIR": str(module_home), "ANTHROPIC_API_KEY": ""}
    with shown_dashboard(module_home, module_claude.url, environ) as shown:
        yield shown


@pytest.fixture
def shown(module_shown: Shown, module_home: Path, claude: SimulatedClaude) -> Shown:
    """Shared by the module's tests, and like new for each."""
    (module_home / "config" / "config.toml").unlink(missing_ok=True)
    (module_home / "data" / "api_key.json").unlink(missing_ok=True)
    module_shown.proxy.settings.reload()
    module_shown.proxy.board.post(requests=(), problem=None)
    vars(module_shown.controls).update(vars(StandInControls()))
    return module_shown


@pytest.fixture
def client(shown: Shown) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{shown.proxy.root}/api/", headers=shown.session(), trust_env=False, verify=False
    ) as client:
        yield client


def error_of(answer: httpx.Response) -> tuple[int, str | None]:
    assert answer.json()["error"]["message"]
    return answer.status_code, answer.json()["error"]["code"]


# Who may ask


@pytest.mark.parametrize("path", [*READ, "events", "nothing"])
def test_without_a_session_nothing_is_told(shown: Shown, path: str) -> None:
    for headers in ({}, {"x-cliproxyapi-session": "wrong"}, {"cookie": "session=wrong"}, LOCK):
        answer = ask.get(f"{shown.proxy.root}/api/{path}", headers=headers)
        assert error_of(answer) == (401, "dashboard_session_needed")


@pytest.mark.parametrize("header", [{"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"}])
def test_another_page_gets_nothing_even_with_a_session(client: httpx.Client, header: dict[str, str]) -> None:
    assert error_of(client.get("state", headers=header)) == (403, "origin_not_allowed")
    assert client.get("state", headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_a_page_that_may_use_the_proxy_may_not_read_the_dashboard(tmp_path: Path, claude: SimulatedClaude) -> None:
    page = "https://chat.example"
    with shown_dashboard(tmp_path, claude.url, {"CLIPROXYAPI_ALLOWED_ORIGINS": page}) as shown:
        url, session = f"{shown.proxy.root}/api/state", shown.session()
        assert ask.get(f"{shown.proxy.v1}/models", headers={"origin": page}).status_code == 200
        for answer in (
            ask.get(url, headers={**session, "origin": page}),
            ask.options(url, headers={"origin": page, "access-control-request-method": "GET"}),
        ):
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers


def test_a_link_is_made_only_for_the_token_of_the_lock_file(shown: Shown) -> None:
    for headers in ({}, {"x-cliproxyapi-token": "wrong"}, {"x-cliproxyapi-token": ""}, shown.session()):
        answer = ask.post(f"{shown.proxy.root}/api/activate", json={}, headers=headers)
        assert error_of(answer) == (403, "control_token_refused")
    assert "/dashboard/logs#token=" in shown.link("logs")
    assert shown.link("nowhere").startswith(f"{shown.proxy.root}/#token=")


def test_a_server_without_a_token_makes_no_link_at_all(tmp_path: Path) -> None:
    with running_proxy(tmp_path, token="") as proxy:
        for headers in ({}, {"x-cliproxyapi-token": ""}):
            answer = ask.post(f"{proxy.root}/api/activate", json={}, headers=headers)
            assert error_of(answer) == (403, "control_token_refused")


def test_quit_needs_the_token_and_answers_before_it_happens(shown: Shown) -> None:
    assert ask.post(f"{shown.proxy.root}/api/quit", json={}).status_code == 403
    assert shown.controls.asked == []
    assert ask.post(f"{shown.proxy.root}/api/quit", json={}, headers=LOCK).status_code == 200
    assert shown.controls.happened.wait(10)
    assert shown.controls.asked == ["quit"]


def test_the_local_key_is_not_asked_for_as_the_session_is(tmp_path: Path) -> None:
    with shown_dashboard(tmp_path, environ={"CLIPROXYAPI_API_KEY": LOCAL_KEY}) as shown:
        assert ask.get(f"{shown.proxy.v1}/models").status_code == 401
        answer = ask.get(f"{shown.proxy.root}/api/state", headers=shown.session())
        assert answer.status_code == 200


# The files


def test_a_browser_gets_the_page_and_a_program_the_banner(shown: Shown) -> None:
    browser = ask.get(shown.proxy.root, headers={"accept": "text/html,*/*"})
    assert "<!doctype html>" in browser.text
    assert ask.get(shown.proxy.root).json()["service"] == "cliproxyapi"


@pytest.mark.parametrize("path", ["/", "/welcome", "/dashboard/", "/dashboard/account", "/dashboard/app.js"])
def test_each_file_comes_with_strict_headers(shown: Shown, path: str) -> None:
    answer = ask.get(f"{shown.proxy.root}{path}", headers={"accept": "text/html"})
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/dashboard/../access.py", "/dashboard/%2e%2e/access.py", "/dashboard/pages/../../access.py", "/dashboard/x"],
)
def test_no_other_file_is_served(shown: Shown, path: str) -> None:
    answer = ask.get(f"{shown.proxy.root}{path}")
    assert answer.status_code == 404
    assert "class Access" not in answer.text


# What is told


def test_no_answer_holds_a_secret(tmp_path: Path, claude: SimulatedClaude) -> None:
    environ = {"ANTHROPIC_API_KEY": TEST_KEY, "CLIPROXYAPI_API_KEY": LOCAL_KEY, "CLAUDE_CODE_OAUTH_TOKEN": TEST_TOKEN}
    with shown_dashboard(tmp_path, claude.url, environ) as shown:
        session = shown.session()
        with httpx.Client(
            base_url=f"{shown.proxy.root}/api/", headers=session, trust_env=False, verify=False
        ) as client:
            answers = [client.get(path) for path in READ]
            answers.append(client.post("settings", json={"api_key": "s3cr3t-marker with spaces"}))
            answers.append(client.post("account/api-key", json={"key": "s3cr3t-marker with spaces"}))
            answers.append(client.post("test", json={}))
        for answer in answers:
            assert answer.headers["cache-control"] == "no-store"
            for secret in (TEST_KEY, TEST_TOKEN, LOCAL_KEY, "s3cr3t-marker", TOKEN, *session.values()):
                assert secret not in answer.text, answer.url


def test_the_state_says_who_is_signed_in_and_what_was_asked(shown: Shown, client: httpx.Client) -> None:
    client.post("account/consent", json={"yes": True})
    chat = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "a private word"}]}
    assert ask.post(f"{shown.proxy.v1}/chat/completions", json=chat).status_code == 200
    # It is noted when its answer has ended, which a client may see a moment earlier.
    until = time.monotonic() + 20
    while not (state := client.get("state").json())["requests"] and time.monotonic() < until:
        pass
    assert state["headline"]["state"] == "running"
    assert (state["sign_in"]["route"], state["sign_in"]["plan"]) == ("direct", "max")
    assert [(note["path"], note["status"]) for note in state["requests"]] == [("/v1/chat/completions", 200)]
    assert "private" not in json.dumps(state)


def test_the_report_names_versions_and_no_home(client: httpx.Client, module_home: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(module_home))
    text = client.get("diagnostics").json()["text"]
    assert "CLIProxyAPI 0." in text
    assert "Python 3." in text
    assert str(module_home) not in text


def test_licences_are_named(client: httpx.Client) -> None:
    licences = {item["name"]: item["licence"] for item in client.get("about").json()["licences"]}
    assert licences["msgspec"].startswith("BSD")
    assert "pytest" not in licences
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in client.get("licences").json()["text"]


def test_nobody_asks_for_updates_but_who_clicks(client: httpx.Client) -> None:
    assert client.get("about").json()["updates"] == {"on": False, "asked_at": None, "newer": None}
    assert error_of(client.post("updates", json={})) == (502, "updates_unknown")
    assert client.get("about").json()["updates"]["asked_at"] is None


# What is changed


def test_the_route_direct_needs_a_yes(shown: Shown, client: httpx.Client) -> None:
    answer = client.post("account/route", json={"route": "direct"})
    assert error_of(answer) == (409, "consent_needed")
    assert "Anthropic says" in answer.json()["error"]["message"]
    assert shown.proxy.settings.current.route == "auto"
    view = client.post("account/route", json={"route": "direct", "consent": True}).json()
    assert (view["route"], view["consent"]) == ("direct", True)
    assert shown.proxy.settings.current.direct_consent


@pytest.mark.parametrize("wanted", [{"direct_consent": True}, {"route": "direct"}])
def test_no_setting_stands_for_a_yes(shown: Shown, client: httpx.Client, wanted: dict[str, Any]) -> None:
    assert error_of(client.post("settings", json=wanted)) == (409, "consent_needed")
    assert not shown.proxy.settings.current.direct_consent
    assert shown.proxy.settings.current.route == "auto"


def test_only_an_untried_plan_leaves_the_choice_to_the_person(client: httpx.Client) -> None:
    assert client.get("account").json()["nothing_preselected"]
    client.post("account/consent", json={"yes": True})
    assert not client.get("account").json()["nothing_preselected"]


def test_a_route_that_a_variable_sets_stays(tmp_path: Path) -> None:
    with shown_dashboard(tmp_path, environ={"CLIPROXYAPI_ROUTE": "demo"}) as shown:
        url, session = f"{shown.proxy.root}/api/", shown.session()
        assert ask.get(f"{url}account", headers=session).json()["route_set_by"] == "CLIPROXYAPI_ROUTE"
        answer = ask.post(f"{url}account/route", headers=session, json={"route": "auto"})
        assert error_of(answer) == (400, "bad_setting")


def test_a_key_is_checked_before_it_is_stored(client: httpx.Client, claude: SimulatedClaude) -> None:
    answer = client.post("account/api-key", json={"key": "sk-ant-api03-s3cr3t-marker-wrong"})
    assert error_of(answer) == (400, "api_key_not_verified")
    assert client.get("account").json()["api_key"]["source"] is None
    assert client.post("account/api-key", json={"key": TEST_KEY}).json()["place"]
    assert client.get("account").json()["api_key"]["source"]
    client.post("account/api-key/remove", json={})
    assert client.get("account").json()["api_key"]["source"] is None


def test_signing_out_forgets_what_is_ours_and_leaves_what_is_not(
    shown: Shown, client: httpx.Client, module_home: Path
) -> None:
    client.post("account/api-key", json={"key": TEST_KEY})
    client.post("account/consent", json={"yes": True})
    view = client.post("account/sign-out", json={}).json()
    assert (view["api_key"]["source"], view["consent"], view["ignores_claude_login"]) == (None, False, True)
    assert (module_home / ".credentials.json").exists()
    assert client.get("state").json()["headline"]["state"] == "sign_in"
    client.post("account/claude-login", json={})
    assert shown.proxy.settings.current.claude_login == "auto"


def test_a_sign_in_runs_with_a_pasted_code(shown: Shown, client: httpx.Client) -> None:
    assert error_of(client.post("account/code", json={"code": CODE})) == (400, None)
    client.post("account/sign-in", json={"kind": "claude"})
    assert error_of(client.post("account/sign-in", json={"kind": "console"})) == (409, "sign_in_running")
    client.post("account/code", json={"code": CODE})
    shown.desk.wait(20)
    assert client.get("state").json()["progress"]["state"] == "succeeded"
    client.post("account/sign-in", json={"kind": "console"})
    client.post("account/cancel", json={})
    shown.desk.wait(20)
    assert client.get("state").json()["progress"]["state"] == "cancelled"


def test_every_setting_is_shown_with_words_and_its_source(client: httpx.Client, shown: Shown) -> None:
    settings = {item["name"]: item for item in client.get("settings").json()["settings"]}
    assert settings["upstream_url"]["set_by"] == "CLIPROXYAPI_UPSTREAM_URL"
    assert settings["route"]["source"] == "default"
    assert [item["name"] for item in settings.values() if item["group"] == "More"] == []


def test_a_changed_setting_is_in_force_and_a_bad_one_is_not(client: httpx.Client, shown: Shown) -> None:
    view = client.post("settings", json={"max_output_tokens": 1234, "model_aliases": {"mine": "claude-x"}}).json()
    assert next(item for item in view["settings"] if item["name"] == "max_output_tokens")["source"] == "file"
    assert shown.proxy.settings.current.max_output_tokens == 1234
    answer = client.post("settings", json={"max_output_tokens": -1})
    assert error_of(answer) == (400, "bad_setting")
    assert "max_output_tokens" in answer.json()["error"]["message"]
    client.post("settings", json={"max_output_tokens": None, "model_aliases": {}})
    assert shown.proxy.settings.current.max_output_tokens == 32_000


def test_an_address_waits_for_a_restart_and_says_so(client: httpx.Client, shown: Shown) -> None:
    view = client.post("settings", json={"host": "localhost"}).json()
    assert next(item for item in view["settings"] if item["name"] == "host")["needs_restart"]
    assert client.get("state").json()["needs_restart"] == ["host"]
    client.post("controls/restart", json={})
    assert shown.controls.asked == ["restart"]


def test_the_test_message_tells_the_answer_or_the_error(client: httpx.Client, claude: SimulatedClaude) -> None:
    failed = client.post("test", json={}).json()
    assert (failed["ok"], failed["status"]) == (False, 401)
    assert "no way to reach Claude" in failed["text"]
    client.post("account/consent", json={"yes": True})
    passed = client.post("test", json={}).json()
    assert (passed["ok"], passed["status"], passed["route"]) == (True, 200, "direct")
    assert passed["text"]


def test_what_the_program_cannot_do_is_refused(client: httpx.Client, shown: Shown) -> None:
    shown.controls.autostart, shown.controls.can_stop = None, False
    assert client.get("controls").json()["autostart"] is None
    assert client.post("controls/autostart", json={"yes": True}).status_code == 400
    assert client.post("controls/stop", json={}).status_code == 404
    assert client.post("controls/nonsense", json={}).status_code == 404
    assert shown.controls.asked == []


def test_starting_at_login_is_read_back(client: httpx.Client) -> None:
    assert client.get("controls").json()["autostart"] is False
    assert client.post("controls/autostart", json={"yes": True}).json()["autostart"] is True
    assert client.post("controls/autostart", json={"yes": False}).json()["autostart"] is False
