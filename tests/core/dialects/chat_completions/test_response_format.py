"""Structured output: rows P26 to P28."""

from __future__ import annotations

from typing import Any

import pytest

from .asking import BUDGET, ask, body, refused

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}


def test_p26_text_is_what_comes_anyway() -> None:
    assert ask(response_format={"type": "text"}).body == ask().body
    assert ask(response_format={"type": "text"}).ignored == []


def test_p27_a_json_object_is_asked_for_in_one_line_at_the_end_of_the_system() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    system = body(response_format={"type": "json_object"}, messages=messages)["system"]
    assert [block["text"] for block in system] == [
        "Be brief.",
        "Respond with a single JSON object only, no code fence.",
    ]


def test_p28_a_schema_is_enforced_as_far_as_claude_can() -> None:
    translated = ask(response_format=FORMAT)
    assert translated.body.get("output_config") == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"age": {"type": "integer", "description": "(minimum: 0)"}},
                "additionalProperties": False,
            },
        }
    }
    assert translated.ignored == []


def test_p28_an_effort_stands_beside_it() -> None:
    assert set(body(response_format=FORMAT, reasoning_effort="low")["output_config"]) == {"effort", "format"}


def test_p28_with_a_begun_answer_the_schema_is_asked_for_in_words() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "{"}]
    translated = ask(BUDGET, response_format=FORMAT, messages=messages)
    assert "output_config" not in translated.body
    assert '"minimum":0' in translated.body.get("system", [])[-1]["text"]
    assert translated.ignored == ["response_format.json_schema"]


def test_a_schema_format_without_a_schema_asks_for_an_object() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "anything"}}
    assert "JSON object" in body(response_format=wanted)["system"][0]["text"]


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ("json_object", "response_format"),
        ({}, "response_format.type"),
        ({"type": "grammar"}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"schema": []}}, "response_format.json_schema.schema"),
    ],
)
def test_an_unknown_format_is_refused(wanted: Any, param: str) -> None:
    assert refused(response_format=wanted).param == param
