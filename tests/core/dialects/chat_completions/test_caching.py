"""Cache marks: the client's own within the limits, or automatic ones."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from core.dialects.chat_completions.caching import cache_control_of, place_breakpoints
from core.dialects.chat_completions.history import History, parse_history
from core.dialects.chat_completions.names import ToolNames
from core.messages import Block, MessagesRequest
from core.models import rules_for

MODEL = "claude-opus-5-5"
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
LONG = "word " * 400  # about 570 tokens, above the 512 of the model


def history(*messages: Any) -> History:
    return parse_history(list(messages), rules=rules_for(MODEL), names=ToolNames(), recall=lambda _tool_id: None)


def request(parsed: History, tools: int = 0) -> MessagesRequest:
    body: dict[str, Any] = {"model": MODEL, "max_tokens": 10, "messages": parsed.turns}
    if parsed.system:
        body["system"] = parsed.system
    if tools:
        body["tools"] = [{"name": f"tool{i}", "input_schema": {"type": "object"}} for i in range(tools)]
    return cast("MessagesRequest", body)


def place(*messages: Any, tools: int = 0, automatic: bool = True) -> dict[str, Any]:
    parsed = history(*messages)
    body = request(parsed, tools)
    place_breakpoints(body, parsed.ends, rules_for(MODEL), automatic=automatic)
    return cast("dict[str, Any]", body)


def say(role: str, content: object, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def call(tool_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": tool_id, "type": "function", "function": {"name": "look", "arguments": "{}"}, **fields}


def marked(body: dict[str, Any]) -> list[str]:
    """Where marks are, in the order of the prefix."""
    places = [f"tools.{i}" for i, tool in enumerate(body.get("tools", [])) if "cache_control" in tool]
    places += [f"system.{i}" for i, block in enumerate(body.get("system", [])) if "cache_control" in block]
    for i, turn in enumerate(body["messages"]):
        places += [f"{i}.{j}" for j, block in enumerate(turn["content"]) if "cache_control" in block]
    return places


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MARK, MARK),
        ({**MARK, "ttl": None, "scope": "x"}, MARK),
        (HOUR, HOUR),
        ({**MARK, "ttl": "5m"}, {**MARK, "ttl": "5m"}),
        ({**MARK, "ttl": "2h"}, None),
        ({**MARK, "ttl": 300}, None),
        ({"type": "persistent"}, None),
        ({}, None),
        (None, None),
        (True, None),
        ("ephemeral", None),
        ([MARK], None),
    ],
)
def test_b6_only_marks_that_claude_knows_are_taken(value: object, expected: object) -> None:
    assert cache_control_of(value) == expected


def test_b6_m25_marks_arrive_on_parts_messages_calls_and_results() -> None:
    part = {"type": "text", "text": "x", "cache_control": HOUR}
    parsed = history(
        say("system", [part]),
        say("user", "Hi", cache_control=HOUR),
        say("assistant", None, tool_calls=[call("a", cache_control=HOUR), call("b")]),
        say("tool", "1", tool_call_id="a", cache_control=HOUR),
        say("tool", [part, {"type": "text", "text": "y"}], tool_call_id="b"),
        say("user", [part, {"type": "text", "text": "y"}]),
    )
    assert marked(cast("dict[str, Any]", request(parsed))) == ["system.0", "0.0", "1.0", "2.0", "2.1", "2.2"]
    results = cast("Any", parsed.turns[2]["content"])
    assert results[1]["content"] == [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]


def test_b6_a_mark_on_an_assistant_or_system_message_goes_to_its_last_block() -> None:
    parsed = history(
        say("system", ["a", "b"], cache_control=MARK),
        say("user", "Hi"),
        say("assistant", "Look.", tool_calls=[call("a"), call("b")], cache_control=MARK),
        say("user", "Stop"),
        say("assistant", "Well.", cache_control=MARK),
        say("user", "", cache_control=MARK),
        say("user", "Go", cache_control=MARK),
    )
    assert marked(cast("dict[str, Any]", request(parsed))) == ["system.1", "1.2", "3.0", "4.0"]


def test_b6_a_mark_on_an_orphan_result_goes_to_its_text() -> None:
    parsed = history(say("user", "Hi"), say("tool", "lost", tool_call_id="x", cache_control=MARK))
    assert marked(cast("dict[str, Any]", request(parsed))) == ["0.1"]


def test_m25_beyond_four_marks_the_earliest_are_dropped() -> None:
    texts = [{"type": "text", "text": str(i), "cache_control": MARK} for i in range(5)]
    parsed = history(say("system", texts[:2]), say("user", texts))
    body = cast("Any", request(parsed, tools=2))
    body["tools"][0]["cache_control"] = dict(MARK)
    place_breakpoints(body, parsed.ends, rules_for(MODEL), automatic=True)
    assert marked(body) == ["0.1", "0.2", "0.3", "0.4"]


def test_m25_an_hour_behind_five_minutes_becomes_five_minutes() -> None:
    marks = [HOUR, MARK, HOUR]
    body = place(say("user", [{"type": "text", "text": "x", "cache_control": mark} for mark in marks]))
    kept = [block["cache_control"] for block in body["messages"][0]["content"]]
    assert kept == [HOUR, MARK, {"type": "ephemeral", "ttl": "5m"}]
    assert marks == [HOUR, MARK, HOUR]


def test_m25_a_dropped_early_mark_does_not_shorten_later_ones() -> None:
    marks = [MARK, HOUR, HOUR, HOUR, HOUR]
    body = place(say("user", [{"type": "text", "text": "x", "cache_control": mark} for mark in marks]))
    assert [block.get("cache_control") for block in body["messages"][0]["content"]] == [None, HOUR, HOUR, HOUR, HOUR]


def test_b7_automatic_marks_end_tools_system_and_the_last_two_messages() -> None:
    body = place(
        say("system", [LONG, "b"]),
        say("user", "Hi"),
        say("assistant", "Hello"),
        say("user", "What is this?"),
        say("user", "<volatile>"),
        tools=200,
    )
    assert marked(body) == ["tools.199", "system.1", "2.0", "2.1"]
    assert body["system"][1]["cache_control"] == MARK


def test_b7_behind_tool_results_the_volatile_message_is_not_the_only_mark() -> None:
    body = place(
        say("user", LONG),
        say("assistant", None, tool_calls=[call("a"), call("b")]),
        say("tool", "1", tool_call_id="a"),
        say("tool", "2", tool_call_id="b"),
        say("user", "<volatile>"),
    )
    assert marked(body) == ["2.1", "2.2"]


def test_b7_no_mark_where_the_prefix_is_shorter_than_the_models_minimum() -> None:
    assert marked(place(say("system", "short"), say("user", "Hi"), tools=3)) == []
    assert marked(place(say("system", "short"), say("user", "Hi"), say("user", LONG), tools=3)) == ["0.1"]


def test_b7_the_clients_own_marks_exclude_automatic_ones() -> None:
    own = {"type": "text", "text": "x", "cache_control": MARK}
    assert marked(place(say("system", [own]), say("user", LONG), say("user", "Hi"))) == ["system.0"]


def test_b7_nothing_is_marked_when_turned_off() -> None:
    assert marked(place(say("user", LONG), automatic=False)) == []


def test_b7_one_block_is_marked_once_and_one_message_is_enough() -> None:
    assert marked(place(say("user", ["x", LONG]))) == ["0.1"]


def test_b7_an_image_counts_by_its_size_on_screen_and_not_by_its_base64() -> None:
    data = "AAAA" * 5_000
    body = place(say("user", [{"type": "image_url", "image_url": f"data:image/png;base64,{data}"}]))
    assert marked(body) == ["0.0"]  # 1,500 tokens are above 512
    parsed = history(say("user", [{"type": "image_url", "image_url": f"data:image/png;base64,{data}"}]))
    place_breakpoints(request(parsed), parsed.ends, rules_for("claude-haiku-4-5"), automatic=True)
    assert marked(cast("dict[str, Any]", request(parsed))) == []  # and below 4,096, whatever the base64's length


def test_b7_no_mark_on_blank_text_or_thinking() -> None:
    blank: Block = {"type": "text", "text": " "}
    thinking: Block = {"type": "thinking", "thinking": LONG, "signature": "s"}
    body = cast("MessagesRequest", {"messages": [{"role": "user", "content": [thinking, blank]}]})
    place_breakpoints(body, [thinking, blank], rules_for(MODEL), automatic=True)
    assert "cache_control" not in blank
    assert "cache_control" not in thinking


def test_b7_results_documents_and_hidden_thinking_count_toward_the_prefix() -> None:
    def grown(block: dict[str, Any]) -> bool:
        end: Block = {"type": "text", "text": "x"}
        body = cast("MessagesRequest", {"messages": [{"role": "user", "content": [block, end]}]})
        place_breakpoints(body, [end], rules_for(MODEL), automatic=True)
        return "cache_control" in end

    text = {"type": "text", "text": LONG}
    assert grown({"type": "tool_result", "tool_use_id": "a", "content": [text]})
    assert grown({"type": "tool_result", "tool_use_id": "a", "content": LONG})
    assert not grown({"type": "tool_result", "tool_use_id": "a"})
    assert grown({"type": "document", "source": {"type": "text", "data": LONG}})
    assert grown({"type": "document", "source": {"type": "base64", "data": "AAAA"}})
    assert not grown({"type": "document", "source": {"type": "text", "data": "x"}})
    assert grown({"type": "redacted_thinking", "data": LONG})
    assert grown({"type": "tool_use", "id": "a", "name": "n", "input": {"x": LONG}})


def test_a_history_of_200_kib_is_read_and_marked_in_a_few_milliseconds() -> None:
    messages: list[Any] = [say("system", LONG)]
    for i in range(100):
        messages += [
            say("user", "x" * 900),
            say("assistant", "Look.", tool_calls=[call(f"call_{i}")]),
            say("tool", "y" * 900, tool_call_id=f"call_{i}"),
            say("assistant", "z" * 200),
        ]
    messages.append(say("user", "Go on"))
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        place(*messages, tools=20)
        best = min(best, time.perf_counter() - started)
    assert best < 0.02
