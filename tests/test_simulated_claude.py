"""The simulated Claude is believed by all other tests, so it has its own: Anthropic's own client accepts it."""

from __future__ import annotations

import copy
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import pytest

from tests.simulated_claude import Scenario, SimulatedClaude, record, scenarios
from tests.simulated_claude.models import MODELS
from tests.simulated_claude.server import TEST_KEY, TEST_TOKEN
from tests.simulated_claude.validation import validate_messages_request

TOOL: dict[str, Any] = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def claude() -> Iterator[SimulatedClaude]:
    with SimulatedClaude() as simulated:
        yield simulated


@pytest.fixture
def client(claude: SimulatedClaude) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=claude.url, api_key=TEST_KEY, max_retries=0) as client:
        yield client


def request(**changes: Any) -> dict[str, Any]:
    base = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": [{"role": "user", "content": "Grüße 👋"}]}
    return {**base, **changes}


def test_anthropics_client_gets_an_answer_streamed_and_not(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(**request())
    with client.messages.stream(**request()) as stream:
        final = stream.get_final_message()
    assert [block.to_dict() for block in whole.content] == [{"type": "text", "text": "You said: Grüße 👋"}]
    assert [block.type for block in final.content] == ["text"]
    assert (whole.stop_reason, final.stop_reason) == ("end_turn", "end_turn")
    assert whole.usage.output_tokens == final.usage.output_tokens > 0


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("model", [model.id for model in MODELS])
def test_tools_and_thinking_make_the_round_trip(client: anthropic.Anthropic, model: str) -> None:
    messages: list[Any] = [{"role": "user", "content": 'call get_weather {"city": "Oslo"}'}]
    thinking = {"type": "adaptive", "display": "summarized"}
    if "adaptive" not in next(known.thinking for known in MODELS if known.id == model):
        thinking = {"type": "enabled", "budget_tokens": 1024}
    fields = {"model": model, "max_tokens": 3000, "tools": [TOOL], "thinking": thinking}
    answer = client.messages.create(messages=messages, **fields)  # type: ignore[call-overload]
    assert [block.type for block in answer.content] == ["thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": answer.content[1].id, "content": "3 °C"}
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    last = client.messages.create(messages=messages, **fields)  # type: ignore[call-overload]
    assert "3 °C" in last.content[-1].text


def test_tokens_are_counted_and_models_listed_page_by_page(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="claude-sonnet-4-6", messages=request()["messages"]).input_tokens > 0
    assert [model.id for model in client.models.list(limit=4)] == [model.id for model in MODELS]
    assert client.models.retrieve("claude-haiku-4-5").id == "claude-haiku-4-5-20251001"


def test_limits_and_stop_sequences_really_cut(client: anthropic.Anthropic) -> None:
    cut = client.messages.create(**request(max_tokens=2))
    assert (cut.content[0].text, cut.stop_reason) == ("You said", "max_tokens")  # type: ignore[union-attr]
    stopped = client.messages.create(**request(stop_sequences=["said"]))
    assert (stopped.content[0].text, stopped.stop_sequence) == ("You ", "said")  # type: ignore[union-attr]


def test_the_cache_is_written_once_and_read_then(client: anthropic.Anthropic) -> None:
    long = {"type": "text", "text": "word " * 2000, "cache_control": {"type": "ephemeral"}}
    first, second = (client.messages.create(**request(system=[long])).usage for _ in range(2))
    assert first.cache_creation_input_tokens
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert first.input_tokens == second.input_tokens


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "x-api-key header is required"),
        ({"x-api-key": "bad"}, 401, "invalid x-api-key"),
        ({"x-api-key": TEST_TOKEN}, 401, "invalid x-api-key"),
        ({"authorization": "Bearer bad"}, 401, "Invalid bearer token"),
        ({"authorization": f"Bearer {TEST_TOKEN}"}, 401, "OAuth authentication is currently not supported."),
        ({"x-api-key": TEST_KEY, "anthropic-version": ""}, 400, "not a valid version"),
        ({"x-api-key": TEST_KEY, "anthropic-beta": "nonsense"}, 400, "`nonsense`"),
    ],
)
def test_credentials_and_headers(claude: SimulatedClaude, headers: dict[str, str], status: int, message: str) -> None:
    answer = httpx.post(f"{claude.url}/v1/messages", json={}, headers={"anthropic-version": "2023-06-01", **headers})
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
    assert answer.json()["request_id"] == answer.headers["request-id"]


