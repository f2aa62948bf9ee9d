"""Stop sequences and structured output, whichever way the answer is cut into deltas."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.upstreams.claude_code.filters import StopSequences, StructuredOutput


def text(*parts: str, index: int = 0) -> list[Any]:
    start = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": part}} for part in parts
    ]
    return [start, *deltas, {"type": "content_block_stop", "index": index}]


def called(name: str, arguments: str, index: int = 0) -> list[Any]:
    block = {"type": "tool_use", "id": "t", "name": name, "input": {}}
    delta = {"type": "input_json_delta", "partial_json": arguments}
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_stop", "index": index},
    ]


def ended(reason: str) -> list[Any]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}}, {"type": "message_stop"}]


def said(events: list[Any]) -> str:
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def reason(events: list[Any]) -> Any:
    (delta,) = [event["delta"] for event in events if event["type"] == "message_delta"]
    return delta["stop_reason"]


@given(whole=some.text("abE ND", max_size=30), cuts=some.lists(some.integers(0, 30), max_size=5))
def test_the_answer_ends_before_the_first_stop_sequence_however_it_was_cut(whole: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    parts = [whole[start:end] for start, end in itertools.pairwise(edges)]
    stops = StopSequences(["END", "bb"])
    passed = [event for given in [*text(*parts), *ended("end_turn")] for event in stops.feed([given])]
    found = min((at for sequence in ("END", "bb") if (at := whole.find(sequence)) >= 0), default=None)
    assert said(passed) == whole[:found]
    assert reason(passed) == ("end_turn" if found is None else "stop_sequence")
    assert [event["type"] for event in passed].count("message_stop") == 1


@pytest.mark.parametrize("before", [[], text("Here it is: ")])
def test_the_call_of_the_tool_for_structured_output_is_the_text(before: list[Any]) -> None:
    index = 1 if before else 0
    events = [*before, *called("StructuredOutput", '{"a": 1}', index), *ended("tool_use")]
    passed = StructuredOutput().feed(events)
    assert said(passed) == '{"a": 1}'
    assert reason(passed) == "end_turn"
    assert {event["index"] for event in passed if "index" in event} == {0}


def test_without_that_call_the_text_and_other_calls_stay() -> None:
    passed = StructuredOutput().feed([*text("No."), *called("look", "{}", 1), *ended("tool_use")])
    assert said(passed) == "No."
    assert reason(passed) == "tool_use"
    assert passed[-2:] == ended("tool_use")
