"""The route `claude-code` with the real Claude Code, which asks the simulated Claude."""

from __future__ import annotations

import base64
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.clients import claude_code
from tests.clients.openclaw import OpenClaw
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.server import TEST_TOKEN

MODELS = ("claude-haiku-4-5", "claude-sonnet-5-5")
TOO_LONG = "prompt is too long: 5 tokens > 4 maximum"
LOOK: Any = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks at a thing.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    },
}
EXEC = {
    "type": "tool_use",
    "id": "toolu_01A-b",
    "name": "exec",
    "input": {"command": "echo WX-$((4400+17))"},
}


def environ(route: str = "claude-code") -> dict[str, str]:
    return {
        "CLIPROXYAPI_ROUTE": route,
        "CLIPROXYAPI_CLAUDE_PATH": str(claude_code.executable()),
        "CLIPROXYAPI_DIRECT_CONSENT": "true",
        "CLAUDE_CODE_OAUTH_TOKEN": TEST_TOKEN,
        "PATH": os.environ["PATH"],
        # It would lead nowhere, if it were not dropped.
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "ANTHROPIC_API_KEY": "",
    }


@pytest.fixture(scope="module")
def proxy(module_claude: SimulatedClaude, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path_factory.mktemp("home"), module_claude.url, environ=environ()) as proxy:
        yield proxy
    until(lambda: claude_code.children_of(os.getpid()) == [])


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=proxy.v1, api_key="none", max_retries=0, timeout=120) as client:
        yield client


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def turns(request: Any) -> list[tuple[str, list[Any]]]:
    """The turns of a request as it reached Claude, without what Claude Code adds."""
    found: list[tuple[str, list[Any]]] = []
    for message in request.json["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        own = [block for block in blocks if not block.get("text", "").startswith("<system-reminder>")]
        if message["role"] != "system":
            found.append((message["role"], own))
    return found


def say(*texts: str) -> list[Any]:
    """A conversation of these turns, the person's first."""
    return [{"role": "assistant" if index % 2 else "user", "content": text} for index, text in enumerate(texts)]


@pytest.mark.parametrize("model", MODELS)
def test_text_whole_and_streamed(client: openai.OpenAI, claude: SimulatedClaude, model: str) -> None:
    messages = [{"role": "system", "content": "Be brief."}, *say("Hello there")]
    answer = client.chat.completions.with_raw_response.create(model=model, messages=messages, max_tokens=5000)
    assert answer.headers["x-cliproxyapi-route"] == "claude-code"
    content = answer.parse().choices[0].message.content
    assert content is not None
    assert "Hello there" in content
    parts = client.chat.completions.create(
        model=model, messages=messages, max_tokens=5000, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(parts)
    assert "Hello there" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None
    for request in claude.requests:
        assert request.headers["x-client-app"].startswith("cliproxyapi/")
        assert request.json["model"] == model
        assert request.json["max_tokens"] == 5000
        assert [block["text"] for block in request.json["system"]][-1] == "Be brief."


def test_a_history_of_twenty_turns_arrives_as_it_is(client: openai.OpenAI, claude: SimulatedClaude) -> None:
    said = [f"turn {number}" for number in range(21)]
    client.chat.completions.create(model=MODELS[0], messages=say(*said))
    arrived = turns(claude.requests[-1])
    assert [role for role, _ in arrived] == [("user", "assistant")[index % 2] for index in range(21)]
    assert [blocks[-1]["text"] for _, blocks in arrived] == said


def test_c4_an_image_arrives_as_it_is(client: openai.OpenAI, claude: SimulatedClaude) -> None:
    image = base64.b64encode(png()).decode()
    content: Any = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}},
        {"type": "text", "text": "What is this?"},
    ]
    client.chat.completions.create(model=MODELS[0], messages=[{"role": "user", "content": content}])
    ((_, blocks),) = turns(claude.requests[-1])
    (shown,) = [block for block in blocks if block["type"] == "image"]
    assert shown["source"] == {"type": "base64", "media_type": "image/png", "data": image}


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("model", MODELS)
def test_tools_are_called_and_their_results_go_back(
    client: openai.OpenAI, claude: SimulatedClaude, model: str, count: int
) -> None:
    messages = say(" ".join(f'call look {{"at": "{number}"}}' for number in range(count)))
    answer = client.chat.completions.create(model=model, messages=messages, tools=[LOOK])
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ["look"] * count
    messages += [answer.choices[0].message.model_dump(exclude_none=True)]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": f"saw {call.id}"} for call in calls]
    second = client.chat.completions.create(model=model, messages=messages, tools=[LOOK])
    assert all(f"saw {call.id}" in (second.choices[0].message.content or "") for call in calls)
    (_, called), (_, results) = turns(claude.requests[-1])[-2:]
    assert [block["id"] for block in called if block["type"] == "tool_use"] == [call.id for call in calls]
    assert [block["tool_use_id"] for block in results if block["type"] == "tool_result"] == [c.id for c in calls]


