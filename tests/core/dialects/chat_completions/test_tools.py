"""Tools and the choice among them: rows T1 to T18, and K18."""

from __future__ import annotations

from typing import Any

import pytest

from .asking import ADAPTIVE, ALWAYS_THINKS, ask, body, function, ignored, refused

EMPTY = {"type": "object", "properties": {}}
NAMED = {"type": "function", "function": {"name": "look"}}


def tools(*declared: Any, **fields: Any) -> list[dict[str, Any]]:
    return body(tools=list(declared), **fields)["tools"]


def choice(wanted: Any, model: str = ADAPTIVE, **fields: Any) -> Any:
    return body(model, tools=[function(), function("find")], tool_choice=wanted, **fields).get("tool_choice")


def test_t1_none_keeps_the_tools() -> None:
    translated = body(tools=[function()], tool_choice="none")
    assert translated["tool_choice"] == {"type": "none"}
    assert len(translated["tools"]) == 1


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("auto", None),
        (None, None),
        ({"type": "auto"}, None),
        ("required", {"type": "any"}),
        ("any", {"type": "any"}),
        (NAMED, {"type": "tool", "name": "look"}),
        ({"type": "function", "name": "look"}, {"type": "tool", "name": "look"}),
    ],
)
def test_t2_the_choice(wanted: Any, sent: Any) -> None:
    assert choice(wanted) == sent


def test_t3_a_choice_without_tools() -> None:
    assert "tool_choice" not in body(tool_choice="auto")
    assert "tool_choice" not in body(tool_choice="none")
    assert refused(tool_choice="required").param == "tool_choice"
    assert refused(tool_choice=NAMED).param == "tool_choice"


@pytest.mark.parametrize("model", [ADAPTIVE, ALWAYS_THINKS])
def test_t3_an_undeclared_tool_is_refused_even_where_none_can_be_forced(model: str) -> None:
    wanted = {"type": "function", "function": {"name": "other"}}
    assert refused(model, tools=[function()], tool_choice=wanted).param == "tool_choice"


@pytest.mark.parametrize("wanted", ["maybe", 5, {"type": "function"}, {"type": "other"}, []])
def test_a_choice_that_means_nothing_is_refused(wanted: Any) -> None:
    assert refused(tools=[function()], tool_choice=wanted).param == "tool_choice"


def test_t4_where_no_tool_can_be_forced_it_is_asked_for_in_words() -> None:
    translated = ask(ALWAYS_THINKS, tools=[function()], tool_choice=NAMED)
    assert "tool_choice" not in translated.body
    assert translated.body.get("system") == [{"type": "text", "text": "You must call the tool look."}]
    assert translated.ignored == ["tool_choice"]
    anyone = body(ALWAYS_THINKS, tools=[function()], tool_choice="required")
    assert anyone["system"][0]["text"] == "You must call one of the tools."


def test_t5_allowed_tools_are_the_only_ones_left() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "find"}}]}
    translated = body(
        ADAPTIVE,
        tools=[function(), function("find")],
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
    )
    assert [tool["name"] for tool in translated["tools"]] == ["find"]
    assert translated["tool_choice"] == {"type": "any"}
    flat = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]}
    assert [tool["name"] for tool in body(tools=[function(), function("find")], tool_choice=flat)["tools"]] == ["look"]


@pytest.mark.parametrize("allowed", [{"tools": []}, {"mode": "x", "tools": [NAMED]}, {"tools": [{"name": "other"}]}])
def test_t5_allowed_tools_that_are_none_are_refused(allowed: Any) -> None:
    wanted = {"type": "allowed_tools", "allowed_tools": allowed}
    assert refused(tools=[function()], tool_choice=wanted).param == "tool_choice"


def test_t6_one_call_at_a_time() -> None:
    assert choice(None, parallel_tool_calls=False) == {"type": "auto", "disable_parallel_tool_use": True}
    assert choice("required", parallel_tool_calls=False) == {"type": "any", "disable_parallel_tool_use": True}
    assert choice("none", parallel_tool_calls=False) == {"type": "none"}
    assert choice(None, parallel_tool_calls=True) is None
    assert refused(tools=[function()], parallel_tool_calls="no").param == "parallel_tool_calls"


@pytest.mark.parametrize(
    "declared",
    [
        {"name": "look"},
        {"name": "look", "parameters": {}},
        {"name": "look", "parameters": {"properties": {}}},
        pytest.param({"name": "look", "description": None, "parameters": None}, id="T8"),
    ],
)
def test_t7_t8_a_function_without_parameters_takes_an_empty_object(declared: Any) -> None:
    assert tools({"type": "function", "function": declared}) == [{"name": "look", "input_schema": EMPTY}]


def test_t9_combinators_at_the_root_are_merged() -> None:
    schema = {
        "anyOf": [
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]},
            {"type": "object", "properties": {"a": {"type": "integer"}, "c": {}}, "required": ["a", "c"]},
        ]
    }
    assert tools(function(parameters=schema))[0]["input_schema"] == {
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "b": {"type": "string"}, "c": {}},
        "required": ["a"],
    }


def test_t10_strict_goes_on_where_the_schema_can_be_enforced() -> None:
    closed = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert tools(function(parameters=closed, strict=True))[0]["strict"] is True
    translated = ask(tools=[function(strict=True)])
    assert "strict" not in translated.body.get("tools", [{}])[0]
    assert translated.ignored == ["tools[0].function.strict"]
    assert ignored(tools=[function(strict=False)]) == []


