"""What a 400 of Claude's teaches, and to whom it is remembered."""

from __future__ import annotations

from typing import Any, cast

import pytest

from core.healing import Lessons, diagnose
from core.messages import MessagesRequest


def request(**fields: Any) -> MessagesRequest:
    text = {"type": "text", "text": "Hi"}
    body = {"model": "claude-opus-9", "max_tokens": 100, "messages": [{"role": "user", "content": [text]}], **fields}
    return cast("MessagesRequest", body)


@pytest.mark.parametrize(
    ("message", "fields", "name"),
    [
        ("temperature: Extra inputs are not permitted", {"temperature": 0.5}, "temperature"),
        ("`top_k` is deprecated for this model", {"top_k": 5}, "top_k"),
        ("The `temperature` and `top_p` cannot both be specified", {"temperature": 1, "top_p": 0.9}, "top_p"),
        ('"thinking.type.enabled" is not supported for this model.', {"thinking": {"type": "enabled"}}, "thinking"),
        (
            "output_config.effort 'xhigh' is not supported when thinking is disabled",
            {"output_config": {"effort": "xhigh"}},
            "reasoning_effort",
        ),
    ],
)
def test_b01_a_parameter_that_a_400_names_as_unsupported_is_taken_out(
    message: str, fields: dict[str, Any], name: str
) -> None:
    body = request(**fields)
    lesson = diagnose(message, body)
    assert lesson is not None
    lesson.change(body)
    assert (lesson.name, lesson.scope) == (name, "model")
    assert diagnose(message, body) is None, "one lesson is enough"
    assert set(fields) - set(body) or "output_config" not in body


@pytest.mark.parametrize(
    "message",
    [
        "messages.0.content: Field required",
        "prompt is too long: 300000 tokens > 200000 maximum",
        "the text 'temperature' is not supported",
    ],
)
def test_a_400_about_something_else_is_left_alone(message: str) -> None:
    assert diagnose(message, request()) is None


def test_b7_an_invalid_signature_strips_every_thinking_block_and_the_budget() -> None:
    body = request(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "", "signature": "x"},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                ],
            },
        ],
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    lesson = diagnose("messages.1.content.0: Invalid `signature` in `thinking` block", body)
    assert lesson is not None
    lesson.change(body)
    assert [block["type"] for turn in body["messages"] for block in turn["content"]] == ["text", "tool_use"]
    assert "thinking" not in body
    assert lesson.scope == "client"


def test_p28_a_refused_schema_becomes_an_instruction_once_and_is_not_remembered() -> None:
    body = request(output_config={"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}})
    message = "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
    lesson = diagnose(message, body)
    assert lesson is not None
    lesson.change(body)
    assert body.get("output_config") == {"effort": "low"}
    assert '{"type":"object"}' in body.get("system", [])[-1]["text"]
    assert lesson.scope == "request"


def test_t4_a_forced_tool_becomes_a_request_for_it() -> None:
    body = request(tools=[], tool_choice={"type": "tool", "name": "f"})
    lesson = diagnose('tool_choice: type "tool" and "any" are not supported for this model.', body)
    assert lesson is not None
    lesson.change(body)
    assert body.get("tool_choice") == {"type": "auto"}
    assert "tool f" in body.get("system", [])[-1]["text"]


def test_m14_a_refused_prefill_is_asked_to_continue() -> None:
    body = request()
    body["messages"].append({"role": "assistant", "content": [{"type": "text", "text": "Once"}]})
    lesson = diagnose("This model does not support assistant message prefill.", body)
    assert lesson is not None
    lesson.change(body)
    assert body["messages"][-1]["role"] == "user"


def test_m4_a_refused_inline_system_entry_becomes_an_operator_note() -> None:
    body = request()
    body["messages"].append({"role": "system", "content": [{"type": "text", "text": "Be brief"}]})
    lesson = diagnose("role 'system' is not supported on this model", body)
    assert lesson is not None
    lesson.change(body)
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert body["messages"][0]["content"][-1] == {"type": "text", "text": "[Operator note] Be brief"}


def test_a_lesson_is_applied_to_later_requests_of_the_same_model_only() -> None:
    lessons = Lessons()
    lesson = diagnose("temperature: Extra inputs are not permitted", request(temperature=0))
    assert lesson is not None
    lessons.learn(lesson, "claude-opus-9", "client-a")
    later, other = request(temperature=0), request(temperature=0, model="claude-opus-4-6")
    assert lessons.apply(later, "client-b") == ["temperature"]
    assert lessons.apply(other, "client-b") == []
    assert "temperature" not in later
    assert other.get("temperature") == 0


def test_b7_a_lesson_about_signatures_counts_for_that_client_only() -> None:
    thinking = [{"type": "thinking", "thinking": "", "signature": "x"}, {"type": "text", "text": "a"}]
    body = request(messages=[{"role": "assistant", "content": thinking}])
    lesson = diagnose("bound to a different conversation: Invalid signature", body)
    assert lesson is not None
    lessons = Lessons()
    lessons.learn(lesson, "claude-opus-9", "openclaw")
    again = request(messages=[{"role": "assistant", "content": list(thinking)}])
    assert lessons.apply(again, "openclaw") == ["thinking_blocks"]
    assert lessons.apply(request(), "openclaw") == []
    assert lessons.apply(request(), "other") == []
