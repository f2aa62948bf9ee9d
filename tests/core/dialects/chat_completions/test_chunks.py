"""Streamed answers: rows R1 to R35 and U5, U6 as far as they are about single events."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from core.dialects.chat_completions.names import ToolNames
from core.errors import ProxyError

from .answering import FALLBACK_ID, answer, block, chunks, decoded, deltas, encoder, end, start, text, thinking, tool


def finish(events: Any, **options: Any) -> str:
    found: list[str] = [
        chunk["choices"][0]["finish_reason"]
        for chunk in chunks(events, **options)
        if chunk["choices"] and chunk["choices"][0]["finish_reason"]
    ]
    assert len(found) == 1
    return found[0]


def test_r1_the_role_comes_alone_and_right_before_the_first_content() -> None:
    streamed = encoder()
    assert streamed.feed([start(), {"type": "ping"}]) == b""
    first = decoded(streamed.feed(text(0, "Hi")))
    assert [chunk["choices"][0]["delta"] for chunk in first] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
    ]


def test_r2_id_created_and_model_are_the_same_in_all_chunks() -> None:
    sent = chunks(answer(text(0, "a", "b")), include_usage=True)
    assert {(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in sent} == {
        ("chatcmpl-msg_1", 1_700_000_000, "asked-for", "chat.completion.chunk")
    }


def test_r2_r24_a_heartbeat_before_the_upstream_spoke_settles_the_id() -> None:
    streamed = encoder()
    sent = decoded(streamed.heartbeat() + streamed.heartbeat())
    assert [chunk["choices"][0]["delta"] for chunk in sent] == [{"role": "assistant", "content": ""}, {}]
    sent += decoded(streamed.feed(answer(text(0, "Hi"))) + streamed.close())
    assert {chunk["id"] for chunk in sent} == {FALLBACK_ID}
    assert sum("role" in chunk["choices"][0]["delta"] for chunk in sent) == 1


def test_r24_a_heartbeat_is_a_whole_chunk_that_adds_nothing() -> None:
    streamed = encoder()
    streamed.feed([start(), *text(0, "Hi")])
    (chunk,) = decoded(streamed.heartbeat())
    assert chunk["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}]
    assert chunk["object"] == "chat.completion.chunk"


def test_r3_r4_tool_calls_count_from_zero_whatever_stands_between_them() -> None:
    events = answer(
        thinking(0, "Hm"),
        text(1, "One"),
        tool(2, "a", "{}"),
        text(3, "Two"),
        tool(4, "b", "{}"),
        stop_reason="tool_use",
    )
    sent = deltas(events)
    indexes = [call["index"] for delta in sent for call in delta.get("tool_calls", [])]
    assert indexes == [0, 0, 1, 1]
    assert "".join(delta.get("content", "") for delta in sent) == "OneTwo"
    assert finish(events) == "tool_calls"


def test_r5_id_type_and_name_come_once_and_arguments_live() -> None:
    streamed = encoder()
    streamed.feed([start()])
    opening, *fragments, _ = tool(0, "look", "", '{"a', '":1}')
    assert decoded(streamed.feed([opening]))[1]["choices"][0]["delta"] == {
        "tool_calls": [{"index": 0, "id": "toolu_0", "type": "function", "function": {"name": "look", "arguments": ""}}]
    }
    live = [decoded(streamed.feed([fragment])) for fragment in fragments]
    # R8: an empty fragment says nothing.
    assert live[0] == []
    assert [sent[0]["choices"][0]["delta"] for sent in live[1:]] == [
        {"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"a', '":1}')
    ]


@pytest.mark.parametrize(
    ("events", "arguments"),
    [
        pytest.param(tool(0, "look"), "{}", id="R6"),
        pytest.param(tool(0, "look", "", ""), "{}", id="R6-blank-deltas"),
        pytest.param(tool(0, "look", given={"a": 1}), '{"a":1}', id="R7"),
        pytest.param(tool(0, "look", '{"b":2}', given={"a": 1}), '{"b":2}', id="deltas-win"),
    ],
)
def test_r6_r7_r8_arguments_are_never_blank(events: Any, arguments: str) -> None:
    sent = deltas(answer(events, stop_reason="tool_use"))
    assert "".join(call["function"]["arguments"] for delta in sent for call in delta["tool_calls"]) == arguments


def test_t11_the_client_sees_its_own_name_for_a_tool() -> None:
    names = ToolNames()
    names.upstream("fs/read.file")
    sent = deltas(answer(tool(0, "fs_read_file", "{}"), stop_reason="tool_use"), names)
    assert sent[0]["tool_calls"][0]["function"]["name"] == "fs/read.file"


def test_r9_thinking_is_reasoning_content_and_nothing_else() -> None:
    sent = deltas(answer(thinking(0, "Let me", " see"), text(1, "Hi")))
    assert sent == [{"reasoning_content": "Let me"}, {"reasoning_content": " see"}, {"content": "Hi"}]


def test_r10_r11_signed_thinking_travels_with_the_first_call_after_it() -> None:
    remembered: list[Any] = []
    events = answer(
        thinking(0, "Hm"),
        block(1, {"type": "redacted_thinking", "data": "secret"}),
        tool(2, "a", "{}"),
        tool(3, "b", "{}"),
        stop_reason="tool_use",
    )
    sent = deltas(events, remembered=remembered)
    blocks = [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "secret"},
    ]
    carriers = [delta for delta in sent if "reasoning_details" in delta]
    assert [delta["tool_calls"][0]["id"] for delta in carriers] == ["toolu_2"]
    (detail,) = carriers[0]["reasoning_details"]
    assert json.loads(base64.b64decode(detail.pop("data"))) == blocks
    assert detail == {"type": "reasoning.encrypted", "id": "toolu_2", "format": "anthropic-claude-v1", "index": 0}
    assert remembered == [(["toolu_2", "toolu_3"], blocks)]


def test_r10_thinking_that_is_omitted_still_has_its_signature() -> None:
    remembered: list[Any] = []
    deltas(answer(thinking(0), tool(1, "a", "{}"), stop_reason="tool_use"), remembered=remembered)
    assert remembered[0][1] == [{"type": "thinking", "thinking": "", "signature": "sig"}]


UNKNOWN = [
    {"type": "ping"},
    {"type": "tomorrow", "index": 0},
    *block(7, {"type": "hologram", "light": 1}, {"type": "hologram_delta", "light": 2}),
    {"type": "content_block_delta", "index": 0, "delta": {"type": "tomorrow_delta"}},
    {"type": "content_block_delta", "index": 99, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_delta", "index": {}, "delta": {"type": "signature_delta", "signature": "x"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}},
    {"type": "content_block_delta"},
    {"type": "content_block_start"},
    {"type": "content_block_stop"},
    {"type": "message_delta"},
]


def test_r12_r13_what_is_unknown_is_passed_over() -> None:
    assert deltas([start(), *UNKNOWN, *text(0, "Hi"), *UNKNOWN, *end()]) == [{"content": "Hi"}]


def test_r14_text_after_a_tool_is_content() -> None:
    assert deltas(answer(tool(0, "a", "{}"), text(1, "And")))[-1] == {"content": "And"}


def test_r15_tools_of_the_upstream_are_not_the_clients() -> None:
    events = answer(
        block(0, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}),
        block(1, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
        text(2, "Found"),
        stop_reason="tool_use",
    )
    assert deltas(events) == [{"content": "Found"}]
    assert finish(events) == "stop"


@pytest.mark.parametrize(
    ("stop_reason", "expected"),
    [
        pytest.param("end_turn", "stop", id="R16"),
        pytest.param("stop_sequence", "stop", id="R16-sequence"),
        pytest.param("tool_use", "tool_calls", id="R17"),
        pytest.param("max_tokens", "length", id="R18"),
        pytest.param("refusal", "content_filter", id="R20"),
        pytest.param("pause_turn", "stop", id="R21"),
        pytest.param("model_context_window_exceeded", "length", id="R22"),
        pytest.param("tomorrow", "stop", id="R23"),
        pytest.param(None, "stop", id="R23-null"),
    ],
)
def test_finish_reasons(stop_reason: str | None, expected: str) -> None:
    assert finish(answer(tool(0, "a", "{}"), stop_reason=stop_reason)) == expected


def test_r19_a_call_that_was_cut_off_stays_cut_off() -> None:
    events = [start(), *tool(0, "a", '{"city": "Par'), *end("max_tokens")]
    sent = deltas(events)
    assert sent[-1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Par'
    assert finish(events) == "length"


def test_r20_a_refusal_says_why_where_claude_does() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "I would rather not."}
    events = answer(stop_reason="refusal", stop_details=details)
    assert deltas(events) == [{"refusal": "I would rather not."}]
    assert deltas(answer(stop_reason="refusal", stop_details=None)) == []
    assert deltas(answer(stop_reason="refusal", stop_details={"explanation": None})) == []


def test_r25_r33_a_stream_that_fails_has_no_finish_and_no_done() -> None:
    streamed = encoder()
    streamed.feed([start(), *text(0, "Hal")])
    sent = streamed.fail(ProxyError("It broke.", status=502, code="upstream_error", request_id="req_1"))
    assert decoded(sent) == [
        {
            "error": {
                "message": "It broke. (request id: req_1)",
                "type": "server_error",
                "param": None,
                "code": "upstream_error",
            }
        }
    ]
    assert b"DONE" not in sent


def test_r29_an_empty_answer_is_a_role_and_a_finish() -> None:
    sent = chunks(answer())
    assert [chunk["choices"][0]["delta"] for chunk in sent] == [{"role": "assistant", "content": ""}, {}]
    assert sent[-1]["choices"][0]["finish_reason"] == "stop"


def test_r30_later_counts_replace_earlier_ones() -> None:
    later = {"input_tokens": None, "output_tokens": 30, "cache_read_input_tokens": 2000}
    events = [start(), *text(0, "Hi"), *end(usage={"output_tokens": 20})[:1], *end(usage=later)]
    usage = chunks(events, include_usage=True)[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (7 + 2000 + 100, 30)
    silent = [start(), {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
    assert chunks(silent, include_usage=True)[-1]["usage"]["completion_tokens"] == 1


def test_r34_keys_that_strict_clients_ask_for_are_there() -> None:
    for chunk in chunks(answer(text(0, "Hi"))):
        assert chunk["system_fingerprint"] is None
        assert chunk["choices"][0]["logprobs"] is None


def test_u5_r33_usage_is_a_chunk_of_its_own_before_done() -> None:
    *others, last = chunks(answer(text(0, "Hi")), include_usage=True)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 1107 + 20
    assert others[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(chunk["usage"] is None for chunk in others)


def test_u6_without_being_asked_for_there_is_no_usage() -> None:
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks(answer(text(0, "Hi"))))


def test_t14_a_legacy_client_gets_one_function_call() -> None:
    events = answer(tool(0, "look", '{"a":', "1}"), tool(1, "more", "{}"), stop_reason="tool_use")
    assert deltas(events, legacy=True) == [
        {"function_call": {"name": "look", "arguments": ""}},
        {"function_call": {"arguments": '{"a":'}},
        {"function_call": {"arguments": "1}"}},
    ]
    assert finish(events, legacy=True) == "function_call"


def test_r38_line_separators_of_unicode_stay_inside_their_text() -> None:
    assert deltas(answer(text(0, "a\u2028b\u2029c\u0085d\u0000")))[0]["content"] == "a\u2028b\u2029c\u0085d\u0000"


def test_r6_a_call_without_its_end_still_has_arguments() -> None:
    opening, _ = tool(0, "look")
    sent = deltas([start(), opening, *end("tool_use")])
    assert sent[-1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_b8_each_item_of_reasoning_details_has_a_number_of_its_own() -> None:
    """Clients glue items of one number together."""
    events = answer(thinking(0, "a"), tool(1, "x", "{}"), thinking(2, "b"), tool(3, "y", "{}"), stop_reason="tool_use")
    carried = [item for delta in deltas(events) for item in delta.get("reasoning_details", [])]
    assert [(item["id"], item["index"]) for item in carried] == [("toolu_1", 0), ("toolu_3", 1)]
