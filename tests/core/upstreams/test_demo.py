"""The demo answers as Claude's API would, without a network, and says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from core.server.app import Tuning
from core.upstreams.demo import answer_blocks, example_of
from tests.running_proxy import RunningProxy, running_proxy

TOOL: dict[str, Any] = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
        "required": ["city", "days"],
    },
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path_factory.mktemp("home"), tuning=Tuning(demo_word=0)) as proxy:
        yield proxy


def test_the_demo_answers_both_clients_streamed_and_not_and_names_itself(proxy: RunningProxy) -> None:
    with openai.OpenAI(base_url=proxy.v1, api_key="x") as client:
        request: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}
        answer = client.chat.completions.with_raw_response.create(**request)
        whole = answer.parse().choices[0].message.content
        chunks = client.chat.completions.create(**request, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert answer.headers["x-cliproxyapi-route"] == "demo"
    assert whole is not None
    assert whole.startswith("[demo]")
    assert text == whole
    with anthropic.Anthropic(base_url=proxy.root, api_key="x") as native:
        message = native.messages.create(max_tokens=50, **request)
        assert message.content[0].to_dict() == {"type": "text", "text": whole}
        assert native.messages.count_tokens(**request).input_tokens > 0


def test_the_demo_calls_a_tool_that_the_person_names_and_then_takes_its_result(proxy: RunningProxy) -> None:
    messages: list[Any] = [{"role": "user", "content": "Please use get_weather"}]
    with anthropic.Anthropic(base_url=proxy.root, api_key="x") as client:
        call = client.messages.create(model="claude-sonnet-4-6", max_tokens=50, messages=messages, tools=[TOOL])
        assert call.stop_reason == "tool_use"
        assert call.content[0].type == "tool_use"
        assert call.content[0].input == {"city": "demo", "days": 2}
        result = {"type": "tool_result", "tool_use_id": call.content[0].id, "content": "sunny"}
        messages += [{"role": "assistant", "content": call.content}, {"role": "user", "content": [result]}]
        last = client.messages.create(model="claude-sonnet-4-6", max_tokens=50, messages=messages, tools=[TOOL])
    assert last.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("choice", "kind"), [({"type": "any"}, "tool_use"), ({"type": "none"}, "text"), ({"type": "auto"}, "text")]
)
def test_the_demo_obeys_the_tool_choice(choice: dict[str, Any], kind: str) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "tools": [TOOL], "tool_choice": choice}
    assert answer_blocks(body)[0]["type"] == kind


def test_structured_output_is_an_instance_of_the_schema() -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}, "tags": {"type": "array"}}}
    body = {
        "messages": [{"role": "user", "content": "Hi"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    assert json.loads(answer_blocks(body)[0]["text"]) == {"ok": True, "tags": [None]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "demo"),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "null"}, None),
        ("junk", {}),
    ],
)
def test_an_example_fits_its_schema(schema: Any, value: Any) -> None:
    assert example_of(schema) == value


def test_a_schema_that_contains_itself_ends() -> None:
    schema: dict[str, Any] = {"type": "object", "required": ["child"], "properties": {}}
    schema["properties"]["child"] = schema
    assert "child" in example_of(schema)


def test_a_body_without_messages_is_refused(proxy: RunningProxy) -> None:
    with anthropic.Anthropic(base_url=proxy.root, api_key="x") as client, pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="claude-sonnet-4-6", max_tokens=5, messages=[])
