"""OpenClaw with the block of its own documentation, only the port replaced, in front of the strict simulated Claude."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.openclaw import MODEL, OpenClaw
from tests.running_proxy import RunningProxy
from tests.simulated_claude import SimulatedClaude, scenarios

CALL = {"type": "tool_use", "id": "toolu_01A-b", "name": "exec", "input": {"command": "echo WX-$((4400+17))"}}


@pytest.fixture
def openclaw(proxy: RunningProxy, tmp_path: Path) -> OpenClaw:
    return OpenClaw(tmp_path, proxy.v1)


def said(text: str) -> scenarios.Scenario:
    return scenarios.speaks({"type": "text", "text": text})


def test_the_documented_block_is_valid_as_it_is(openclaw: OpenClaw) -> None:
    done = openclaw.run("config", "validate")
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_bare_completion(openclaw: OpenClaw, claude: SimulatedClaude) -> None:
    claude.script.append(said("the crane is blue"))
    asked = ("--local", "--model", f"claude-proxy/{MODEL}", "--prompt", "Which colour?", "--json")
    answer = openclaw.answer("infer", "model", "run", *asked)
    assert answer["ok"]
    assert "the crane is blue" in answer["outputs"][0]["text"]
    assert [request.json["model"] for request in claude.requests] == [MODEL]


@pytest.mark.parametrize("api", ["openai-completions", "anthropic-messages"])
def test_an_agent_calls_a_tool_and_finishes_its_turn(
    proxy: RunningProxy, tmp_path: Path, claude: SimulatedClaude, api: str
) -> None:
    claude.script += [scenarios.speaks(CALL, stop_reason="tool_use"), said("The tool said WX-4417.")]
    answer = OpenClaw(tmp_path, proxy.v1, api).answer("agent", "exec", "Run it.", "--cwd", str(tmp_path), "--json")
    assert answer["ok"]
    assert "WX-4417" in answer["final"]
    assert answer["toolSummary"]["calls"] == 1
    first, second = claude.requests
    assert first.json["tools"]
    assert "WX-4417" in second.body.decode()


def test_an_overloaded_claude_is_asked_again(openclaw: OpenClaw, claude: SimulatedClaude) -> None:
    """Three refusals are more patience than the proxy has: OpenClaw hears of it, and sends the turn again."""
    claude.script += [*[scenarios.overloaded()] * 3, said("at last")]
    answer = openclaw.answer("agent", "exec", "Hello", "--cwd", str(openclaw.home), "--json")
    assert answer["ok"]
    assert answer["final"] == "at last"


def test_a_limit_is_told_in_claudes_words(openclaw: OpenClaw, claude: SimulatedClaude) -> None:
    claude.default = scenarios.rate_limited("7200")
    done = openclaw.run("infer", "model", "run", "--local", "--model", f"claude-proxy/{MODEL}", "--prompt", "Hi")
    assert done.returncode != 0
    assert "This request would exceed your rate limit." in done.stdout + done.stderr
    assert "7200" in done.stdout + done.stderr
    assert len(claude.requests) == 1


def test_a_stream_that_broke_is_never_a_complete_turn(openclaw: OpenClaw, claude: SimulatedClaude) -> None:
    claude.script += [scenarios.fails_after(4), said("the second time")]
    answer = openclaw.answer("agent", "exec", "Hello", "--cwd", str(openclaw.home), "--json")
    assert answer["ok"]
    assert answer["final"] == "the second time"