def test_t11_names_that_claude_refuses_are_rewritten_and_kept_apart() -> None:
    translated = ask(tools=[function("fs/read.file"), function("fs_read_file"), function("x" * 129)])
    names = [tool["name"] for tool in translated.body.get("tools", [])]
    assert names[0] == "fs_read_file"
    assert names[1].startswith("fs_read_file_")
    assert len(names[2]) == 128
    assert [translated.tool_names.client(name) for name in names] == ["fs/read.file", "fs_read_file", "x" * 129]


def test_t11_the_choice_and_the_history_use_the_same_name() -> None:
    call = {"id": "a", "function": {"name": "fs/read", "arguments": "{}"}}
    translated = body(
        ADAPTIVE,
        tools=[function("fs/read")],
        tool_choice={"type": "function", "function": {"name": "fs/read"}},
        messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}],
    )
    assert translated["tool_choice"]["name"] == "fs_read"
    assert translated["messages"][1]["content"][0]["name"] == "fs_read"


def test_t12_duplicates() -> None:
    assert len(tools(function(), function())) == 1
    error = refused(tools=[function(), function(description="another")])
    assert (error.status, error.param) == (400, "tools[1].function.name")


def test_t13_custom_tools() -> None:
    custom = {"type": "custom", "custom": {"name": "sql", "description": "Runs it", "format": {"type": "text"}}}
    assert tools(custom) == [
        {
            "name": "sql",
            "description": "Runs it",
            "input_schema": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
        }
    ]
    grammar = {"type": "custom", "custom": {"name": "sql", "format": {"type": "grammar", "grammar": {}}}}
    assert refused(tools=[grammar]).param == "tools[0].type"


def test_t14_legacy_functions_become_tools() -> None:
    legacy = {"name": "look", "parameters": EMPTY}
    translated = ask(ADAPTIVE, functions=[legacy], function_call={"name": "look"})
    assert translated.legacy_functions
    assert translated.body.get("tools") == [{"name": "look", "input_schema": EMPTY}]
    expected = {"type": "tool", "name": "look", "disable_parallel_tool_use": True}
    assert translated.body.get("tool_choice") == expected
    assert ask(functions=[legacy], function_call="none").body.get("tool_choice") == {"type": "none"}
    assert ask(functions=[legacy], tools=[function()]).ignored == ["functions"]


def test_t15_older_drafts_become_the_one_that_claude_reads() -> None:
    schema = {
        "type": "object",
        "definitions": {"node": {"properties": {"next": {"$ref": "#/definitions/node"}}}},
        "properties": {
            "root": {"$ref": "#/definitions/node"},
            "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            "name": {"type": "string", "nullable": True},
            "pair": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
        },
    }
    assert tools(function(parameters=schema))[0]["input_schema"] == {
        "type": "object",
        "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}},
        "properties": {
            "root": {"$ref": "#/$defs/node"},
            "age": {"type": "integer", "minimum": 0},
            "name": {"type": ["string", "null"]},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        },
    }


def test_t16_names_up_to_128_characters_are_forwarded() -> None:
    assert tools(function("x" * 128))[0]["name"] == "x" * 128


def test_t17_the_order_stays() -> None:
    names = ["zebra", "ant", "mouse"]
    assert [tool["name"] for tool in tools(*map(function, names))] == names
    schema = {"type": "object", "properties": {"z": {}, "a": {}}, "required": ["z"]}
    assert list(tools(function(parameters=schema))[0]["input_schema"]["properties"]) == ["z", "a"]


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview", "file_search", "mcp"])
def test_t18_hosted_tools_are_refused(kind: str) -> None:
    error = refused(tools=[function(), {"type": kind}])
    assert (error.status, error.param) == (400, "tools[1].type")


@pytest.mark.parametrize(
    ("declared", "param"),
    [
        ("look", "tools"),
        (["look"], "tools[0]"),
        ([{}], "tools[0].type"),
        ([{"type": "function", "function": "look"}], "tools[0].function"),
        ([{"type": "function", "function": {}}], "tools[0].function.name"),
        ([function(parameters=[])], "tools[0].function.parameters"),
        ([function(description=5)], "tools[0].function.description"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_by_its_path(declared: Any, param: str) -> None:
    assert refused(tools=declared).param == param


def test_k18_tools_of_the_history_are_declared_but_not_called() -> None:
    call = {"id": "a", "function": {"name": "look", "arguments": "{}"}}
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}]
    for fields in ({}, {"tools": []}):
        translated = body(messages=messages, **fields)
        assert translated["tools"] == [{"name": "look", "input_schema": EMPTY}]
        assert translated["tool_choice"] == {"type": "none"}


def test_tools_in_the_shapes_of_other_apis_are_understood() -> None:
    """Some clients send Anthropic's shape, or that of the Responses API, to this endpoint."""
    schema = {"type": "object", "properties": {"a": {}}}
    expected = [{"name": "look", "input_schema": schema}]
    assert tools({"name": "look", "input_schema": schema}) == expected
    assert tools({"type": "function", "name": "look", "parameters": schema}) == expected


def test_a_mark_on_a_tool_stays() -> None:
    mark = {"type": "ephemeral"}
    assert tools({**function(), "cache_control": mark})[0]["cache_control"] == mark
    assert tools(function(cache_control=mark))[0]["cache_control"] == mark
