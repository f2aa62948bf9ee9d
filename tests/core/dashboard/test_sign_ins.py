"""The sign-ins that are really offered, with scripts that play `claude` and a machine that has nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.credentials.desk import Progress, SignInDesk
from core.credentials.stores import Stores
from core.dashboard.sign_ins import OfferedSignIns
from core.paths import Paths
from core.settings import SettingsStore

PATIENCE = 60.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")

CLAUDE = """#!/bin/sh
case "$1 $2" in
    "auth login") touch "$HOME/signed-in"; echo "Opening browser to sign in" ;;
    "auth status") [ -e "$HOME/signed-in" ] && echo '{"loggedIn": true, "authMethod": "claude.ai", "email":
        "you@example.com", "subscriptionType": "max"}' || { echo '{"loggedIn": false}'; exit 1; } ;;
    *) echo "2.1.211 (Claude Code)" ;;
esac
"""


def offered(home: Path, **environ: str) -> tuple[OfferedSignIns, SignInDesk, SettingsStore]:
    variables = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "CLIPROXYAPI_CONFIG_DIR": str(home),
        "CLIPROXYAPI_DATA_DIR": str(home),
        **environ,
    }
    paths = Paths.find(variables)
    settings = SettingsStore(paths, variables, {})
    stores = Stores.open(paths, variables, lambda: settings.current)
    desk = SignInDesk()
    return OfferedSignIns(desk, stores, settings, variables, None), desk, settings


def ended(desk: SignInDesk) -> Progress:
    progress = desk.wait(PATIENCE)
    assert progress is not None
    return progress


def test_on_a_fresh_machine_each_way_says_what_is_missing(tmp_path: Path) -> None:
    ways = {way.kind: way for way in offered(tmp_path)[0].ways()}
    assert "npm install -g @anthropic-ai/claude-code" in str(ways["claude"].why_not)
    assert "ant" in str(ways["console"].why_not)
    assert "oauth_client_id" in str(ways["oauth"].why_not)
    assert "bill" in str(ways["console"].warning)


def test_signing_in_with_claude_takes_the_sign_in_into_use_again(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_text(CLAUDE)
    program.chmod(0o700)
    sign_ins, desk, settings = offered(tmp_path)
    settings.change(claude_path=str(program), claude_login="ignore")
    assert next(way for way in sign_ins.ways() if way.kind == "claude").why_not is None
    sign_ins.start("claude")
    progress = ended(desk)
    assert (progress.state, progress.message) == ("succeeded", "Signed in to Claude as you@example.com (max plan).")
    assert settings.current.claude_login == "auto"


def test_an_app_that_is_not_set_up_fails_in_one_sentence(tmp_path: Path) -> None:
    sign_ins, desk, _ = offered(tmp_path)
    sign_ins.start("oauth")
    progress = ended(desk)
    assert progress.state == "failed"
    assert progress.message.startswith("Set oauth_client_id")
