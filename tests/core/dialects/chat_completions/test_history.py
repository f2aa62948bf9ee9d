"""Roles, order and empty content of a message history: rows M1 to M32."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest

from core import json_codec
from core.dialects.chat_completions.history import History, parse_history
from core.dialects.chat_completions.names import ToolNames
from core.errors import InvalidRequest
from core.models import rules_for

INLINE = "claude-opus-5-5"
NO_INLINE = "claude-sonnet-5"
PREFILL = "claude-haiku-4-5"
CONTINUE = "Continue exactly from where you stopped."
CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def parse(messages: Any, model: str = INLINE) -> History:
    return parse_history(messages, rules=rules_for(model), names=ToolNames(), recall=lambda _tool_id: None)


def history(*messages: Any, model: str = INLINE) -> History:
    return parse(list(messages), model)


def say(role: str, content: object, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def outline(result: History) -> list[tuple[str, list[str]]]:
    """Every turn with its texts, and the types of its other blocks."""
    return [
        (
            turn["role"],
            [block["text"] if block["type"] == "text" else f"<{block['type']}>" for block in turn["content"]],
        )
        for turn in result.turns
    ]


def system(result: History) -> list[str]:
    return [block["text"] for block in result.system]


def refused(*messages: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        history(*messages)
    assert caught.value.status == 400
    return caught.value.param


def test_m1_developer_messages_are_system() -> None:
    result = history(say("developer", "Be brief."), say("user", "Hi"))
    assert system(result) == ["Be brief."]
    assert outline(result) == [("user", ["Hi"])]


def test_m2_two_system_messages_are_two_blocks_in_order() -> None:
    assert system(history(say("system", "a"), say("developer", "b"), say("user", "Hi"))) == ["a", "b"]


def test_m3_system_parts_are_blocks_and_keep_their_marks() -> None:
    mark = {"type": "ephemeral"}
    parts = [{"type": "text", "text": "a", "cache_control": mark}, {"type": "text", "text": "b"}]
    assert history(say("system", parts), say("user", "Hi")).system == parts


def test_m4_a_later_system_message_stays_in_place_where_the_model_takes_it() -> None:
    result = history(say("user", "Hi"), say("system", "New rule"), say("assistant", "Ok"), say("user", "Go"))
    assert outline(result) == [("user", ["Hi"]), ("system", ["New rule"]), ("assistant", ["Ok"]), ("user", ["Go"])]
    assert outline(history(say("user", "Hi"), say("system", "x")))[-1] == ("system", ["x"])


def test_m4_a_later_system_message_moves_behind_the_user_turn() -> None:
    result = history(
        say("user", "Hi"),
        say("assistant", "Hello"),
        say("system", "a"),
        say("user", "Go"),
        say("system", "b"),
        say("user", "on"),
    )
    assert outline(result)[2:] == [("user", ["Go", "on"]), ("system", ["a", "b"])]


def test_m4_a_later_system_message_moves_behind_tool_results_also_missing_ones() -> None:
    calling = say("assistant", None, tool_calls=[CALL])
    result = history(say("user", "Hi"), calling, say("system", "x"), say("tool", "1", tool_call_id="a"))
    assert outline(result)[2:] == [("user", ["<tool_result>"]), ("system", ["x"])]
    assert outline(history(say("user", "Hi"), calling, say("system", "x")))[2:] == [
        ("user", ["<tool_result>"]),
        ("system", ["x"]),
    ]


def test_m4_elsewhere_a_later_system_message_is_a_note_in_the_user_turn() -> None:
    result = history(
        say("user", "Hi"),
        say("assistant", "Hello"),
        say("system", ["a", "b"]),
        say("user", "Go"),
        model=NO_INLINE,
    )
    assert outline(result)[2:] == [("user", ["[Operator note] a", "[Operator note] b", "Go"])]
    assert result.system == []


@pytest.mark.parametrize("model", [INLINE, NO_INLINE])
def test_m4_a_system_message_with_no_user_turn_to_stand_behind_makes_one(model: str) -> None:
    result = history(
        say("user", "Hi"),
        say("assistant", "a"),
        say("system", "x"),
        say("assistant", "b"),
        say("system", "y"),
        model=model,
    )
    assert outline(result) == [
        ("user", ["Hi"]),
        ("assistant", ["a"]),
        ("user", ["[Operator note] x"]),
        ("assistant", ["b"]),
        ("user", ["[Operator note] y"]),
    ]


@pytest.mark.parametrize("empty", ["", None, [], " \n", [{"type": "text", "text": ""}]])
def test_m5_an_empty_system_message_is_omitted(empty: object) -> None:
    result = history(say("system", empty), say("user", "Hi"), say("system", empty))
    assert result.system == []
    assert outline(result) == [("user", ["Hi"])]


def test_m6_the_last_of_only_system_messages_becomes_the_user_turn() -> None:
    result = history(say("system", "a"), say("system", ["b", "c"]), say("system", ""))
    assert system(result) == ["a"]
    assert outline(result) == [("user", ["b", "c"])]
    assert [block["type"] for block in result.ends] == ["text"]


def test_m6_only_empty_system_messages_are_refused() -> None:
    assert refused(say("system", ""), say("developer", " ")) == "messages[1].content"
    assert refused(say("assistant", "")) == "messages[0].content"


@pytest.mark.parametrize("messages", [None, [], {}, "Hi", 1, [None], ["Hi"], [say("user", "Hi"), 1], [[]]])
def test_m7_messages_must_be_a_list_of_objects(messages: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(messages)
    assert caught.value.param == "messages"


@pytest.mark.parametrize("empty", ["", [], None, [{"type": "text", "text": ""}], "missing"])
def test_m8_an_empty_last_user_turn_is_refused_and_others_are_dropped(empty: object) -> None:
    nothing = say("user", empty) if empty != "missing" else {"role": "user"}
    assert refused(nothing) == "messages[0].content"
    assert refused(say("system", "x"), nothing) == "messages[1].content"
    assert refused(say("user", "Hi"), say("assistant", "Hello"), nothing) == "messages[2].content"
    assert refused(nothing, say("assistant", "Hello")) == "messages[0].content"
    result = history(say("user", "Hi"), say("assistant", "a"), nothing, say("assistant", "b"), say("user", "Go"))
    assert outline(result) == [("user", ["Hi"]), ("assistant", ["a", "b"]), ("user", ["Go"])]


def test_m8_an_empty_user_message_beside_one_that_says_something_is_dropped() -> None:
    assert outline(history(say("user", ""), say("user", "Hi"), say("user", ""))) == [("user", ["Hi"])]


def test_m9_a_user_message_of_blanks_is_an_empty_one() -> None:
    assert refused(say("user", " \n\t\u00a0")) == "messages[0].content"
    assert outline(history(say("user", " "), say("user", "Hi"))) == [("user", ["Hi"])]


def test_m10_an_empty_part_is_dropped_from_a_message() -> None:
    assert outline(history(say("user", [{"type": "text", "text": ""}, {"type": "text", "text": "Hi"}]))) == [
        ("user", ["Hi"])
    ]


@pytest.mark.parametrize("empty", [None, "", [], " \n", "missing"])
def test_m11_b9_an_empty_assistant_message_is_dropped_and_the_users_are_merged(empty: object) -> None:
    nothing = say("assistant", empty, refusal=None, annotations=[]) if empty != "missing" else {"role": "assistant"}
    assert outline(history(say("user", "a"), nothing, say("user", "b"))) == [("user", ["a", "b"])]
    assert outline(history(say("user", "a"), nothing)) == [("user", ["a"])]


def test_m12_before_an_assistant_message_at_the_start_the_user_speaks() -> None:
    result = history(say("system", "s"), say("assistant", "Hello"), say("user", "Go"))
    assert outline(result) == [("user", ["(conversation resumed)"]), ("assistant", ["Hello"]), ("user", ["Go"])]


def test_m13_a_prefill_is_stripped_at_its_end_where_the_model_takes_one() -> None:
    result = history(say("user", "Hi"), say("assistant", "  Dear \n"), model=PREFILL)
    assert outline(result) == [("user", ["Hi"]), ("assistant", ["  Dear"])]
    assert result.prefill
    assert result.ignored == []


def test_m14_other_models_are_asked_to_continue_and_the_client_is_told() -> None:
    result = history(say("user", "Hi"), say("assistant", "Dear "), say("assistant", "Sir"), say("assistant", ""))
    assert outline(result)[1:] == [("assistant", ["Dear ", "Sir"]), ("user", [CONTINUE])]
    assert not result.prefill
    assert result.ignored == ["messages[2].prefill"]


def test_m15_a_prefill_says_so_that_the_caller_drops_thinking_and_replays_none() -> None:
    thought = {"type": "thinking", "thinking": "x", "signature": "s"}
    result = history(say("user", "Hi"), say("assistant", "Dear", thinking_blocks=[thought]), model=PREFILL)
    assert result.prefill
    assert outline(result)[1] == ("assistant", ["Dear"])
    calling = history(say("user", "Hi"), say("assistant", "Let me", tool_calls=[CALL]), model=PREFILL)
    assert not calling.prefill


def test_m16_consecutive_messages_of_one_role_are_one_turn_with_separate_blocks() -> None:
    result = history(
        say("user", "a"), say("user", ["b", "c"]), say("assistant", "d"), say("assistant", "e"), say("user", "f")
    )
    assert outline(result) == [("user", ["a", "b", "c"]), ("assistant", ["d", "e"]), ("user", ["f"])]


def test_m17_names_are_put_before_the_text_only_where_there_are_two() -> None:
    one = history(say("user", "Hi", name="alice"), say("user", "Ho", name="alice"))
    assert outline(one) == [("user", ["Hi", "Ho"])]
    two = history(
        say("system", "Rule", name="boss"),
        say("user", ["Hi", "there"], name="alice"),
        say("assistant", "Ho", name="claude"),
        say("user", "Well", name="bob"),
        say("user", "So", name=7),
    )
    assert system(two) == ["boss: Rule"]
    assert outline(two) == [("user", ["alice: Hi", "there"]), ("assistant", ["Ho"]), ("user", ["bob: Well", "So"])]


@pytest.mark.parametrize("role", ["model", "", None, 1, ["user"], {}])
def test_m18_an_unknown_role_is_refused(role: Any) -> None:
    assert refused(say("user", "Hi"), say(role, "x")) == "messages[1].role"
    assert refused(say(role, "x"), say("user", "Hi")) == "messages[0].role"


def test_m18_a_missing_role_is_refused() -> None:
    assert refused({"content": "x"}) == "messages[0].role"
    assert refused({"content": "x", "kind": "y"}, say("user", "Hi")) == "messages[0].role"


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_m19_a_list_of_strings_is_accepted_from_everybody(role: str) -> None:
    assert "a b" in json.dumps([history(say("user", "Hi"), say(role, ["a b"])).turns])


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_m20_m21_unknown_parts_and_audio_are_refused_with_their_path(role: str) -> None:
    for kind in ("video_url", "input_audio"):
        assert refused(say("user", "Hi"), say(role, ["x", {"type": kind}])) == "messages[1].content[1]"


def test_m22_b9_a_refusal_is_text_as_a_part_and_as_a_field() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    result = history(
        say("user", "Hi"),
        say("assistant", parts, refusal=None),
        say("user", "Please"),
        say("assistant", None, refusal="No."),
        say("user", "Please"),
        say("assistant", "c", refusal={}, audio=None, annotations=[], provider_specific_fields={"x": 1}),
        say("user", "Ok"),
    )
    assert [texts for role, texts in outline(result) if role == "assistant"] == [["a", "b"], ["No."], ["c"]]


def test_m26_a_lone_surrogate_in_the_body_arrives_as_a_replacement_character() -> None:
    body = json_codec.decode(rb'{"messages":[{"role":"user","content":"cut \ud83d"}]}')
    assert outline(parse(body["messages"])) == [("user", ["cut \ufffd"])]


def test_m27_control_characters_are_passed_on_and_nul_is_replaced() -> None:
    body = json_codec.decode(rb'{"messages":[{"role":"user","content":"a\u0000\u0001\u001b"}]}')
    assert outline(parse(body["messages"])) == [("user", ["a\ufffd\x01\x1b"])]


def test_m31_text_stands_before_calls() -> None:
    message = {"tool_calls": [CALL], "role": "assistant", "content": "Let me look."}
    assert outline(history(say("user", "Hi"), message))[1] == ("assistant", ["Let me look.", "<tool_use>"])


def test_m32_unknown_fields_are_ignored_everywhere_and_never_passed_on() -> None:
    part = {"type": "text", "text": "Hi", "annotations": [], "think": 1}
    call = {**CALL, "index": 0, "think": 1, "function": {**CALL["function"], "think": 1}}  # type: ignore[dict-item]
    result = history(
        say("user", [part], think=1, options={}),
        say("assistant", None, tool_calls=[call], think=1),
        say("tool", "x", tool_call_id="a", name="look", think=1),
    )
    assert "think" not in json.dumps(result.turns)
    assert result.ignored == []


def test_the_callers_messages_are_left_alone_and_long_texts_are_not_copied() -> None:
    text = "x" * 100_000
    messages = [
        say("system", text, cache_control={"type": "ephemeral"}),
        say("user", [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]),
        say("assistant", text, tool_calls=[{**CALL, "cache_control": {"type": "ephemeral"}}]),
        say("system", "Note"),
        say("tool", ["x", {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}], tool_call_id="a"),
        say("assistant", "Prefill "),
    ]
    before = copy.deepcopy(messages)
    result = parse(messages, PREFILL)
    assert messages == before
    assert result.system[0]["text"] is text
    first: Any = result.turns[0]["content"][0]
    assert first["text"] is text


def test_ends_are_the_last_blocks_of_the_clients_messages_as_they_stand_in_the_turns() -> None:
    result = history(
        say("assistant", "Hello", tool_calls=[CALL]),
        say("user", ["a", "b"]),
        say("tool", "old", tool_call_id="a"),
        say("tool", "new", tool_call_id="a"),
        say("system", "s"),
        say("user", ""),
        say("assistant", "Hm"),
    )
    blocks = [block for turn in result.turns for block in turn["content"]]
    assert all(any(end is block for block in blocks) for end in result.ends)
    assert [end["text"] if end["type"] == "text" else end["type"] for end in result.ends] == [
        "tool_use",
        "tool_result",
        "b",
        "Hm",
    ]


def test_a_hundred_thousand_messages_of_two_shapes_are_read_once_each() -> None:
    """Looked through from the beginning for each run of plain ones, they would take half a minute."""
    mixed = [say("user", "plain"), say("user", [{"type": "text", "text": "in parts"}])] * 50_000
    began = time.process_time()
    assert len(history(*mixed).turns[0]["content"]) == 100_000
    assert time.process_time() - began < 5