def test_an_agent_of_openclaw_calls_a_tool_and_finishes_its_turn(
    proxy: RunningProxy, claude: SimulatedClaude, tmp_path: Path
) -> None:
    claude.script += [
        scenarios.speaks(EXEC, stop_reason="tool_use"),
        scenarios.speaks({"type": "text", "text": "The tool said WX-4417."}),
    ]
    answer = OpenClaw(tmp_path, proxy.v1).answer("agent", "exec", "Run it.", "--cwd", str(tmp_path), "--json")
    assert answer["ok"]
    assert "WX-4417" in answer["final"]
    assert answer["toolSummary"]["calls"] == 1
    assert [request.headers["user-agent"].partition("/")[0] for request in claude.requests] == ["claude-cli"] * 2
    (_, called), (_, results) = turns(claude.requests[-1])[-2:]
    assert [block["input"] for block in called if block["type"] == "tool_use"] == [EXEC["input"]]
    assert "WX-4417" in str([block for block in results if block["type"] == "tool_result"])


def test_a_schema_is_filled(client: openai.OpenAI, claude: SimulatedClaude) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    answer = client.chat.completions.create(
        model=MODELS[1],
        messages=say('call StructuredOutput {"name": "Ada"}'),
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema}},  # type: ignore[arg-type]
    )
    assert answer.choices[0].message.content == '{"name": "Ada"}'
    assert answer.choices[0].finish_reason == "stop"
    assert len(claude.requests) == 1


@pytest.mark.parametrize(
    ("prompt", "arrives"),
    [
        ("--dangerously-skip-permissions", "--dangerously-skip-permissions"),
        ("/clear everything", "\n/clear everything"),
        ("@/etc/passwd", "@/etc/passwd"),
        ("!ls", "!ls"),
        ("".join(map(chr, range(1, 32))) + "\x7f\u202e end", "".join(map(chr, range(1, 32))) + "\x7f\u202e end"),
        ("é" * (1024 * 1024), "é" * (1024 * 1024)),
    ],
    ids=["an option", "a command", "a file", "a shell", "control characters", "two mebibytes"],
)
def test_any_prompt_reaches_claude_as_text(
    client: openai.OpenAI, claude: SimulatedClaude, prompt: str, arrives: str
) -> None:
    client.chat.completions.create(model=MODELS[1], messages=say(prompt))
    ((_, blocks),) = turns(claude.requests[0])
    assert blocks[-1]["text"] == arrives


def test_nothing_of_a_prompt_is_visible_to_others(
    client: openai.OpenAI, claude: SimulatedClaude, proxy: RunningProxy
) -> None:
    claude.default = scenarios.stalls(3)
    messages: Any = [{"role": "system", "content": "private system"}, *say("private words")]
    asking = threading.Thread(target=lambda: client.chat.completions.create(model=MODELS[0], messages=messages))
    asking.start()
    until(lambda: len(claude.requests) > 0)
    shown = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in claude_code.children_of(os.getpid())]
    asking.join()
    assert any(b"stream-json" in line for line in shown)
    assert not any(b"private" in line for line in shown)


def test_a_client_that_hangs_up_ends_the_process(client: openai.OpenAI, claude: SimulatedClaude) -> None:
    claude.default = scenarios.Scenario(drip=0.2)
    stream = client.chat.completions.create(model=MODELS[0], messages=say("x" * 5000), stream=True)
    next(iter(stream))
    stream.close()
    until(lambda: claude.requests[-1].cancelled_at is not None)
    # What is left is at most the one that waits for the next request.
    until(lambda: len(claude_code.children_of(os.getpid())) <= 1)


