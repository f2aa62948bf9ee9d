"""What a stand-in Claude Code is asked, and what becomes of its answers and of its failures."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest, ProxyError, StreamTruncated, UpstreamError, UpstreamTimeout
from core.upstreams import UpstreamRequest
from core.upstreams.claude_code import ClaudeCodeMissing
from tests.core.upstreams.claude_code.asking import ask_once, claude_code
from tests.stand_in_claude import StandIn, install


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return install(tmp_path / "bin")


def texts(line: Any) -> list[str]:
    return [block["text"] for block in line["message"]["content"] if block["type"] == "text"]


def asked(stand_in: StandIn, last: str) -> list[Any]:
    """The turns that the process was told whose last one ends with the text `last`."""
    told = [[line for line in start["lines"] if line["type"] in ("user", "assistant")] for start in stand_in.starts]
    (turns,) = [turns for turns in told if turns and texts(turns[-1])[-1:] == [last]]
    return turns


def test_an_answer_comes_as_a_whole_message_or_as_the_events_of_the_api(stand_in: StandIn, tmp_path: Path) -> None:
    whole = ask_once(stand_in, tmp_path)
    assert whole.status == 200
    assert whole.json["content"] == [{"type": "text", "text": "You said: hello"}]
    assert (whole.json["type"], whole.json["role"], whole.json["stop_reason"]) == ("message", "assistant", "end_turn")
    assert whole.json["usage"] == {"input_tokens": 7, "output_tokens": 9}

    streamed = ask_once(stand_in, tmp_path, stream=True)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    kinds = [event["type"] for event in streamed.events]
    assert kinds[:3] == ["message_start", "content_block_start", "content_block_delta"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert streamed.body.startswith(b"event: message_start\ndata: {")


def test_c1_c2_c5_c11_nothing_of_a_prompt_or_of_a_persons_own_settings_is_in_the_start(
    stand_in: StandIn, tmp_path: Path
) -> None:
    schema = {"type": "object", "properties": {"private_name": {"type": "string"}}}
    config = {"format": {"type": "json_schema", "schema": schema}}
    ask_once(stand_in, tmp_path, system="private system", output_config=config)
    for start in stand_in.starts:
        assert "private" not in json.dumps(start["argv"])
        assert "hello" not in start["argv"]
        assert "ANTHROPIC_BASE_URL" not in start["environ"]
        assert "MAX_THINKING_TOKENS" not in start["environ"]
        assert start["environ"]["CLAUDE_AGENT_SDK_CLIENT_APP"].startswith("cliproxyapi/")
        assert list(Path(start["cwd"]).iterdir()) == []
    greeting = stand_in.starts[0]["lines"][0]["request"]
    assert greeting["systemPrompt"] == ["private system"]
    assert greeting["jsonSchema"] == schema


@pytest.mark.parametrize(
    "prompt",
    ["--dangerously-skip-permissions", "é" * (1024 * 1024), "".join(map(chr, range(1, 32))) + "\x7f\u202e end"],
    ids=["an option", "two mebibytes", "control characters"],
)
def test_c1_any_prompt_arrives_as_text(stand_in: StandIn, tmp_path: Path, prompt: str) -> None:
    answer = ask_once(stand_in, tmp_path, messages=[{"role": "user", "content": prompt}])
    assert answer.json["content"][0]["text"] == f"You said: {prompt}"


def test_c6_the_history_is_told_turn_by_turn(stand_in: StandIn, tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "toolu_9", "name": "look", "input": {"at": "it"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_9", "content": "seen"}
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": [{"type": "text", "text": "two"}, call]},
        {"role": "user", "content": [result]},
        {"role": "assistant", "content": "four"},
        {"role": "user", "content": "five"},
    ]
    answer = ask_once(stand_in, tmp_path, messages=messages, tools=[{"name": "look", "input_schema": {}}])
    assert answer.json["content"][0]["text"] == "You said: five"
    turns = asked(stand_in, "five")
    assert [(turn["type"], turn.get("shouldQuery")) for turn in turns] == [
        ("user", False),
        ("assistant", None),
        ("user", False),
        ("assistant", None),
        ("user", None),
    ]
    assert turns[1]["message"]["content"][1] == call
    assert turns[2]["message"]["content"] == [result]


def test_where_a_version_takes_no_history_it_is_one_text(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(flattens=True)
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    answer = ask_once(stand_in, tmp_path, messages=messages)
    assert answer.json["content"][0]["text"] == "You said: three"
    (question,) = asked(stand_in, "three")
    assert texts(question)[1:] == ["[user]", "one", "[assistant]", "two", "[user, now]", "three"]


def test_whether_a_version_takes_a_history_is_asked_once_and_remembered(stand_in: StandIn, tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        *({"role": "user", "content": "c"},),
    ]
    for _ in range(2):
        ask_once(stand_in, tmp_path, messages=messages)
    checks = [start for start in stand_in.starts if start["environ"].get("CLAUDE_CODE_OAUTH_TOKEN") == "none"]
    assert len(checks) == 1
    assert checks[0]["environ"]["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("over_budget", [False, True])
def test_c3_tools_are_offered_and_their_calls_come_back(stand_in: StandIn, tmp_path: Path, over_budget: bool) -> None:
    stand_in.behave(then="tool", over_budget=over_budget)
    tool = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
    answer = ask_once(stand_in, tmp_path, tools=[tool])
    assert answer.json["content"] == [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "it"}}]
    assert answer.json["stop_reason"] == "tool_use"
    assert answer.json["usage"]["output_tokens"] == 9
    (listed,) = [x for x in stand_in.starts[0]["lines"] if x["type"] == "control_response"]
    offered = listed["response"]["response"]["mcp_response"]["result"]["tools"]
    assert offered == [{"name": "look", "description": "Looks.", "inputSchema": {"type": "object"}}]


def test_structured_output_comes_back_as_text(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(then="tool", tool="StructuredOutput")
    config = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    answer = ask_once(stand_in, tmp_path, output_config=config)
    assert answer.json["content"] == [{"type": "text", "text": '{"at": "it"}'}]
    assert answer.json["stop_reason"] == "end_turn"


def test_stop_sequences_are_applied_here(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(parts=["one EN", "D two"])
    answer = ask_once(stand_in, tmp_path, stop_sequences=["END"])
    assert answer.json["content"] == [{"type": "text", "text": "one "}]
    assert (answer.json["stop_reason"], answer.json["stop_sequence"]) == ("stop_sequence", "END")


def test_garbage_between_the_lines_is_skipped(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(garbage=True)
    assert ask_once(stand_in, tmp_path).json["content"][0]["text"] == "You said: hello"


def test_a_slow_start_and_a_full_stderr_hold_nothing_up(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(start_seconds=0.3, stderr=1024 * 1024)
    assert ask_once(stand_in, tmp_path).json["content"][0]["text"] == "You said: hello"


def test_the_plans_limits_are_told_behind_the_answer(stand_in: StandIn, tmp_path: Path) -> None:
    told: list[Any] = []
    ask_once(stand_in, tmp_path, on_limits=told.append)
    (headers,) = told
    assert headers["anthropic-ratelimit-unified-status"] == "allowed"
    assert headers["anthropic-ratelimit-unified-5h-utilization"] == "0.25"


def test_the_plans_limits_are_asked_for_beside_the_answer(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(waits_for_usage=True)
    told: list[Any] = []
    ask_once(stand_in, tmp_path, on_limits=told.append)
    (headers,) = told
    assert headers == {
        "anthropic-ratelimit-unified-7d-utilization": "0.4",
        "anthropic-ratelimit-unified-7d-reset": "2000000000",
    }


def test_a_missing_executable_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClaudeCodeMissing, match="npm install -g @anthropic-ai/claude-code"):
        ask_once(None, tmp_path)


def test_an_old_version_is_told_what_to_update_to(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(version="2.0.14 (Claude Code)")
    with pytest.raises(ClaudeCodeMissing, match=r"Claude Code 2\.0\.14 is too old.*2\.1\.330 or newer"):
        ask_once(stand_in, tmp_path)


@pytest.mark.parametrize("how", [{"then": "die"}, {"exits": 3}])
def test_c9_an_end_without_an_answer_is_told_with_its_last_words(
    stand_in: StandIn, tmp_path: Path, how: dict[str, Any]
) -> None:
    stand_in.behave(stderr=10_000, **how)
    with pytest.raises(UpstreamError, match=r"exit code 3: e+ the last words") as raised:
        ask_once(stand_in, tmp_path)
    assert raised.value.status == 502
    assert "s3cr3t-marker" not in raised.value.message
    assert len(raised.value.message) < 3000


def test_death_in_the_middle_is_a_broken_stream(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(then="die_in_the_middle")
    with pytest.raises(StreamTruncated, match="exit code 3"):
        ask_once(stand_in, tmp_path, stream=True)


@pytest.mark.parametrize("then", ["hang", "hang_in_the_middle"])
def test_silence_ends_in_a_timeout(stand_in: StandIn, tmp_path: Path, then: str) -> None:
    stand_in.behave(then=then, stubborn=True)
    with pytest.raises(UpstreamTimeout, match="said nothing for"):
        ask_once(stand_in, tmp_path, stream=True, silence=0.3)


def test_what_claude_code_keeps_to_itself_is_an_error(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(then="nothing")
    answer = ask_once(stand_in, tmp_path)
    assert answer.status == 502
    assert answer.json["error"]["message"] == "Claude Code ended without asking Claude. /clear is not here."


def test_a_retry_before_content_is_nobodys_business_and_behind_it_is_the_end(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(then="retry")
    answer = ask_once(stand_in, tmp_path, stream=True)
    assert [event["type"] for event in answer.events].count("message_start") == 1
    assert [event["type"] for event in answer.events].count("message_stop") == 1
    stand_in.behave(then="retry", late=True)
    with pytest.raises(StreamTruncated, match="in the middle of the answer"):
        ask_once(stand_in, tmp_path, stream=True)


@pytest.mark.parametrize(
    ("error", "status", "kind", "message"),
    [
        (
            {"said": "Not logged in · Please run /login", "error": "authentication_failed"},
            401,
            "authentication_error",
            "Not logged in · Please run /login",
        ),
        (
            {
                "said": "API Error: 529 Overloaded.",
                "error": "server_error",
                "api_error_status": 529,
            },
            529,
            "overloaded_error",
            "Overloaded.",
        ),
        (
            {
                "said": "There's an issue with the selected model (claude-x). It may not exist.",
                "error": "model_not_found",
                "api_error_status": 404,
            },
            404,
            "not_found_error",
            "model: claude-x",
        ),
        (
            {
                "said": "Prompt is too long · the request is ~5,000 tokens (limit 4000) and so on",
                "error": "invalid_request",
                "api_error_status": 400,
            },
            400,
            "invalid_request_error",
            "prompt is too long: 5,000 tokens > 4000 maximum",
        ),
        (
            {"said": "Credit balance is too low", "error": "billing_error", "api_error_status": 400},
            402,
            "billing_error",
            "Credit balance is too low",
        ),
        ({"said": "API Error: Connection dropped", "error": "unknown"}, 502, "api_error", "Connection dropped"),
    ],
)
def test_c8_errors_are_those_of_the_api_although_the_subtype_says_success(
    stand_in: StandIn, tmp_path: Path, error: dict[str, Any], status: int, kind: str, message: str
) -> None:
    stand_in.behave(then="error", error=error)
    answer = ask_once(stand_in, tmp_path)
    assert answer.status == status
    assert answer.json["error"] == {"type": kind, "message": message}


def test_a_used_up_window_is_told_as_the_api_tells_it(stand_in: StandIn, tmp_path: Path) -> None:
    limit = {"status": "rejected", "resetsAt": 2_000_000_000, "rateLimitType": "five_hour"}
    said = "You've hit your 5-hour limit"
    stand_in.behave(then="error", error={"said": said, "error": "rate_limit", "api_error_status": 429, "limit": limit})
    answer = ask_once(stand_in, tmp_path)
    assert answer.status == 429
    assert answer.headers["anthropic-ratelimit-unified-status"] == "rejected"
    assert answer.headers["anthropic-ratelimit-unified-representative-claim"] == "five_hour"
    assert answer.headers["anthropic-ratelimit-unified-reset"] == "2000000000"


def test_what_is_no_message_is_refused_and_the_other_routes_are_named(stand_in: StandIn, tmp_path: Path) -> None:
    async def count() -> None:
        async with claude_code(stand_in, tmp_path).open(UpstreamRequest(b"{}", path="/v1/messages/count_tokens")):
            pass

    with pytest.raises(InvalidRequest, match="over HTTPS"):
        asyncio.run(count())


def test_every_error_is_one_of_ours(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.path.write_text("#!/nowhere/at/all\n")
    with pytest.raises(ProxyError):
        ask_once(stand_in, tmp_path)
