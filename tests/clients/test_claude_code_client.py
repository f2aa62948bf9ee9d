"""Claude Code as a client of `/v1/messages`, in front of the strict simulated Claude."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients import claude_code
from tests.evidence import kept
from tests.running_proxy import RunningProxy
from tests.simulated_claude import SimulatedClaude, scenarios

CALL = {
    "type": "tool_use",
    "id": "toolu_01A",
    "name": "Bash",
    "input": {"command": "echo WX-$((4400+17))", "description": "print a code"},
}


def ask(proxy: RunningProxy, home: Path, *arguments: str) -> dict[str, Any]:
    """The last line that `claude -p` prints: its result."""
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "ANTHROPIC_BASE_URL": proxy.root,
        "ANTHROPIC_AUTH_TOKEN": "any",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "NO_PROXY": "127.0.0.1",
    }
    model = ("--model", "claude-sonnet-4-6", "--output-format", "json")
    done = subprocess.run(
        [str(claude_code.executable()), "-p", "Say it.", *model, *arguments],
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert kept(done).stdout.strip(), done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def said(text: str) -> scenarios.Scenario:
    return scenarios.speaks({"type": "text", "text": text})


def test_an_answer_arrives(proxy: RunningProxy, tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.script.append(said("the crane is blue"))
    result = ask(proxy, tmp_path)
    assert not result["is_error"]
    assert result["result"] == "the crane is blue"
    assert claude.requests[-1].headers["user-agent"].startswith("cliproxyapi/")


def test_a_tool_call_and_its_result_make_a_round(proxy: RunningProxy, tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.script += [scenarios.speaks(CALL, stop_reason="tool_use"), said("It says WX-4417.")]
    result = ask(proxy, tmp_path, "--allowedTools", "Bash(echo:*)")
    assert result["result"] == "It says WX-4417."
    assert "WX-4417" in claude.requests[-1].body.decode()


def test_a_busy_claude_is_asked_again(proxy: RunningProxy, tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.script += [scenarios.overloaded(), said("at last")]
    assert ask(proxy, tmp_path)["result"] == "at last"


@pytest.mark.parametrize("events", [0, 4])
def test_an_error_in_the_stream_is_survived(
    proxy: RunningProxy, tmp_path: Path, claude: SimulatedClaude, events: int
) -> None:
    claude.script += [scenarios.fails_after(events), said("the second time")]
    assert ask(proxy, tmp_path)["result"] == "the second time"


def test_a_refused_key_is_not_hammered(proxy: RunningProxy, tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.default = scenarios.error(401, "authentication_error", "invalid x-api-key")
    result = ask(proxy, tmp_path)
    assert result["is_error"]
    assert len(claude.requests) == 1
