"""The official Anthropic client through the proxy: its bytes pass untouched, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from core import __version__
from tests.running_proxy import TEST_KEY, RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude

REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "Grüße 👋"}],
}
TOOL: dict[str, Any] = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def claude() -> Iterator[SimulatedClaude]:
    with SimulatedClaude() as simulated:
        yield simulated


@pytest.fixture(scope="module")
def proxy(claude: SimulatedClaude, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path_factory.mktemp("home"), claude.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def client(proxy: RunningProxy) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=proxy.root, api_key="not-needed") as client:
        yield client


def test_messages_streamed_and_not_agree(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(**REQUEST)
    with client.messages.stream(**REQUEST) as stream:
        final = stream.get_final_message()
    assert whole.content[0].type == "text"
    assert "Grüße 👋" in whole.content[0].text
    assert final.content[0].to_dict() == whole.content[0].to_dict()
    assert final.stop_reason == whole.stop_reason == "end_turn"


def test_tools_make_the_round_trip(client: anthropic.Anthropic) -> None:
    messages: list[Any] = [{"role": "user", "content": 'call get_weather {"city": "Oslo"}'}]
    answer = client.messages.create(**{**REQUEST, "messages": messages, "tools": [TOOL]})
    call = answer.content[-1]
    assert call.type == "tool_use"
    assert call.input == {"city": "Oslo"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "3 °C"}
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    last = client.messages.create(**{**REQUEST, "messages": messages, "tools": [TOOL]})
    assert last.stop_reason == "end_turn"


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    count = client.messages.count_tokens(model=REQUEST["model"], messages=REQUEST["messages"])
    assert count.input_tokens > 0


def test_the_body_and_the_query_arrive_byte_for_byte_and_the_headers_are_ours(
    proxy: RunningProxy, claude: SimulatedClaude
) -> None:
    body = '{ "max_tokens":10,"model":"claude-sonnet-4-6",  "messages":[{"role":"user","content":"ü"}]}\n'.encode()
    answer = httpx.post(
        f"{proxy.v1}/messages?beta=true",
        content=body,
        headers={
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "context-management-2025-06-27",
            "authorization": "Bearer the-clients-own",
            "x-api-key": "the-clients-own",
            "x-app": "cli",
            "x-stainless-lang": "js",
            "cookie": "a=b",
            "x-forwarded-for": "10.0.0.1",
            "user-agent": "somebody/1",
        },
    )
    assert answer.status_code == 200, answer.text
    seen = claude.requests[-1]
    assert seen.body == body
    assert seen.query == "beta=true"
    assert seen.headers["anthropic-beta"] == "context-management-2025-06-27"
    assert seen.headers["x-api-key"] == TEST_KEY
    assert seen.headers["user-agent"] == f"cliproxyapi/{__version__}"
    assert not {"authorization", "x-app", "x-stainless-lang", "cookie", "x-forwarded-for"} & set(seen.headers)
    assert answer.headers["x-cliproxyapi-route"] == "api-key"
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


def test_e1_an_upstream_error_keeps_its_status_and_body(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(**REQUEST, extra_body={"seed": 1})
    assert caught.value.body["error"]["message"] == "seed: Extra inputs are not permitted"  # type: ignore[index]
    assert caught.value.body["request_id"] == caught.value.response.headers["request-id"]  # type: ignore[index]


def test_errors_of_our_own_are_in_anthropics_form(proxy: RunningProxy) -> None:
    answer = httpx.post(f"{proxy.v1}/messages", content=b"a=b", headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"
