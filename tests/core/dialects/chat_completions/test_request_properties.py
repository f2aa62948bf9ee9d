"""Any request at all: what is translated, the strict simulated Claude accepts, for every model that there is."""

from __future__ import annotations

import copy
from typing import Any, cast

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from core import json_codec
from core.dialects.chat_completions.request import Defaults, ignored_header, parse_request
from core.errors import InvalidRequest, ModelNotFound, ProxyError
from tests.simulated_claude.models import MODELS
from tests.simulated_claude.validation import validate_messages_request

from .test_history_properties import JUNK, TOKEN, Script, scripts

KNOWN = st.sampled_from(["model", "messages", "tools", "stop", "thinking", "functions", "reasoning", "tool_choice"])
IDS = [model.alias or model.id for model in MODELS]
NAMES = st.sampled_from(["look", "fs/read", "fs.read", "go", "x" * 129])
SCHEMAS = st.sampled_from(
    [
        None,
        {},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}, "required": ["a"]},
        {"properties": {"a": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "nullable": True}}},
        {"anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "null"}}}]},
        {"type": "object", "definitions": {"n": {"type": "object"}}, "properties": {"n": {"$ref": "#/definitions/n"}}},
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"enum": [1, 2]}}},
            "additionalProperties": False,
        },
    ]
)


@st.composite
def tools(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "parameters": draw(SCHEMAS),
                "strict": draw(st.booleans()),
                "description": draw(st.sampled_from([None, "", "What it does"])),
            },
            "cache_control": draw(st.sampled_from([None, {"type": "ephemeral"}])),
        }
        for name in names
    ]


def fields() -> st.SearchStrategy[dict[str, Any]]:
    """Parameters as clients set them, each perhaps; also nulls, and what Claude has never heard of."""
    choices = ["auto", "none", "required", {"type": "function", "function": {"name": "look"}}, None]
    by_schema = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "minProperties": 1}},
    }
    return st.fixed_dictionaries(
        {},
        optional={
            "stream": st.sampled_from([True, False, None]),
            "temperature": st.sampled_from([0, 0.5, 1, 1.7, None]),
            "top_p": st.sampled_from([0, 0.5, 0.99, 1, None]),
            "top_k": st.sampled_from([0, 5, None]),
            "max_tokens": st.sampled_from([1, 1000, 1025, 2048, 30_000, 10_000_000, -1, None]),
            "max_completion_tokens": st.sampled_from([1, 5000, None]),
            "stop": st.sampled_from(["END", "", ["\n", "a"], [], None]),
            "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max", None]),
            "thinking": st.sampled_from(
                [
                    {"type": "enabled", "budget_tokens": 5000},
                    {"type": "adaptive"},
                    {"type": "disabled"},
                    {"type": "between_tools"},
                    None,
                ]
            ),
            "tools": tools(),
            "tool_choice": st.sampled_from(choices),
            "parallel_tool_calls": st.booleans(),
            "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}, by_schema, None]),
            "n": st.just(1),
            "seed": st.integers(),
            "user": st.text(),
            "metadata": st.just({"a": "b"}),
            "logit_bias": st.just({}),
        },
    )


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts(), model=st.sampled_from(IDS), options=fields(), cache=st.booleans())
def test_whatever_is_translated_is_accepted(script: Script, model: str, options: dict[str, Any], cache: bool) -> None:
    request = {"model": model, "messages": script.messages, **options}
    before = copy.deepcopy(request)
    try:
        chat = parse_request(request, Defaults(prompt_cache=cache))
    except InvalidRequest as error:
        event("refused")
        check_refusal(error, "messages", "tool")
        return
    assert request == before
    # Over the wire and back, as the upstream sees it.
    body = cast("dict[str, Any]", json_codec.decode(json_codec.encode(chat.body)))
    assert validate_messages_request(body) is None
    assert chat.model == model
    if options.get("max_completion_tokens"):
        assert body["max_tokens"] <= options["max_completion_tokens"]
    said = set(TOKEN.findall(json_codec.encode_text(body)))
    assert set(script.said) - script.replaceable <= said
    assert "seed" not in options or "seed" in chat.ignored


def check_refusal(error: ProxyError, *params: str) -> None:
    assert 400 <= error.status < 500
    assert error.param
    assert error.param.startswith(params)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=st.dictionaries(KNOWN | st.text(), JUNK))
def test_junk_is_translated_or_refused_but_never_breaks_anything(request: dict[str, Any]) -> None:
    request.setdefault("model", "claude-sonnet-4-6")
    request.setdefault("messages", [{"role": "user", "content": "Hi"}])
    try:
        chat = parse_request(request, Defaults())
    except (InvalidRequest, ModelNotFound) as error:
        check_refusal(error, "")
        return
    header = ignored_header(chat.ignored)
    assert header.isascii()
    assert header.isprintable()
