"""Whole answers: rows R16 to R32 and U1 to U4, and that they agree with the streamed ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from core.dialects.chat_completions.completion import render_usage
from core.dialects.chat_completions.names import ToolNames

from .answering import FALLBACK_ID, answer, block, end, message, start, text, thinking, tool, whole


def test_r2_r34_the_frame_around_an_answer() -> None:
    rendered = whole(answer(text(0, "Hi")))
    assert rendered["id"] == "chatcmpl-msg_1"
    assert rendered["object"] == "chat.completion"
    assert rendered["created"] == 1_700_000_000
    assert rendered["model"] == "asked-for"
    assert rendered["system_fingerprint"] is None
    (choice,) = rendered["choices"]
    assert choice == {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_r2_an_answer_without_an_id_gets_one() -> None:
    assert whole(end())["id"] == FALLBACK_ID


def test_r31_an_answer_of_calls_alone_has_no_content() -> None:
    rendered = message(answer(tool(0, "look", '{"a":', "1}"), stop_reason="tool_use"))
    assert rendered["content"] is None
    assert rendered["tool_calls"] == [
        {"id": "toolu_0", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
    ]


def test_r29_an_answer_of_nothing_is_an_empty_text() -> None:
    assert message(answer())["content"] == ""
    assert message(answer(thinking(0, "Hm")))["content"] == ""


def test_r32_texts_are_joined_without_a_separator() -> None:
    assert message(answer(text(0, "One"), tool(1, "a", "{}"), text(2, "Two")))["content"] == "OneTwo"


def test_r6_r7_arguments_are_an_object_even_where_none_came() -> None:
    def arguments(events: Any) -> str:
        return message(answer(events))["tool_calls"][0]["function"]["arguments"]

    assert arguments(tool(0, "look")) == "{}"
    assert arguments(tool(0, "look", "")) == "{}"
    assert arguments(tool(0, "look", given={"a": 1})) == '{"a":1}'


def test_r18_a_call_that_was_cut_off_is_length_and_stays_as_it_is() -> None:
    rendered = whole([start(), *tool(0, "look", '{"city": "Par'), *end("max_tokens")])["choices"][0]
    assert rendered["finish_reason"] == "length"
    assert rendered["message"]["tool_calls"][0]["function"]["arguments"] == '{"city": "Par'


def test_r9_r10_thinking_and_its_signature() -> None:
    remembered: list[Any] = []
    rendered = message(
        answer(thinking(0, "Hm", "m"), tool(1, "a", "{}"), tool(2, "b", "{}"), stop_reason="tool_use"),
        remembered=remembered,
    )
    assert rendered["reasoning_content"] == "Hmm"
    assert [detail["id"] for detail in rendered["reasoning_details"]] == ["toolu_1"]
    assert remembered == [(["toolu_1", "toolu_2"], [{"type": "thinking", "thinking": "Hmm", "signature": "sig"}])]
    assert "reasoning_details" not in message(answer(thinking(0, "Hm"), text(1, "Hi")))


def test_r15_tools_of_the_upstream_are_not_the_clients() -> None:
    server_tool = block(0, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})
    rendered = whole(answer(server_tool, text(1, "Found"), stop_reason="tool_use"))["choices"][0]
    assert "tool_calls" not in rendered["message"]
    assert rendered["finish_reason"] == "stop"


def test_r20_a_refusal_says_why() -> None:
    rendered = whole(answer(stop_reason="refusal", stop_details={"type": "refusal", "explanation": "No."}))
    assert rendered["choices"][0]["message"]["refusal"] == "No."
    assert rendered["choices"][0]["finish_reason"] == "content_filter"


def test_t14_a_legacy_client_gets_a_function_call() -> None:
    names = ToolNames()
    names.upstream("my look")
    rendered = whole(answer(tool(0, "my_look", "{}"), stop_reason="tool_use"), names, legacy=True)["choices"][0]
    assert rendered["finish_reason"] == "function_call"
    assert rendered["message"]["function_call"] == {"name": "my look", "arguments": "{}"}
    assert "tool_calls" not in rendered["message"]


def test_u1_u2_u3_the_prompt_counts_what_the_cache_held() -> None:
    usage = whole(answer(text(0, "Hi")))["usage"]
    assert usage == {
        "prompt_tokens": 1107,
        "completion_tokens": 20,
        "total_tokens": 1127,
        "prompt_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 100},
    }


def test_u4_reasoning_tokens_are_told_only_if_claude_does() -> None:
    rendered = render_usage({"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5}})
    assert rendered["completion_tokens_details"] == {"reasoning_tokens": 5}
    assert "completion_tokens_details" not in render_usage({"output_tokens": 9})


@pytest.mark.parametrize("usage", [{}, {"input_tokens": None}, {"input_tokens": "7"}, {"output_tokens_details": []}])
def test_counts_that_are_missing_count_nothing(usage: Any) -> None:
    assert render_usage(usage)["total_tokens"] == 0


def test_openais_published_types_accept_it_all() -> None:
    events = answer(thinking(0, "Hm"), text(1, "Hi"), tool(2, "a", "{}"), stop_reason="tool_use")
    ChatCompletion.model_validate_json(json.dumps(whole(events)), strict=True)