def test_a_token_needs_its_beta(claude: SimulatedClaude) -> None:
    headers = {
        "anthropic-version": "2023-06-01",
        "authorization": f"Bearer {TEST_TOKEN}",
        "anthropic-beta": "oauth-2025-04-20",
    }
    assert httpx.post(f"{claude.url}/v1/messages", json=request(), headers=headers).status_code == 200
    assert httpx.get(f"{claude.url}/nope", headers=headers).status_code == 404


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def turns(*contents: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": content} for i, content in enumerate(contents)]}


def image(media_type: str = "image/png", data: str = PNG) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def tool(**changes: Any) -> dict[str, Any]:
    return {"tools": [{**TOOL, **changes}]}


def formatted(schema: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


CALL = {"type": "tool_use", "id": "a", "name": "get_weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
TEXT = {"type": "text", "text": "Hi"}
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
OPUS, OPUS_5 = {"model": "claude-opus-5-5"}, {"model": "claude-opus-5"}
SONNET, HAIKU = {"model": "claude-sonnet-5-5"}, {"model": "claude-haiku-4-5"}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}

REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Input should be a valid integer"),
    ({"n": 1}, "n: Extra inputs are not permitted"),
    ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "messages.0.name: Extra inputs"),
    (user({**TEXT, "foo": 1}), "messages.0.content.0.text.foo: Extra inputs"),
    (tool(function={}), "tools.0.custom.function: Extra inputs"),
    ({"thinking": {"type": "adaptive", "effort": "low"}}, "thinking.adaptive.effort: Extra inputs"),
    ({"metadata": {"a": 1}}, "metadata.a: Extra inputs"),
    ({"metadata": {"user_id": "x" * 257}}, "at most 256"),
    ({"temperature": 1.5}, "temperature: range: 0..1"),
    ({"temperature": 1, "top_p": 1}, "cannot both be specified"),
    ({"temperature": 1, **OPUS}, "`temperature` is deprecated"),
    ({"temperature": 0.5, **SONNET}, "`temperature` is deprecated"),
    ({"top_k": 5, "model": "claude-haiku-5-5"}, "`top_k` is deprecated"),
    ({"temperature": 0.5, "thinking": {"type": "adaptive"}}, "may only be set to 1"),
    ({"messages": []}, "at least one message"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
    ({"messages": [{"role": "system", "content": "x"}]}, "role 'system' is not supported"),
    ({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}], **OPUS}, "must follow"),
    (turns("a", "b", "c") | {"messages": turns("a", "b")["messages"][1:]}, 'first message must use the "user" role'),
    (user({"type": "text", "text": ""}), "text content blocks must be non-empty"),
    (user({"type": "text", "text": " \n"}), "must contain non-whitespace text"),
    ({"system": [{"type": "text", "text": ""}]}, "system: text content blocks must be non-empty"),
    (turns("a", [], "c"), "messages.1: all messages must have non-empty content"),
    (turns("a", None, "c"), "messages.1.content"),
    (turns("a", "b ") | HAIKU, "cannot end with trailing whitespace"),
    (turns("a", "b"), "does not support assistant message prefill"),
    (turns("a", "b") | HAIKU | BUDGET, "prefill"),
    (turns("a", [CALL], "c"), "`tool_use` ids were found without `tool_result` blocks immediately after: a"),
    (turns("a", [CALL], [TEXT, RESULT]), "tool_result blocks must come first"),
    (turns("a", "b", [RESULT]), "unexpected `tool_use_id`"),
    (turns("a", [CALL, CALL], [RESULT]), "ids must be unique"),
    (turns("a", [CALL], [RESULT, RESULT]), "single result"),
    (turns("a", [{**CALL, "id": "a|b"}], "c"), "messages.1.content.0.tool_use.id: String should match pattern"),
    (turns("a", [{**CALL, "input": "{}"}], "c"), "tool_use.input: Input should be a valid dictionary"),
    (tool(name="a b"), "tools.0.custom.name: String should match pattern"),
    (tool(name="a" * 129), "at most 128 characters"),
    ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
    ({"tools": [{"name": "a"}]}, "tools.0.custom.input_schema: Field required"),
    (tool(input_schema={}), "input_schema.type: Field required"),
    (tool(input_schema={"type": "string"}), "Input should be 'object'"),
    (tool(input_schema={"type": "object", "anyOf": []}), "at the top level"),
    (tool(input_schema={"type": "object", "properties": {"a": {"exclusiveMinimum": True}}}), "draft 2020-12"),
    ({"tool_choice": {"type": "auto"}}, "may only be specified while providing tools"),
    (tool() | {"tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found"),
    (tool() | {"tool_choice": {"type": "any"}} | OPUS, 'type "tool" and "any" are not supported'),
    (
        tool() | {"tool_choice": {"type": "any"}} | BUDGET,
        "Thinking may not be enabled",
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "greater than or equal to 1024"),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "must be greater than"),
    ({"thinking": {"type": "disabled"}} | OPUS, '"thinking.type.disabled" is not supported'),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000} | OPUS, '"thinking.type.enabled"'),
    ({"thinking": {"type": "disabled"}} | SONNET, "between_tools"),
    ({"thinking": {"type": "adaptive"}} | HAIKU, "adaptive thinking is not supported"),
    (
        turns("a", [CALL], [RESULT])
        | {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
        | tool(),
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
    ({"output_config": {"effort": "low"}} | HAIKU, "effort 'low' is not supported"),
    ({"output_config": {"effort": "xhigh"}}, "effort 'xhigh' is not supported"),
    (
        {"output_config": {"effort": "max"}, "thinking": {"type": "disabled"}, "model": "claude-opus-5"},
        "thinking is disabled",
    ),
    ({"max_tokens": 200_000}, "max_tokens: 200000 > 128000"),
    ({"max_tokens": -1}, "greater than or equal to"),
    (user(*[{**TEXT, **MARK}] * 5), "A maximum of 4 blocks with cache_control"),
    (user({**TEXT, **MARK}, {**TEXT, **HOUR}), "must not come after"),
    (formatted({"type": "object"}), "'additionalProperties' must be explicitly set to false"),
    (formatted({"type": "integer", "minimum": 1}), "minimum are not supported"),
    (formatted({"type": "object", "additionalProperties": False}) | turns("a", "b") | HAIKU, "prefill"),
    (user(image("image/bmp")), "media_type: Input should be 'image/jpeg'"),
    (user(image(data="data:image/png;base64,xx")), "invalid base64 data"),
    (user(image("image/jpeg")), "does not match the provided media type"),
    (user(image(data="iVBORw0KGgo" + "A" * 7_400_001)), "image exceeds 5 MB maximum"),
    (turns("a", [image()], "c"), "messages.1.content.0: Input tag 'image'"),
    (user({"type": "image", "source": {"type": "url", "url": "http://x"}}), "Only HTTPS"),
    ({"stop_sequences": [" "]}, "each stop sequence must contain non-whitespace"),
    (user({"type": "text", "text": "word " * 1_000_000}) | HAIKU, "prompt is too long"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_what_it_refuses(changes: dict[str, Any], message: str) -> None:
    error = validate_messages_request(copy.deepcopy(request(**changes)))
    assert error is not None
    assert message in error.message
    assert error.status == 400


@pytest.mark.parametrize(
    "changes",
    [
        turns("a", "b") | HAIKU,
        turns("a", [CALL], [RESULT, TEXT]),
        {
            "messages": [*turns("a", "b")["messages"], *turns("c")["messages"], {"role": "system", "content": "d"}],
            **OPUS,
        },
        tool() | {"tool_choice": {"type": "any"}},
        user(image(), TEXT),
        {"temperature": 1, **SONNET},
        {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
    ],
)
def test_what_it_accepts(changes: dict[str, Any]) -> None:
    assert validate_messages_request(request(**changes)) is None


def test_alternation_can_be_demanded_and_the_newer_version_takes_no_sampling() -> None:
    twice = request(messages=[{"role": "user", "content": "a"}] * 2)
    assert validate_messages_request(twice, strict_alternation=True) is not None
    assert validate_messages_request(request(temperature=1), version="2026-10-21") is not None
    unknown = validate_messages_request(request(model="claude-x"))
    assert unknown is not None
    assert (unknown.status, unknown.message) == (404, "model: claude-x")


def test_a_changed_history_makes_its_signatures_invalid(client: anthropic.Anthropic) -> None:
    messages: list[Any] = [{"role": "user", "content": 'call get_weather {"city": "Oslo"}'}]
    answer = client.messages.create(model="claude-opus-5-5", max_tokens=100, messages=messages, tools=[TOOL])  # type: ignore[list-item]
    result = {"type": "tool_result", "tool_use_id": answer.content[1].id, "content": "3 °C"}  # type: ignore[union-attr]
    messages = [
        {"role": "user", "content": "something else"},
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": [result]},
    ]
    with pytest.raises(anthropic.BadRequestError, match="bound to a different conversation"):
        client.messages.create(model="claude-opus-5-5", max_tokens=100, messages=messages, tools=[TOOL])  # type: ignore[list-item]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-4-6"])
def test_a_forged_signature_is_refused(client: anthropic.Anthropic, model: str) -> None:
    forged: Any = [{"type": "thinking", "thinking": "Hm", "signature": "forged"}, {"type": "text", "text": "b"}]
    messages: list[Any] = turns("a", forged, "c")["messages"]
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        client.messages.create(model=model, max_tokens=100, messages=messages)


def post(claude: SimulatedClaude) -> httpx.Response:
    headers = {"x-api-key": TEST_KEY, "anthropic-version": "2023-06-01"}
    return httpx.post(f"{claude.url}/v1/messages", json=request(stream=True), headers=headers)


@pytest.mark.parametrize("form", [1, 2, 3, 4])
def test_errors_come_by_scenario(claude: SimulatedClaude, form: int) -> None:
    claude.script.append(scenarios.refused(form))
    assert post(claude).status_code == (400, 400, 429, 403)[form - 1]
    assert post(claude).status_code == 200


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(chunk_size=1),
        Scenario(chunk_size=-1),
        Scenario(gzip=True),
        Scenario(drip=0.001),
        scenarios.stalls(0.1, "start", pings=True),
    ],
)
def test_the_same_answer_in_other_pieces(claude: SimulatedClaude, scenario: Scenario) -> None:
    plain = post(claude).text.replace('event: ping\ndata: {"type": "ping"}\n\n', "")
    claude.script.append(scenario)
    odd = post(claude).text.replace('event: ping\ndata: {"type": "ping"}\n\n', "")
    assert odd.split("msg_")[1][24:] == plain.split("msg_")[1][24:]


@pytest.mark.parametrize("scenario", [Scenario(reset_before_headers=True), Scenario(reset_after=100)])
def test_a_reset_is_a_broken_connection(claude: SimulatedClaude, scenario: Scenario) -> None:
    claude.script.append(scenario)
    with pytest.raises(httpx.TransportError):
        post(claude)


@pytest.mark.parametrize("at", ["headers", "start"])
def test_it_notices_at_once_when_a_client_hangs_up(claude: SimulatedClaude, at: str) -> None:
    claude.script.append(scenarios.stalls(30, at))
    body = b'{"model":"claude-sonnet-4-6","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"a"}]}'
    with socket.create_connection(("127.0.0.1", claude.port)) as client:
        head = f"POST /v1/messages HTTP/1.1\r\nx-api-key: {TEST_KEY}\r\nanthropic-version: 2023-06-01\r\n"
        client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        wait_for(lambda: bool(claude.requests))
        time.sleep(0.1)
        left = time.monotonic()
    wait_for(lambda: claude.requests[0].cancelled_at is not None)
    assert (claude.requests[0].cancelled_at or 0) - left < 0.3
    assert claude.requests[0].finished_at is None


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_the_recordings_are_what_it_would_write_today() -> None:
    files = {path.stem: path.read_bytes() for path in record.FOLDER.glob("*.sse")}
    assert files == record.recordings()
