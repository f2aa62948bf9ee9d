"""Signed thinking on its way through the client, and the memory for clients that lose it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from core.dialects.chat_completions.history import History, Recall, parse_history
from core.dialects.chat_completions.names import ToolNames
from core.dialects.chat_completions.reasoning import ThinkingMemory, decode_details, encode_details, signed_blocks
from core.models import rules_for

THOUGHT = {"type": "thinking", "thinking": "Hm ✓", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "c2VjcmV0"}
UNSIGNED = {"type": "thinking", "thinking": "Hm"}


def history(*messages: Any, recall: Recall = lambda _tool_id: None) -> History:
    return parse_history(list(messages), rules=rules_for("claude-opus-5-5"), names=ToolNames(), recall=recall)


def user(text: str = "Hi") -> dict[str, Any]:
    return {"role": "user", "content": text}


def calling(tool_id: str, **fields: Any) -> dict[str, Any]:
    call = {"id": tool_id, "type": "function", "function": {"name": "look", "arguments": "{}"}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **fields}


def answer(tool_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": tool_id, "content": "42"}


def types(result: History, turn: int) -> list[str]:
    return [block["type"] for block in result.turns[turn]["content"]]


def test_b8_encoded_details_have_the_shape_that_clients_replay() -> None:
    (item,) = encode_details("toolu_1", [THOUGHT, REDACTED])
    assert {**item, "data": ""} == {
        "type": "reasoning.encrypted",
        "id": "toolu_1",
        "data": "",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
    assert json.loads(base64.b64decode(item["data"])) == [THOUGHT, REDACTED]


def test_b8_details_come_back_as_they_went() -> None:
    assert decode_details(encode_details("toolu_1", [THOUGHT, REDACTED])) == [THOUGHT, REDACTED]


def test_b8_details_repeated_beside_every_call_count_once() -> None:
    assert decode_details([*encode_details("a", [THOUGHT]), *encode_details("b", [THOUGHT])]) == [THOUGHT]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "x",
        {},
        [None],
        ["x"],
        [{"type": "reasoning.text", "text": "x"}],
        [{"type": "reasoning.encrypted"}],
        [{"type": "reasoning.encrypted", "data": 1}],
        [{"type": "reasoning.encrypted", "data": "%%%"}],
        [{"type": "reasoning.encrypted", "data": "Ä"}],
        [{"type": "reasoning.encrypted", "data": base64.b64encode(b"\xff{").decode()}],
        [{"type": "reasoning.encrypted", "data": base64.b64encode(b"{}").decode()}],
        encode_details("x", [UNSIGNED]),
    ],
)
def test_b8_foreign_or_damaged_details_are_passed_over(value: object) -> None:
    assert decode_details(value) == []
    assert types(history(user(), calling("a", reasoning_details=value), answer("a")), 1) == ["tool_use"]


def test_m23_unsigned_thinking_is_neither_thinking_nor_text() -> None:
    message = calling("a", content="Look.", reasoning_content="Secret", reasoning="Secret", thinking_blocks=[UNSIGNED])
    result = history(user(), message, answer("a"))
    assert types(result, 1) == ["text", "tool_use"]
    assert "Secret" not in json.dumps(result.turns)


def test_m24_k26_signed_thinking_blocks_stand_before_text_and_calls() -> None:
    message = calling("a", content="Look.", thinking_blocks=[THOUGHT, UNSIGNED, {**REDACTED, "index": 3}, 7])
    result = history(user(), message, answer("a"))
    assert result.turns[1]["content"][:2] == [THOUGHT, REDACTED]
    assert types(result, 1)[2:] == ["text", "tool_use"]
    assert not result.lacks_thinking


def test_m24_blocks_of_the_client_win_over_details_and_details_over_memory() -> None:
    second, third = ({**THOUGHT, "thinking": text} for text in ("second", "third"))
    details = encode_details("a", [second])
    full = history(
        user(),
        calling("a", thinking_blocks=[THOUGHT], reasoning_details=details),
        answer("a"),
        recall=lambda _: [third],
    )
    assert full.turns[1]["content"][0] == THOUGHT
    without = history(user(), calling("a", reasoning_details=details), answer("a"), recall=lambda _: [third])
    assert without.turns[1]["content"][0] == second
    bare = history(user(), calling("a"), answer("a"), recall=lambda _: [third])
    assert bare.turns[1]["content"][0] == third


def test_b8_only_the_running_tool_loop_gets_its_thinking_again() -> None:
    result = history(
        user(),
        calling("old", thinking_blocks=[THOUGHT]),
        answer("old"),
        {"role": "assistant", "content": "Done.", "thinking_blocks": [THOUGHT]},
        user("Again"),
        calling("a", thinking_blocks=[THOUGHT]),
        answer("a"),
        user("Oh, and this:"),
        calling("b", thinking_blocks=[THOUGHT]),
        answer("b"),
        user("<volatile>"),
    )
    assert [types(result, turn) for turn in (1, 3, 5, 7)] == [
        ["tool_use"],
        ["text"],
        ["thinking", "tool_use"],
        ["thinking", "tool_use"],
    ]


def test_b8_thinking_recalled_for_every_call_of_a_split_answer_is_replayed_once() -> None:
    result = history(user(), calling("a"), calling("b"), answer("a"), answer("b"), recall=lambda _: [dict(THOUGHT)])
    assert types(result, 1) == ["thinking", "tool_use", "tool_use"]


def test_k26_a_loop_whose_last_turn_has_no_thinking_says_so() -> None:
    assert history(user(), calling("a"), answer("a")).lacks_thinking
    assert history(user(), calling("a", thinking_blocks=[THOUGHT]), answer("a"), calling("b")).lacks_thinking
    assert not history(user(), calling("a"), answer("a"), {"role": "assistant", "content": "x"}, user()).lacks_thinking
    assert not history(user()).lacks_thinking


def test_signed_blocks_are_copies_with_nothing_but_their_own_fields() -> None:
    given = {**THOUGHT, "cache_control": {"type": "ephemeral"}}
    assert signed_blocks([given]) == [THOUGHT]


def test_memory_finds_a_call_by_the_letters_and_digits_of_its_id() -> None:
    memory = ThinkingMemory()
    memory.remember(["toolu_01-Ab", "toolu_02"], [THOUGHT])
    assert memory.recall("toolu01Ab") == [THOUGHT]
    assert memory.recall("toolu_02") == [THOUGHT]
    assert memory.recall("toolu_03") is None


def test_memory_forgets_the_oldest_beyond_a_thousand_calls() -> None:
    memory = ThinkingMemory()
    for number in range(1_001):
        memory.remember([f"call{number}"], [THOUGHT])
    assert memory.recall("call0") is None
    assert memory.recall("call1") == [THOUGHT]
    assert memory.recall("call1000") == [THOUGHT]


def test_memory_forgets_the_oldest_beyond_32_mebibytes() -> None:
    memory = ThinkingMemory()
    large = {**THOUGHT, "thinking": "x" * (11 << 20)}
    for name in ("a", "b", "c"):
        memory.remember([name], [large])
    assert memory.recall("a") is None
    assert memory.recall("b") == [large]
    memory.remember(["d"], [THOUGHT])
    assert memory.recall("b") == [large]


def test_memory_replaces_what_it_knew_of_a_call_and_counts_it_once() -> None:
    memory = ThinkingMemory(most_bytes=200)
    for _ in range(50):
        memory.remember(["a"], [THOUGHT])
    memory.remember(["b"], [REDACTED])
    assert memory.recall("a") == [THOUGHT]
    assert memory.recall("b") == [REDACTED]