def test_eight_at_once(client: openai.OpenAI, claude: SimulatedClaude) -> None:
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answer = client.chat.completions.create(model=MODELS[0], messages=say(f"number {number}"))
        answers[number] = answer.choices[0].message.content or ""

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answers[number].endswith(f"number {number}") for number in range(8))


@pytest.mark.parametrize("stop", ["max_tokens", "refusal", "end_turn"])
def test_an_answer_that_ends_early_is_not_gone_on_with(
    client: openai.OpenAI, claude: SimulatedClaude, stop: str
) -> None:
    content = [] if stop == "end_turn" else [{"type": "text", "text": "Half"}]
    claude.default = scenarios.speaks(*content, stop_reason=stop)
    answer = client.chat.completions.create(model=MODELS[1], messages=say("hello"))
    assert (answer.choices[0].message.content or "") == ("Half" if content else "")
    until(lambda: len(claude_code.children_of(os.getpid())) <= 1)
    assert len(claude.requests) == 1, "it asked for the rest by itself"


def test_native_messages_and_what_cannot_be_carried(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    body = {
        "model": MODELS[0],
        "max_tokens": 4000,
        "messages": say("one STOP two"),
        "temperature": 0.5,
        "stop_sequences": ["STOP"],
    }
    head = {"anthropic-version": "2023-06-01"}
    answer = httpx.post(f"{proxy.v1}/messages", json=body, headers=head, timeout=120)
    assert answer.json()["stop_reason"] == "stop_sequence"
    assert answer.json()["content"][0]["text"].endswith("one ")
    assert answer.headers["x-cliproxyapi-ignored"] == "temperature"
    assert claude.requests[-1].json["thinking"] == {"type": "disabled"}
    thinks = {**body, "thinking": {"type": "enabled", "budget_tokens": 2048}, "stop_sequences": []}
    answer = httpx.post(f"{proxy.v1}/messages", json=thinks, headers=head, timeout=120)
    assert [block["type"] for block in answer.json()["content"]] == ["thinking", "text"]
    assert claude.requests[-1].json["thinking"]["budget_tokens"] == 2048


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        (scenarios.error(400, "invalid_request_error", TOO_LONG), 400, "context_length_exceeded"),
        (scenarios.error(401, "authentication_error", "OAuth token has expired."), 401, "upstream_auth_expired"),
        (scenarios.error(404, "not_found_error", "model: claude-haiku-4-5"), 404, "model_not_found"),
        (scenarios.window_rejected(), 429, "insufficient_quota"),
        (scenarios.rate_limited("1"), 429, "rate_limit_exceeded"),
        (scenarios.overloaded(), 503, "overloaded"),
        (scenarios.html(500), 502, "upstream_error"),
        (scenarios.refused(1), 403, "subscription_route_refused"),
        (scenarios.ends_after(4), 502, "upstream_stream_truncated"),
    ],
    ids=["too long", "expired", "no model", "window", "rate", "overloaded", "html", "refused", "truncated"],
)
def test_errors_are_those_of_every_route(
    client: openai.OpenAI, claude: SimulatedClaude, scenario: scenarios.Scenario, status: int, code: str
) -> None:
    claude.default = scenario
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(model=MODELS[0], messages=say("hello"))
    assert (raised.value.status_code, raised.value.code) == (status, code)


@pytest.mark.parametrize("form", [1, 2, 3, 4])
def test_what_direct_was_refused_is_served_here(claude: SimulatedClaude, tmp_path: Path, form: int) -> None:
    with running_proxy(tmp_path, claude.url, environ=environ("auto")) as proxy:
        claude.script.append(scenarios.refused(form))
        question = {"model": MODELS[0], "messages": say("hello")}
        for _ in range(2):
            answer = httpx.post(f"{proxy.v1}/chat/completions", json=question, timeout=120)
            assert (answer.status_code, answer.headers["x-cliproxyapi-route"]) == (200, "claude-code")
        agents = [request.headers["user-agent"].partition("/")[0] for request in claude.requests]
        assert agents == ["cliproxyapi", "claude-cli", "claude-cli"]


def png() -> bytes:
    """A white picture of 8 by 8 points."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress((b"\0" + b"\xff" * 8) * 8))
    return b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b"")
