"""How much to think: rows P29 to P38, and M15."""

from __future__ import annotations

from typing import Any

import pytest

from core.dialects.chat_completions.request import Defaults

from .asking import (
    ADAPTIVE,
    ALWAYS_THINKS,
    BETWEEN_TOOLS,
    BUDGET,
    EFFORT_AND_BUDGET,
    FREE,
    ask,
    body,
    function,
    ignored,
    refused,
)

SUMMARIZED = {"type": "adaptive", "display": "summarized"}
CALL = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "look", "arguments": "{}"}}]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "found"}
LOOP: list[Any] = [{"role": "user", "content": "Hi"}, CALL, RESULT]


@pytest.mark.parametrize(("effort", "budget"), [("low", 1024), ("medium", 8192), ("high", 24576), ("max", 24576)])
def test_p29_budget_models_get_a_budget(effort: str, budget: int) -> None:
    translated = body(BUDGET, reasoning_effort=effort)
    assert translated["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert translated["max_tokens"] > budget
    assert "output_config" not in translated


def test_p29_a_default_limit_below_the_budget_is_raised() -> None:
    translated = body(BUDGET, defaults=Defaults(max_output_tokens=8000), reasoning_effort="high")
    assert translated["thinking"]["budget_tokens"] == 24576
    assert translated["max_tokens"] == 24576 + 8000


def test_p29_opus_4_5_takes_an_effort_beside_its_budget() -> None:
    translated = body(EFFORT_AND_BUDGET, reasoning_effort="xhigh")
    assert translated["thinking"] == {"type": "enabled", "budget_tokens": 24576}
    assert translated["output_config"] == {"effort": "high"}


def test_p30_minimal_is_low_or_none_at_all() -> None:
    assert body(ADAPTIVE, reasoning_effort="minimal")["output_config"] == {"effort": "low"}
    assert body(BUDGET, reasoning_effort="minimal")["thinking"] == {"type": "disabled"}


def test_p30_none_turns_thinking_off_in_the_models_own_way() -> None:
    assert body(ADAPTIVE, reasoning_effort="none")["thinking"] == {"type": "disabled"}
    assert body(BUDGET, reasoning_effort="none")["thinking"] == {"type": "disabled"}
    assert body(BETWEEN_TOOLS, reasoning_effort="none")["thinking"] == {"type": "between_tools"}


def test_p31_a_model_that_always_thinks_thinks_as_little_as_it_can() -> None:
    translated = ask(ALWAYS_THINKS, reasoning_effort="none")
    assert "thinking" not in translated.body
    assert translated.body.get("output_config") == {"effort": "low"}
    assert translated.ignored == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        (FREE, "xhigh", "max"),
        (FREE, "max", "max"),
        ("claude-opus-4-7", "xhigh", "xhigh"),
        (ALWAYS_THINKS, "max", "max"),
        (EFFORT_AND_BUDGET, "max", "high"),
    ],
)
def test_p32_the_nearest_level_that_the_model_has(model: str, wanted: str, sent: str) -> None:
    assert body(model, reasoning_effort=wanted)["output_config"]["effort"] == sent


@pytest.mark.parametrize("effort", ["huge", "", "HIGH", 3, True, {}])
def test_p33_an_unknown_effort_is_refused_with_the_list(effort: Any) -> None:
    error = refused(reasoning_effort=effort)
    assert (error.status, error.param) == (400, "reasoning_effort")
    assert "minimal" in error.message


def test_p34_the_clients_limit_holds_thinking_and_answer() -> None:
    small = ask(BUDGET, reasoning_effort="high", max_tokens=1000)
    assert "thinking" not in small.body
    assert small.body["max_tokens"] == 1000
    assert small.ignored == ["reasoning_effort"]
    assert body(BUDGET, reasoning_effort="high", max_tokens=2048)["thinking"]["budget_tokens"] == 1024
    middle = body(BUDGET, reasoning_effort="high", max_tokens=10_000)
    assert (middle["thinking"]["budget_tokens"], middle["max_tokens"]) == (8976, 10_000)
    assert body(ADAPTIVE, reasoning_effort="high", max_tokens=1000)["thinking"] == SUMMARIZED


@pytest.mark.parametrize("model", [FREE, ADAPTIVE, ALWAYS_THINKS, "claude-sonnet-5"])
def test_p35_adaptive_models_think_adaptively_and_show_it(model: str) -> None:
    translated = body(model, reasoning_effort="medium")
    assert translated["thinking"] == SUMMARIZED
    assert translated["output_config"] == {"effort": "medium"}


@pytest.mark.parametrize("model", [FREE, BUDGET, ADAPTIVE])
def test_p36_a_forced_tool_takes_the_thinking_away(model: str) -> None:
    translated = ask(model, reasoning_effort="high", tools=[function()], tool_choice="required")
    assert "thinking" not in translated.body
    assert translated.body.get("tool_choice") == {"type": "any"}
    assert translated.ignored == ["reasoning_effort"]


def test_p37_a_tool_loop_without_its_thinking_goes_on_without_a_budget() -> None:
    translated = ask(BUDGET, reasoning_effort="high", messages=LOOP, tools=[function()])
    assert "thinking" not in translated.body
    assert translated.ignored == ["reasoning_effort"]
    assert body(ADAPTIVE, reasoning_effort="high", messages=LOOP, tools=[function()])["thinking"] == SUMMARIZED


