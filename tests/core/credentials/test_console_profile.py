"""Profiles of `ant auth login`: what their files must look like, and when `ant` is asked for a token."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.ant_cli import AntCLI
from core.credentials.console_profile import ConsoleProfiles, ConsoleProfileStore, ProfileExpired
from core.errors import NotSignedIn
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.stand_ins import StandIn, stand_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts of POSIX")

STORED = "sk-ant-oat01-s3cr3t-marker-stored"
RENEWED = "sk-ant-oat01-s3cr3t-marker-ant-renewed"
CHAT = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}


def write(home: Path, lives: float = 9999, *, profile: str = "work", **config: Any) -> tuple[Path, Path]:
    base = home / ".config" / "anthropic"
    paths = base / "configs" / f"{profile}.json", base / "credentials" / f"{profile}.json"
    token = {"type": "oauth_token", "access_token": STORED, "expires_at": int(time.time() + lives)}
    for path, fields in zip(paths, ({"authentication": {"type": "user_oauth"}, **config}, token), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(fields))
        path.chmod(0o600)
    return paths


@pytest.fixture
def profiles(tmp_path: Path) -> ConsoleProfiles:
    return ConsoleProfiles({"HOME": str(tmp_path)})


@pytest.fixture
def script(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path, "ant")


def store_of(tmp_path: Path, script: StandIn | None) -> ConsoleProfileStore:
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    named = str(script.path if script else tmp_path / "none")
    return ConsoleProfileStore(ConsoleProfiles(environ), AntCLI(environ, named=lambda: named))


def test_its_token_and_its_workspace_are_read(tmp_path: Path, profiles: ConsoleProfiles) -> None:
    write(tmp_path, workspace_id="wrkspc_1")
    token = profiles.read("work")
    assert token is not None
    assert (token.token, token.workspace) == (STORED, "wrkspc_1")
    assert STORED not in repr(token)


def test_a_federated_one_needs_no_header_for_its_workspace(tmp_path: Path, profiles: ConsoleProfiles) -> None:
    write(tmp_path, workspace_id="wrkspc_1", authentication={"type": "oidc_federation"})
    token = profiles.read("work")
    assert token is not None
    assert token.workspace is None


def test_where_the_files_lie(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert ConsoleProfiles({}, home, platform="darwin").directory == home / ".config" / "anthropic"
    windows = ConsoleProfiles({"APPDATA": str(tmp_path / "Roaming")}, home, platform="win32")
    assert windows.directory == tmp_path / "Roaming" / "Anthropic"
    assert ConsoleProfiles({}, home, platform="win32").directory == home / "AppData" / "Roaming" / "Anthropic"
    assert ConsoleProfiles({"ANTHROPIC_CONFIG_DIR": "/else"}, home).directory == Path("/else")


def test_the_active_one_is_named_by_a_file(tmp_path: Path, profiles: ConsoleProfiles) -> None:
    assert profiles.active() is None
    write(tmp_path, profile="default")
    write(tmp_path)
    assert profiles.active() == "default"
    (profiles.directory / "active_config").write_text("work\n")
    assert profiles.active() == "work"
    (profiles.directory / "active_config").write_text("../../elsewhere")
    assert profiles.active() is None


def test_what_others_could_have_written_or_read_is_not_trusted(tmp_path: Path, profiles: ConsoleProfiles) -> None:
    config, credentials = write(tmp_path)
    config.chmod(0o666)
    with pytest.raises(NotSignedIn, match="chmod go-w"):
        profiles.read("work")
    config.chmod(0o644)
    credentials.chmod(0o640)
    with pytest.raises(NotSignedIn, match="chmod 600"):
        profiles.read("work")
    credentials.chmod(0o600)
    target = tmp_path / "elsewhere.json"
    credentials.rename(target)
    credentials.symlink_to(target)
    with pytest.raises(NotSignedIn, match="is a link"):
        profiles.read("work")


@pytest.mark.parametrize("text", ["", "{", "[]", "\0"])
def test_a_damaged_file_is_named(tmp_path: Path, profiles: ConsoleProfiles, text: str) -> None:
    _, credentials = write(tmp_path)
    credentials.write_text(text)
    with pytest.raises(NotSignedIn, match=r"work\.json"):
        profiles.read("work")


def test_ant_is_asked_only_when_the_token_is_about_to_expire_or_was_rejected(tmp_path: Path, script: StandIn) -> None:
    write(tmp_path)
    store = store_of(tmp_path, script)
    assert store.usable("work").token == STORED
    assert script.calls == []
    write(tmp_path, 200)
    assert store.usable("work").token == RENEWED
    assert script.calls[0]["environment"]["ANTHROPIC_PROFILE"] == "work"
    assert store.usable("work").token == RENEWED
    assert len(script.calls) == 1
    write(tmp_path)
    store.ask_again()
    store.rejected(STORED)
    assert store.usable("work").token == RENEWED
    assert len(script.calls) == 2


def test_a_token_that_ant_keeps_elsewhere_is_used(tmp_path: Path, script: StandIn) -> None:
    _, credentials = write(tmp_path)
    credentials.unlink()
    script.does("elsewhere")
    store = store_of(tmp_path, script)
    for _ in range(3):
        assert store.usable("work").token.endswith("kept-elsewhere")
    assert len(script.calls) == 1


@pytest.mark.parametrize("mode", ["denial", "garbage", None])
def test_an_expired_one_that_is_not_renewed_says_what_to_run(tmp_path: Path, script: StandIn, mode: str | None) -> None:
    write(tmp_path, -10)
    if mode:
        script.does(mode)
    store = store_of(tmp_path, script if mode else None)
    for _ in range(3):
        with pytest.raises(ProfileExpired, match="ant auth login") as caught:
            store.usable("work")
    assert (caught.value.status, caught.value.code) == (401, "upstream_auth_expired")
    assert len(script.calls) == (1 if mode else 0)


# Through the real proxy


def environ(script: StandIn, **more: str) -> dict[str, str]:
    chosen = {"CLIPROXYAPI_ROUTE": "auto", "CLIPROXYAPI_CONSOLE_PROFILE": "work"}
    return {**chosen, "ANTHROPIC_API_KEY": "", "CLIPROXYAPI_ANT_PATH": str(script.path), **more}


def chat(proxy: RunningProxy) -> httpx.Response:
    return httpx.post(f"{proxy.v1}/chat/completions", json=CHAT, timeout=60)


def test_the_chosen_profile_signs_requests(tmp_path: Path, script: StandIn) -> None:
    write(tmp_path, workspace_id="wrkspc_1")
    with (
        SimulatedClaude(tokens=[STORED]) as claude,
        running_proxy(tmp_path, claude.url, environ=environ(script)) as proxy,
    ):
        answer = chat(proxy)
        assert (answer.status_code, answer.headers["x-cliproxyapi-route"]) == (200, "console")
        headers = claude.requests[0].headers
    assert headers["authorization"] == f"Bearer {STORED}"
    assert headers["anthropic-beta"] == "oauth-2025-04-20"
    assert headers["anthropic-workspace-id"] == "wrkspc_1"


def test_fifty_requests_that_find_it_expired_ask_ant_once(tmp_path: Path, script: StandIn) -> None:
    write(tmp_path, -10)
    with (
        SimulatedClaude(tokens=[RENEWED]) as claude,
        running_proxy(tmp_path, claude.url, environ=environ(script)) as proxy,
        ThreadPoolExecutor(50) as pool,
        httpx.Client(timeout=60, limits=httpx.Limits(max_connections=50)) as client,
    ):
        url = f"{proxy.v1}/chat/completions"
        answers = list(pool.map(lambda _: client.post(url, json=CHAT), range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert len(script.calls) == 1


def test_a_401_has_the_token_asked_for_once_more(tmp_path: Path, script: StandIn) -> None:
    write(tmp_path)
    with (
        SimulatedClaude(tokens=[STORED, RENEWED]) as claude,
        running_proxy(tmp_path, claude.url, environ=environ(script)) as proxy,
    ):
        claude.script.append(scenarios.error(401, "authentication_error", "OAuth token has been revoked."))
        assert chat(proxy).status_code == 200
        assert [request.headers["authorization"] for request in claude.requests] == [
            f"Bearer {STORED}",
            f"Bearer {RENEWED}",
        ]


def test_one_that_nobody_chose_is_used_only_where_the_route_is_named(tmp_path: Path, script: StandIn) -> None:
    write(tmp_path, profile="default")
    with SimulatedClaude(tokens=[STORED]) as claude:
        unchosen = environ(script, CLIPROXYAPI_CONSOLE_PROFILE="")
        with running_proxy(tmp_path, claude.url, environ=unchosen) as proxy:
            assert chat(proxy).status_code == 401
        with running_proxy(tmp_path, claude.url, environ={**unchosen, "CLIPROXYAPI_ROUTE": "console"}) as proxy:
            assert chat(proxy).status_code == 200


def test_it_goes_to_no_stranger(tmp_path: Path, script: StandIn) -> None:
    write(tmp_path)
    with running_proxy(tmp_path, "https://evil.example", environ=environ(script)) as proxy:
        assert chat(proxy).json()["error"]["code"] == "upstream_not_trusted"
