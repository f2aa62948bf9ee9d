"""JSON Schemas on their way to Claude: what P28, T9 and T15 ask for, over and over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dialects.chat_completions.schemas import output_schema, tool_schema
from core.errors import InvalidRequest

KEYWORDS = [
    *("type", "properties", "items", "anyOf", "allOf", "oneOf", "required", "$ref", "enum", "definitions", "a"),
    *("nullable", "minimum", "exclusiveMinimum", "additionalProperties", "description", "format"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["object", "string", "#/definitions/a", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(st.text(max_size=3) | st.sampled_from(["anyOf", "properties", "type"]), JSON, max_size=5))
def test_any_object_becomes_a_schema_and_nothing_breaks(schema: dict[str, Any]) -> None:
    root = tool_schema(schema, "p")
    assert root["type"] == "object"
    assert not {"anyOf", "oneOf", "allOf"} & set(root)
    output_schema(schema, "p")


def test_p28_every_object_is_closed_and_constraints_move_into_the_description() -> None:
    schema = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"type": "object"}, "maxItems": 3, "minItems": 1},
            "name": {"type": "string", "pattern": "^a", "description": "Who"},
            "when": {"type": "string", "format": "date"},
            "odd": {"type": "string", "format": "byte"},
            "open": {"type": "object", "additionalProperties": {"type": "string"}},
            "either": {"oneOf": [{"type": "string"}, {"$ref": "#/definitions/x"}]},
        },
        "definitions": {"x": {"properties": {}}},
    }
    assert output_schema(schema, "p") == {
        "type": "object",
        "properties": {
            "list": {
                "type": "array",
                "items": {"type": "object", "properties": {}, "additionalProperties": False},
                "minItems": 1,
                "description": "(maxItems: 3)",
            },
            "name": {"type": "string", "description": 'Who (pattern: "^a")'},
            "when": {"type": "string", "format": "date"},
            "odd": {"type": "string", "description": '(format: "byte")'},
            "open": {
                "type": "object",
                "properties": {},
                "additionalProperties": False,
                "description": '(additionalProperties: {"type":"string"})',
            },
            "either": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/x"}]},
        },
        "$defs": {"x": {"properties": {}, "additionalProperties": False}},
        "additionalProperties": False,
    }


def test_t9_branches_are_found_behind_their_references() -> None:
    schema = {"$defs": {"a": {"properties": {"x": {}}, "required": ["x"]}}, "allOf": [{"$ref": "#/$defs/a"}]}
    merged = tool_schema(schema, "p")
    assert merged["properties"] == {"x": {}}
    assert merged["required"] == ["x"]


def test_the_clients_own_schema_is_left_alone() -> None:
    schema = {"type": "object", "properties": {"a": {"nullable": True, "type": "string"}}}
    tool_schema(schema, "p")
    output_schema(schema, "p")
    assert schema == {"type": "object", "properties": {"a": {"nullable": True, "type": "string"}}}


def test_a_schema_without_an_end_is_refused_and_not_followed() -> None:
    schema: dict[str, Any] = {}
    for _ in range(300):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest) as caught:
        tool_schema(schema, "tools[0].function.parameters")
    assert caught.value.param == "tools[0].function.parameters"


def test_t9_combinators_inside_combinators_lose_nothing() -> None:
    inner = {"oneOf": [{"properties": {"q": {"type": "string"}}, "required": ["q"]}]}
    assert tool_schema({"allOf": [inner]}, "p") == {
        "type": "object",
        "properties": {"q": {"type": "string"}},
        "required": ["q"],
    }
    behind = {"$defs": {"A": {"allOf": [inner]}}, "anyOf": [{"$ref": "#/$defs/A"}]}
    assert tool_schema(behind, "p")["properties"] == {"q": {"type": "string"}}


def test_t15_a_reference_at_the_root_is_followed() -> None:
    """As zod writes every schema that has a name."""
    schema = {"$ref": "#/definitions/B", "definitions": {"B": {"type": "object", "properties": {"q": {}}}}}
    assert tool_schema(schema, "p")["properties"] == {"q": {}}
    assert "$ref" not in tool_schema(schema, "p")
    endless = {"$ref": "#/$defs/B", "$defs": {"B": {"$ref": "#/$defs/B"}}}
    assert tool_schema(endless, "p")["type"] == "object"


def test_t15_definitions_further_in_are_found_under_their_new_name() -> None:
    nested = {"definitions": {"Q": {}}, "properties": {"q": {"$ref": "#/properties/n/definitions/Q"}}}
    schema = tool_schema({"properties": {"n": nested}}, "p")
    assert schema["properties"]["n"]["properties"]["q"]["$ref"] == "#/properties/n/$defs/Q"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"anyOf": [{"type": "string"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"$ref": "#/$defs/x", "nullable": True}, {"anyOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]}),
        ({"type": ["string", "null"], "nullable": True}, {"type": ["string", "null"]}),
        ({"enum": ["a"], "type": "string", "nullable": True}, {"enum": ["a", None], "type": ["string", "null"]}),
        ({"nullable": False, "type": "string"}, {"type": "string"}),
    ],
)
def test_t15_nullable_means_null_wherever_it_stands(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert tool_schema({"properties": {"a": schema}}, "p")["properties"]["a"] == expected


def test_nothing_written_as_null_is_nothing() -> None:
    assert tool_schema({"properties": None, "required": None, "$defs": []}, "p") == {"type": "object", "properties": {}}