def test_p37_k26_a_tool_loop_with_its_thinking_keeps_the_budget() -> None:
    thought = [{"type": "thinking", "thinking": "Hm", "signature": "s"}]
    messages = [LOOP[0], {**CALL, "thinking_blocks": thought}, RESULT]
    translated = body(BUDGET, reasoning_effort="low", messages=messages, tools=[function()])
    assert translated["thinking"]["type"] == "enabled"
    assert translated["messages"][1]["content"][0] == thought[0]


@pytest.mark.parametrize(
    ("model", "native", "sent"),
    [
        (FREE, {"type": "enabled", "budget_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}),
        (FREE, {"type": "adaptive"}, {"type": "adaptive"}),
        (ADAPTIVE, {"type": "adaptive", "display": "omitted"}, {"type": "adaptive", "display": "omitted"}),
        (ADAPTIVE, {"type": "disabled"}, {"type": "disabled"}),
        (BETWEEN_TOOLS, {"type": "between_tools"}, {"type": "between_tools"}),
        (BUDGET, {"type": "enabled", "budget_tokens": 90_000}, {"type": "enabled", "budget_tokens": 31_999}),
    ],
)
def test_p38_claudes_own_thinking_passes(model: str, native: Any, sent: Any) -> None:
    default = Defaults(max_output_tokens=32_000)
    assert body(model, defaults=default, thinking=native, max_tokens=33_023)["thinking"] == sent


def test_p38_it_wins_over_reasoning_effort() -> None:
    assert body(BUDGET, thinking={"type": "disabled"}, reasoning_effort="high")["thinking"] == {"type": "disabled"}
    assert body(ADAPTIVE, thinking={"type": "adaptive"}, reasoning_effort="low")["output_config"] == {"effort": "low"}


def test_p38_what_the_model_would_refuse_becomes_the_nearest_that_it_takes() -> None:
    enabled = ask(ALWAYS_THINKS, thinking={"type": "enabled", "budget_tokens": 2000})
    assert enabled.body.get("thinking") == {"type": "adaptive"}
    assert enabled.body.get("output_config") == {"effort": "low"}
    assert enabled.ignored == ["thinking.budget_tokens"]
    adaptive = ask(BUDGET, thinking={"type": "adaptive"})
    assert adaptive.body.get("thinking") == {"type": "enabled", "budget_tokens": 8192}
    assert adaptive.ignored == ["thinking.type"]
    disabled = ask(ALWAYS_THINKS, thinking={"type": "disabled"})
    assert "thinking" not in disabled.body
    assert disabled.ignored == ["thinking"]


@pytest.mark.parametrize(
    ("native", "param"),
    [
        ("on", "thinking"),
        ({}, "thinking.type"),
        ({"type": "deep"}, "thinking.type"),
        ({"type": "enabled"}, "thinking.budget_tokens"),
        ({"type": "enabled", "budget_tokens": 100}, "thinking.budget_tokens"),
        ({"type": "enabled", "budget_tokens": "2000"}, "thinking.budget_tokens"),
        ({"type": "adaptive", "display": "loud"}, "thinking.display"),
    ],
)
def test_p38_it_is_validated(native: Any, param: str) -> None:
    assert refused(thinking=native).param == param


def test_m15_a_begun_answer_and_thinking_do_not_go_together() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Once upon"}]
    translated = ask(BUDGET, reasoning_effort="high", messages=messages)
    assert "thinking" not in translated.body
    assert translated.ignored == ["reasoning_effort"]
    native = ask(BUDGET, thinking={"type": "enabled", "budget_tokens": 2000}, messages=messages)
    assert "thinking" not in native.body


def test_openrouters_reasoning_is_understood() -> None:
    """OpenClaw sends it with `thinkingFormat: "openrouter"`."""
    assert body(ADAPTIVE, reasoning={"effort": "high"})["output_config"] == {"effort": "high"}
    assert body(ADAPTIVE, reasoning={"enabled": False})["thinking"] == {"type": "disabled"}
    assert body(ADAPTIVE, reasoning={"max_tokens": 2000})["output_config"] == {"effort": "low"}
    assert refused(reasoning={"effort": "huge"}).param == "reasoning.effort"
    assert ignored(ADAPTIVE, reasoning={"effort": "high"}) == []


def test_nobody_thinks_who_was_not_asked_to() -> None:
    for model in (FREE, BUDGET, ADAPTIVE, ALWAYS_THINKS):
        assert not {"thinking", "output_config"} & set(body(model))


def test_p29_p34_a_budget_always_leaves_room_for_an_answer() -> None:
    ultra = {"type": "enabled", "budget_tokens": 31_999}
    assert body(BUDGET, thinking=ultra)["max_tokens"] == 63_999
    tight = body(BUDGET, defaults=Defaults(max_output_tokens=25_000), reasoning_effort="high")
    assert tight["max_tokens"] - tight["thinking"]["budget_tokens"] == 25_000
    huge = ask(BUDGET, thinking={"type": "enabled", "budget_tokens": 100_000})
    assert huge.body.get("thinking") == {"type": "enabled", "budget_tokens": 64_000 - 1024}
    assert huge.ignored == ["thinking"]
