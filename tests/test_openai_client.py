"""The official OpenAI client, against the proxy, against the strict simulated Claude: real sockets all the way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from tests.running_proxy import running_proxy
from tests.simulated_claude import SimulatedClaude

MODELS = ("claude-sonnet-4-6", "claude-opus-5-5", "claude-haiku-4-5-20251001", "claude-sonnet-5")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def claude() -> Iterator[SimulatedClaude]:
    with SimulatedClaude() as simulated:
        yield simulated


@pytest.fixture(scope="module")
def client(claude: SimulatedClaude, tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    home: Path = tmp_path_factory.mktemp("home")
    with running_proxy(home, claude.url) as proxy, openai.OpenAI(base_url=proxy.v1, api_key="any") as client:
        yield client


def streamed(client: openai.OpenAI, **request: Any) -> Any:
    with client.chat.completions.stream(**request) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion()


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_is_answered_the_same_streamed_and_not(client: openai.OpenAI, model: str) -> None:
    request: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Grüße 👋\u2028 and bye"}]}
    whole = client.chat.completions.create(**request)
    final = streamed(client, **request, stream_options={"include_usage": True})
    assert whole.choices[0].message.content
    assert "Grüße 👋\u2028 and bye" in whole.choices[0].message.content
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert final.choices[0].finish_reason == whole.choices[0].finish_reason == "stop"
    assert whole.model == final.model == model
    assert whole.usage is not None
    assert final.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    assert final.usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_tools_over_three_turns(client: openai.OpenAI, model: str, stream: bool) -> None:
    text = 'call get_weather {"city": "Köln"} call get_weather {"city": "Oslo"}'
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": text}]
    request: dict[str, Any] = {"model": model, "tools": [WEATHER]}
    ask = streamed if stream else lambda client, **request: client.chat.completions.create(**request)

    first = ask(client, messages=messages, **request).choices[0]
    assert first.finish_reason == "tool_calls"
    calls = first.message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Köln"}, {"city": "Oslo"}]
    messages.append(first.message.to_dict())
    messages += [{"role": "tool", "tool_call_id": call.id, "content": f"sunny {call.id}"} for call in calls]

    second = ask(client, messages=messages, **request).choices[0]
    assert second.finish_reason == "stop"
    assert "sunny" in second.message.content
    messages.append(second.message.to_dict())
    messages.append({"role": "user", "content": 'call get_weather {"city": "Rome"}'})

    third = ask(client, messages=messages, **request).choices[0]
    assert [json.loads(call.function.arguments) for call in third.message.tool_calls] == [{"city": "Rome"}]


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize("model", MODELS)
def test_parse_returns_an_instance_of_the_schema(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Who?"}], response_format=Person
    )
    assert isinstance(completion.choices[0].message.parsed, Person)


def test_an_image_arrives_as_an_image(client: openai.OpenAI, claude: SimulatedClaude) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    client.chat.completions.create(
        model="claude-sonnet-4-6",
        messages=[
            {
                "role": "user",
                "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}],
            }
        ],
    )
    blocks = claude.requests[-1].json["messages"][-1]["content"]
    image = next(block for block in blocks if block["type"] == "image")
    assert base64.b64decode(image["source"]["data"]) == PNG


def test_p42_an_unknown_model_is_the_clients_own_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    assert caught.value.code == "model_not_found"
    assert "claude-" in caught.value.message


def test_reasoning_and_its_signed_blocks_come_back(client: openai.OpenAI, claude: SimulatedClaude) -> None:
    """Thinking with tools needs no memory of ours: the signed blocks travel in `reasoning_details`."""
    request: dict[str, Any] = {"model": "claude-sonnet-4-6", "tools": [WEATHER], "reasoning_effort": "high"}
    messages: list[Any] = [{"role": "user", "content": 'call get_weather {"city": "Oslo"}'}]
    message = client.chat.completions.create(messages=messages, **request).choices[0].message
    assert message.reasoning_content  # type: ignore[attr-defined]
    assert message.tool_calls
    messages += [message.to_dict(), {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "3 °C"}]
    client.chat.completions.create(messages=messages, **request)
    replayed = claude.requests[-1].json["messages"][1]["content"]
    assert [block["type"] for block in replayed] == ["thinking", "tool_use"]
