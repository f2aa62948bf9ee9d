"""Tool calls and results in the history: rows K1 to K26."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from core.dialects.chat_completions.history import History, parse_history
from core.dialects.chat_completions.names import ToolNames
from core.errors import InvalidRequest
from core.models import rules_for

PNG = "iVBORw0KGgoAAAAA"
NO_RESULT = "No result was provided (interrupted)"
USER = {"role": "user", "content": "Hi"}


def history(*messages: Any) -> History:
    return parse_history(
        list(messages), rules=rules_for("claude-opus-5-5"), names=ToolNames(), recall=lambda _tool_id: None
    )


def call(tool_id: object, name: str = "look", arguments: object = "{}", **fields: Any) -> dict[str, Any]:
    return {"id": tool_id, "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def calls(*items: Any, content: object = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(items)}


def answer(tool_id: object, content: object) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": tool_id, "content": content}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def outline(result: History) -> list[list[str]]:
    """Each turn after the first: `id?` for a call, `id=content` for a result, the text of a text."""
    return [[_outline(block) for block in turn["content"]] for turn in result.turns[1:]]


def _outline(block: Any) -> str:
    match block["type"]:
        case "tool_use":
            return f"{block['id']}?"
        case "tool_result":
            return f"{block['tool_use_id']}={block.get('content', '')}"
        case _:
            return block.get("text", f"<{block['type']}>")


def arguments_of(arguments: object) -> Any:
    result: Any = history(USER, calls(call("a", arguments=arguments)), answer("a", "1"))
    return result.turns[1]["content"][0]["input"]


def content_of(content: object) -> Any:
    result: Any = history(USER, calls(call("a")), answer("a", content))
    return result.turns[2]["content"][0].get("content")


def refused(*messages: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        history(*messages)
    return caught.value.param


@pytest.mark.parametrize("arguments", ["", " ", None])
def test_k1_empty_arguments_are_an_empty_object(arguments: object) -> None:
    assert arguments_of(arguments) == {}


@pytest.mark.parametrize("arguments", ['{"c": "Par', "{'a': 1}", "NaN", "[" * 100_000, '{"a":1}}'])
def test_k2_invalid_json_is_kept_as_it_is_inside_an_object(arguments: str) -> None:
    assert arguments_of(arguments) == {"_raw_arguments": arguments}


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("null", {}),
        ("[1]", {"value": [1]}),
        ('"x"', {"value": "x"}),
        ("3", {"value": 3}),
        ([1], {"value": [1]}),
        (3, {"value": 3}),
        (False, {"value": False}),
    ],
)
def test_k3_arguments_that_are_no_object_become_one(arguments: object, value: object) -> None:
    assert arguments_of(arguments) == value


def test_k4_arguments_may_be_an_object_already() -> None:
    assert arguments_of({"a": 1}) == {"a": 1}
    assert arguments_of('{"a": 1}') == {"a": 1}


def test_k5_results_of_parallel_calls_share_one_user_turn() -> None:
    result = history(USER, calls(call("a"), call("b")), answer("a", "1"), answer("b", "2"))
    assert outline(result) == [["a?", "b?"], ["a=1", "b=2"]]


def test_k6_results_keep_their_own_order() -> None:
    result = history(USER, calls(call("a"), call("b")), answer("b", "2"), answer("a", "1"))
    assert outline(result)[1] == ["b=2", "a=1"]


def test_k7_user_text_behind_results_joins_their_turn() -> None:
    assert outline(history(USER, calls(call("a")), answer("a", "1"), user("Go on")))[1] == ["a=1", "Go on"]


def test_k8_text_before_or_between_results_moves_behind_them() -> None:
    result = history(
        USER,
        calls(call("a"), call("b")),
        user("x"),
        answer("a", "1"),
        {"role": "system", "content": "note"},
        user("y"),
        answer("b", "2"),
    )
    assert outline(result) == [["a?", "b?"], ["a=1", "b=2", "x", "y"], ["note"]]


def test_k9_a_missing_result_is_replaced_by_a_notice_before_a_user_turn() -> None:
    result: Any = history(USER, calls(call("a"), call("b")), answer("b", "2"), user("Stop"))
    assert outline(result)[1] == ["b=2", f"a={NO_RESULT}", "Stop"]
    assert result.turns[2]["content"][1]["is_error"] is True


def test_k9_a_missing_result_is_replaced_by_a_notice_before_an_assistant_turn() -> None:
    result = history(USER, calls(call("a")), {"role": "assistant", "content": "Well."}, user("Go"))
    assert outline(result) == [["a?"], [f"a={NO_RESULT}"], ["Well."], ["Go"]]


def test_k9_a_call_without_result_before_another_call_gets_a_notice() -> None:
    result = history(USER, calls(call("a")), calls(call("b")), answer("b", "2"))
    assert outline(result) == [["a?"], [f"a={NO_RESULT}"], ["b?"], ["b=2"]]


def test_k5_m16_parallel_calls_in_messages_of_their_own_share_one_turn() -> None:
    result = history(
        USER,
        calls(call("a"), content="First"),
        calls(call("b"), content="Second"),
        calls(call("c")),
        answer("c", "3"),
        answer("a", "1"),
        user("Go"),
    )
    assert outline(result) == [
        ["First", "a?", "Second", "b?", "c?"],
        ["c=3", "a=1", f"b={NO_RESULT}", "Go"],
    ]


def test_k10_calls_at_the_end_get_notices() -> None:
    result = history(USER, calls(call("a"), call("b")))
    assert outline(result) == [["a?", "b?"], [f"a={NO_RESULT}", f"b={NO_RESULT}"]]
    assert result.ignored == []


def test_k11_an_orphan_result_becomes_text_in_its_place() -> None:
    image = {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}
    result = history(USER, answer("x", "lost"), answer("y", [image]), answer("z", ""), user("Go"))
    blocks: Any = result.turns[0]["content"]
    assert [_outline(block) for block in blocks] == [
        "Hi",
        "[tool result without matching call] lost",
        "[tool result without matching call]",
        "<image>",
        "[tool result without matching call]",
        "Go",
    ]


def test_k11_a_result_that_comes_after_the_next_assistant_turn_is_an_orphan() -> None:
    result = history(USER, calls(call("a")), user("Stop"), {"role": "assistant", "content": "Ok"}, answer("a", "1"))
    assert outline(result) == [
        ["a?"],
        [f"a={NO_RESULT}", "Stop"],
        ["Ok"],
        ["[tool result without matching call] 1"],
    ]


def test_k12_the_last_of_two_results_for_one_call_wins() -> None:
    result = history(USER, calls(call("a"), call("b")), answer("a", "1"), answer("b", "2"), answer("a", "3"))
    assert outline(result)[1] == ["a=3", "b=2"]


def test_k13_an_id_used_again_is_renamed_and_its_result_stays_with_the_nearest_call() -> None:
    result = history(
        USER,
        calls(call("call_0")),
        answer("call_0", "one"),
        calls(call("call_0")),
        answer("call_0", "two"),
        user("Go"),
        calls(call("call_0-2"), call("call_0")),
        answer("call_0", "three"),
    )
    assert outline(result) == [
        ["call_0?"],
        ["call_0=one"],
        ["call_0-2?"],
        ["call_0-2=two", "Go"],
        ["call_0-2-2?", "call_0-3?"],
        ["call_0-3=three", f"call_0-2-2={NO_RESULT}"],
    ]


def test_k13_parallel_calls_with_one_id_get_their_results_in_order() -> None:
    result = history(USER, calls(call("x"), call("x")), answer("x", "1"), answer("x", "2"))
    assert outline(result) == [["x?", "x-2?"], ["x=1", "x-2=2"]]


def test_k13_a_second_result_goes_to_the_call_before_that_has_none() -> None:
    result = history(USER, calls(call("x")), calls(call("x")), answer("x", "2"), answer("x", "1"))
    assert outline(result) == [["x?", "x-2?"], ["x-2=2", "x=1"]]


def test_k14_an_empty_result_has_no_content_and_blank_parts_are_dropped() -> None:
    for empty in ("", [], " \n", [{"type": "text", "text": " "}]):
        assert content_of(empty) is None
    assert content_of([{"type": "text", "text": ""}, {"type": "text", "text": "x"}]) == "x"


def test_k15_a_null_or_missing_result_has_no_content() -> None:
    assert content_of(None) is None
    assert outline(history(USER, calls(call("a")), {"role": "tool", "tool_call_id": "a"}))[1] == ["a="]


def test_k16_an_image_stays_inside_its_result() -> None:
    content = content_of(["See", {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}])
    assert content == [
        {"type": "text", "text": "See"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ]


@pytest.mark.parametrize("content", [{"a": "ü", "b": [1]}, 42, True, [1, 2], [{"path": "x"}], {"type": "text"}])
def test_k17_a_result_that_is_raw_json_becomes_its_text(content: object) -> None:
    assert json.loads(content_of(content)) == content


def test_k17_the_json_is_compact() -> None:
    assert content_of({"a": [1, "ü"]}) == '{"a":[1,"ü"]}'


def test_k18_tools_called_in_the_history_are_named_as_claude_sees_them_first_use_first() -> None:
    result = history(USER, calls(call("a", "fs/read"), call("b", "look")), calls(call("c", "fs/read")))
    assert result.used_tools == ["fs_read", "look"]


def test_k19_ids_are_cleaned_the_same_way_on_both_sides_and_never_collide() -> None:
    result = history(
        USER, calls(call("call|1:x.y"), call("call_1:x.y")), answer("call_1:x.y", "2"), answer("call|1:x.y", "1")
    )
    assert outline(result) == [["call_1_x_y?", "call_1_x_y-2?"], ["call_1_x_y-2=2", "call_1_x_y=1"]]


def test_k20_empty_text_beside_calls_is_dropped() -> None:
    for empty in ("", " ", [], [{"type": "text", "text": ""}]):
        assert outline(history(USER, calls(call("a"), content=empty), answer("a", "1")))[0] == ["a?"]


@pytest.mark.parametrize("none", [[], None])
def test_k21_an_empty_list_of_calls_is_none(none: object) -> None:
    result = history(USER, {"role": "assistant", "content": "Ok", "tool_calls": none}, user("Go"))
    assert outline(result) == [["Ok"], ["Go"]]


def test_k22_legacy_function_messages_pair_by_name() -> None:
    def legacy(name: str) -> dict[str, Any]:
        return {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": '{"x":1}'}}

    def returned(name: str, content: str) -> dict[str, Any]:
        return {"role": "function", "name": name, "content": content}

    result: Any = history(
        USER, legacy("look"), returned("look", "1"), legacy("go"), returned("no", "?"), returned("go", "2")
    )
    assert outline(result) == [
        ["call?"],
        ["call=1"],
        ["call-2?"],
        ["call-2=2", "[tool result without matching call] ?"],
    ]
    assert result.turns[1]["content"][0]["input"] == {"x": 1}


@pytest.mark.parametrize("missing", [None, ""])
def test_k23_a_result_without_id_belongs_to_the_only_open_call(missing: object) -> None:
    result = history(USER, calls(call("a"), call("b")), answer("a", "1"), answer(missing, "2"))
    assert outline(result)[1] == ["a=1", "b=2"]
    unknown = history(USER, calls(call("a"), call("b")), answer(missing, "?"))
    assert outline(unknown)[1][-1] == "[tool result without matching call] ?"


def test_k23_a_call_without_id_gets_one() -> None:
    assert outline(history(USER, calls(call(None)), answer(None, "1"))) == [["call?"], ["call=1"]]


def test_k24_a_call_without_type_is_a_function() -> None:
    item = call("a")
    del item["type"]
    assert outline(history(USER, calls(item), answer("a", "1"))) == [["a?"], ["a=1"]]


def test_k24_a_custom_call_has_its_text_as_input() -> None:
    item = {"id": "a", "type": "custom", "custom": {"name": "patch", "input": "***"}}
    result: Any = history(USER, calls(item), answer("a", "1"))
    assert result.turns[1]["content"][0]["input"] == {"input": "***"}


def test_k25_a_result_that_reads_like_an_error_is_not_declared_one() -> None:
    result: Any = history(USER, calls(call("a")), answer("a", "Error: no such file"))
    assert "is_error" not in result.turns[2]["content"][0]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (calls(1), "messages[1].tool_calls[0]"),
        (calls(call("a"), None), "messages[1].tool_calls[1]"),
        ({"role": "assistant", "tool_calls": {}}, "messages[1].tool_calls"),
        ({"role": "assistant", "tool_calls": "x"}, "messages[1].tool_calls"),
        (calls({"id": "a"}), "messages[1].tool_calls[0].function.name"),
        (calls({"id": "a", "function": "x"}), "messages[1].tool_calls[0].function.name"),
        (calls({"id": "a", "function": {"name": 1}}), "messages[1].tool_calls[0].function.name"),
        (calls({"id": "a", "type": "web"}), "messages[1].tool_calls[0].type"),
        (calls({"id": "a", "type": []}), "messages[1].tool_calls[0].type"),
        (calls({"id": "a", "type": "custom"}), "messages[1].tool_calls[0].custom.name"),
        (calls(call({})), "messages[1].tool_calls[0].id"),
        ({"role": "assistant", "function_call": 1}, "messages[1].function_call.name"),
        (answer([], "x"), "messages[1].tool_call_id"),
    ],
)
def test_k24_junk_in_calls_and_results_is_refused_with_its_path(message: object, param: str) -> None:
    assert refused(USER, message) == param


def test_k19_number_ids_pair_as_their_text() -> None:
    assert outline(history(USER, calls(call(7)), answer("7", "1"))) == [["7?"], ["7=1"]]


def test_k13_thousands_of_re_used_ids_do_not_slow_down() -> None:
    messages: list[Any] = [USER]
    for _ in range(5_000):
        messages += [calls(call("call_0")), answer("call_0", "x")]
    started = time.perf_counter()
    result = history(*messages)
    assert time.perf_counter() - started < 2
    assert len({block["id"] for t in result.turns for block in t["content"] if block["type"] == "tool_use"}) == 5_000


def test_k17_a_raw_result_whose_items_have_a_type_is_no_list_of_parts() -> None:
    """A listing of files, or a part of another protocol: it comes back with every request from now on."""
    listing = [{"type": "file", "name": "a.txt"}, {"type": "dir", "name": "b"}]
    result: Any = history(USER, calls(call("a")), answer("a", listing))
    assert result.turns[2]["content"][0]["content"] == json.dumps(listing, separators=(",", ":"))


def test_thousands_of_calls_and_orphans_are_sorted_out_in_one_pass() -> None:
    """Each looked for among all others would hold up every open stream for half a minute."""
    orphans = [{"role": "tool", "tool_call_id": f"x{n}", "content": "lost"} for n in range(4000)]
    began = time.process_time()
    history(USER, *(calls(call(f"c{n}")) for n in range(4000)), *orphans)
    together = calls(*(call(f"c{n}") for n in range(4000)))
    history(USER, together, *(answer(f"c{n}", "found") for n in reversed(range(4000))))
    assert time.process_time() - began < 5
