"""What the installed `claude` says of itself, asked as seldom as possible."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core.claude_cli import AuthStatus, ClaudeCLI
from tests.core.test_programs import script

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")

SIGNED_IN = {"loggedIn": True, "authMethod": "claude.ai", "email": "me@example.com", "subscriptionType": "max"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "says").write_text(json.dumps(SIGNED_IN))
    script(
        tmp_path / ".local/bin/claude",
        f'if [ "$1" = --version ]; then echo "2.1.330 (Claude Code)"; exit; fi\n'
        f'echo "$*|$ANTHROPIC_API_KEY|$ANTHROPIC_BASE_URL|$CLAUDECODE" >> {tmp_path}/asked\ncat {tmp_path}/says',
    )
    return tmp_path


def cli(home: Path) -> ClaudeCLI:
    foreign = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://127.0.0.1:3456", "CLAUDECODE": "1"}
    return ClaudeCLI({"PATH": "/usr/bin:/bin", **foreign}, home)


def asked(home: Path) -> list[str]:
    return (home / "asked").read_text().splitlines()


def test_the_login_is_read_without_the_variables_that_mean_another(home: Path) -> None:
    claude = cli(home)
    found = claude.find()
    assert found is not None
    assert found.numbers == (2, 1, 330)
    assert claude.auth_status() == AuthStatus(True, "claude.ai", "me@example.com", "max")
    assert claude.auth_status() == AuthStatus(True, "claude.ai", "me@example.com", "max")
    assert asked(home) == ["auth status|||"]


def test_a_login_in_another_terminal_is_seen_at_once(home: Path) -> None:
    claude = cli(home)
    claude.auth_status()
    (home / "says").write_text('{"loggedIn": false}')
    (home / ".claude").mkdir()
    (home / ".claude/.credentials.json").write_text("{}")
    assert claude.auth_status() == AuthStatus(False)
    claude.auth_status(afresh=True)
    assert len(asked(home)) == 3


@pytest.mark.parametrize("says", ["", "not json", "[]", '{"loggedIn": "yes"}'])
def test_an_answer_that_is_none_says_nothing(home: Path, says: str) -> None:
    (home / "says").write_text(says)
    assert cli(home).auth_status() is None


def test_without_the_executable_there_is_no_login(tmp_path: Path) -> None:
    claude = ClaudeCLI({"PATH": "/usr/bin:/bin"}, tmp_path)
    assert claude.find() is None
    assert claude.auth_status() is None
