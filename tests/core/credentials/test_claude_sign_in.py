"""`claude auth login` as our sign-in: a script plays it, in every way in which it can go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.claude_cli import ClaudeCLI
from core.credentials.claude_sign_in import ClaudeSignIn
from core.credentials.desk import Progress, SignInDesk
from tests.stand_ins import StandIn, stand_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts of POSIX")


@pytest.fixture
def script(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path, "claude")


@pytest.fixture
def claude(tmp_path: Path, script: StandIn) -> ClaudeCLI:
    environ = {
        "HOME": str(tmp_path),
        "PATH": f"{script.directory}:/usr/bin:/bin",
        "ANTHROPIC_API_KEY": "sk-ant-api03-s3cr3t-marker-foreign",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:3456",
    }
    return ClaudeCLI(environ)


def ended(claude: ClaudeCLI, seconds: float = 60.0) -> Progress:
    desk = SignInDesk()
    desk.start(ClaudeSignIn(claude, seconds=seconds))
    progress = desk.wait(60)
    assert progress is not None
    assert progress.ended
    return progress


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_it_shows_what_the_program_prints_and_says_as_whom(claude: ClaudeCLI, script: StandIn) -> None:
    progress = ended(claude)
    assert (progress.state, progress.message) == ("succeeded", "Signed in to Claude as me@example.com (max plan).")
    assert progress.lines == (
        "Opening browser to sign in...",
        "If it does not open, visit: https://claude.ai/oauth/authorize?abc",
        "Login successful.",
    )
    assert progress.url == "https://claude.ai/oauth/authorize?abc"
    environment = script.calls[0]["environment"]
    assert not {"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"} & environment.keys()


def test_a_pasted_code_reaches_it(claude: ClaudeCLI, script: StandIn) -> None:
    script.does("code")
    desk = SignInDesk()
    desk.start(ClaudeSignIn(claude))
    wait_for(lambda: desk.progress is not None and desk.progress.wants_code)
    assert desk.paste("code#state\n")
    progress = desk.wait(60)
    assert progress is not None
    assert progress.state == "succeeded"
    assert "Paste code here if prompted >" in progress.lines


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("denial", "access_denied"),
        ("garbage", "nobody is signed in"),
        ("nothing", "nobody is signed in"),
        ("old", "too old"),
    ],
)
def test_what_goes_wrong_is_one_sentence_that_says_what_to_do(
    claude: ClaudeCLI, script: StandIn, mode: str, said: str
) -> None:
    script.does(mode)
    progress = ended(claude)
    assert progress.state == "failed"
    assert said in progress.message
    assert all(line.isprintable() for line in progress.lines)


def test_without_claude_it_says_how_to_install_it_and_names_the_other_ways(tmp_path: Path) -> None:
    progress = ended(ClaudeCLI({"HOME": str(tmp_path), "PATH": str(tmp_path)}, named=lambda: str(tmp_path / "none")))
    assert progress.state == "failed"
    for part in ("npm install -g @anthropic-ai/claude-code", "--api-key", "--console"):
        assert part in progress.message


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the processes are looked up in /proc")
def test_giving_up_ends_it_with_all_that_it_started(claude: ClaudeCLI, script: StandIn) -> None:
    script.does("hang")
    desk = SignInDesk()
    desk.start(ClaudeSignIn(claude))
    wait_for(lambda: desk.progress is not None and bool(desk.progress.lines))
    assert desk.progress is not None
    pids = [int(pid) for pid in desk.progress.lines[0].split()]
    assert all(is_running(pid) for pid in pids)
    desk.cancel()
    progress = desk.wait(30)
    assert progress is not None
    assert progress.state == "cancelled"
    wait_for(lambda: not any(is_running(pid) for pid in pids))


def test_one_that_never_ends_is_given_up(claude: ClaudeCLI, script: StandIn) -> None:
    script.does("hang")
    progress = ended(claude, seconds=0.5)
    assert progress.state == "failed"
    assert "did not finish" in progress.message
