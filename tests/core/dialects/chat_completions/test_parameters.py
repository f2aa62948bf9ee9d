"""Plain parameters: rows P1 to P28 and P39 to P45."""

from __future__ import annotations

from typing import Any

import pytest

from core.dialects.chat_completions.request import Defaults, ignored_header

from .asking import ADAPTIVE, ALWAYS_THINKS, BETWEEN_TOOLS, BUDGET, FREE, ask, body, function, ignored, refused

SAMPLING = ("temperature", "top_p", "top_k")
NO_SAMPLING = ("claude-opus-4-7", ADAPTIVE, "claude-opus-5", ALWAYS_THINKS, "claude-fable-5", "claude-nova-9")
FIXED_SAMPLING = ("claude-sonnet-5", BETWEEN_TOOLS, "claude-haiku-5-5")


@pytest.mark.parametrize(
    "name", ["stop", "max_tokens", "temperature", "top_p", "tools", "tool_choice", "reasoning_effort", "n", "seed"]
)
def test_p1_p2_p3_null_equals_absent(name: str) -> None:
    assert ask(**{name: None}).body == ask().body
    assert ask(**{name: None}).ignored == []


def test_p4_an_empty_list_of_tools_takes_the_choice_with_it() -> None:
    translated = body(tools=[], tool_choice="required", parallel_tool_calls=False)
    assert not {"tools", "tool_choice"} & set(translated)
    assert ignored(tools=[], tool_choice="required") == ["tool_choice"]
    assert ignored(tools=[], tool_choice="auto") == []


@pytest.mark.parametrize(
    ("stop", "sequences"),
    [
        pytest.param("END", ["END"], id="P5"),
        pytest.param("", None, id="P6"),
        pytest.param(["", "a"], ["a"], id="P6-list"),
        pytest.param(["\n"], None, id="P7"),
        pytest.param(["a", "", " "], ["a"], id="P7-list"),
        pytest.param(["a", "b", "c", "d", "e"], ["a", "b", "c", "d", "e"], id="P8"),
    ],
)
def test_stop_sequences(stop: Any, sequences: list[str] | None) -> None:
    assert body(stop=stop).get("stop_sequences") == sequences


def test_p7_a_blank_stop_sequence_is_named_as_ignored() -> None:
    assert ignored(stop=["\n"]) == ["stop"]
    assert ignored(stop="") == []


@pytest.mark.parametrize("stop", [1, {"a": 1}, [1]])
def test_a_stop_that_is_no_text_is_refused(stop: Any) -> None:
    assert (refused(stop=stop).param or "").startswith("stop")


def test_p9_a_temperature_above_one_is_cut_off_and_never_rescaled() -> None:
    assert body(temperature=1.7)["temperature"] == 1.0
    assert body(temperature=0.7)["temperature"] == 0.7
    assert ignored(temperature=1.7) == ["temperature"]


def test_p10_a_temperature_of_zero_arrives() -> None:
    assert body(temperature=0)["temperature"] == 0


def test_p11_of_temperature_and_top_p_the_temperature_stays() -> None:
    translated = ask(temperature=0.2, top_p=0.5)
    assert translated.body.get("temperature") == 0.2
    assert "top_p" not in translated.body
    assert translated.ignored == ["top_p"]
    assert body(top_p=0.5)["top_p"] == 0.5


@pytest.mark.parametrize("model", [*NO_SAMPLING, *FIXED_SAMPLING])
def test_p12_p13_newer_models_get_no_sampling_parameters_at_all(model: str) -> None:
    translated = ask(model, temperature=1, top_p=0.5, top_k=5)
    assert not set(SAMPLING) & set(translated.body)
    assert translated.ignored == ["temperature", "top_p", "top_k"]


def test_p14_while_it_thinks_a_model_gets_no_temperature_and_only_a_high_top_p() -> None:
    translated = ask(reasoning_effort="low", temperature=0.5, top_p=0.95, top_k=3)
    assert {name: translated.body.get(name) for name in SAMPLING} == {
        "temperature": None,
        "top_p": 0.95,
        "top_k": None,
    }
    assert translated.ignored == ["temperature", "top_k"]
    assert "top_p" not in body(reasoning_effort="low", top_p=0.5)


@pytest.mark.parametrize("name", SAMPLING)
@pytest.mark.parametrize("value", ["0.5", True, -0.1, [1]])
def test_a_sampling_parameter_that_is_no_number_is_refused(name: str, value: Any) -> None:
    error = refused(**{name: value})
    assert (error.status, error.param) == (400, name)


def test_p15_max_completion_tokens_wins() -> None:
    translated = ask(max_tokens=100, max_completion_tokens=200)
    assert translated.body["max_tokens"] == 200
    assert translated.ignored == ["max_tokens"]
    assert ignored(max_tokens=200, max_completion_tokens=200) == []


def test_p16_without_a_limit_the_setting_holds() -> None:
    assert body()["max_tokens"] == 32_000
    assert body(defaults=Defaults(max_output_tokens=100_000))["max_tokens"] == 100_000
    assert body(BUDGET, defaults=Defaults(max_output_tokens=100_000))["max_tokens"] == 64_000


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_p17_a_limit_below_one_is_refused_but_for_minus_one(name: str) -> None:
    for value in (0, -2):
        error = refused(**{name: value})
        assert (error.status, error.param) == (400, name)
    assert body(**{name: -1})["max_tokens"] == 32_000


def test_p18_a_limit_above_the_models_own_is_cut_off() -> None:
    assert body(max_tokens=10_000_000)["max_tokens"] == 128_000
    assert body(BUDGET, max_tokens=10_000_000)["max_tokens"] == 64_000
    assert ignored(max_tokens=10_000_000) == ["max_tokens"]


def test_p19_a_whole_number_may_be_written_as_a_float() -> None:
    assert body(max_tokens=100.0)["max_tokens"] == 100
    for value in (100.5, "100", True, [100], 1e400):
        assert refused(max_tokens=value).param == "max_tokens"


@pytest.mark.parametrize("count", [2, 0, "1", 1.5])
def test_p20_more_than_one_choice_is_refused(count: Any) -> None:
    assert refused(n=count).param == "n"
    assert ignored(n=1) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("logprobs", True, id="P21"),
        pytest.param("top_logprobs", 3, id="P21-top"),
        pytest.param("logit_bias", {"1": 5}, id="P21-bias"),
        pytest.param("seed", 1, id="P22"),
        pytest.param("frequency_penalty", 0, id="P22-frequency"),
        pytest.param("presence_penalty", 0.5, id="P22-presence"),
        pytest.param("user", "bob@example.com", id="P23"),
        pytest.param("metadata", {"a": "b"}, id="P24"),
        pytest.param("store", True, id="P25"),
        pytest.param("service_tier", "flex", id="P25-tier"),
        pytest.param("prompt_cache_key", "k", id="P25-cache"),
        pytest.param("verbosity", "low", id="P25-verbosity"),
        pytest.param("prediction", {"type": "content", "content": "x"}, id="P25-prediction"),
        pytest.param("safety_identifier", "x", id="P25-safety"),
        pytest.param("think", True, id="M32"),
        pytest.param("options", {"num_ctx": 4096}, id="M32-options"),
        pytest.param("enable_thinking", False, id="M32-thinking"),
    ],
)
def test_what_has_no_equivalent_is_ignored_and_named(name: str, value: Any) -> None:
    translated = ask(**{name: value})
    assert translated.body == ask().body
    assert translated.ignored == [name]


def test_p25_answers_in_audio_are_refused() -> None:
    assert refused(modalities=["text", "audio"]).param == "modalities"
    assert ignored(modalities=["text"]) == []


@pytest.mark.parametrize("value", ["true", 1, 0, "false", []])
def test_p39_stream_is_true_or_false_and_nothing_like_it(value: Any) -> None:
    assert refused(stream=value).param == "stream"


def test_p39_upstream_is_always_streamed() -> None:
    assert (ask(stream=True).stream, ask(stream=False).stream, ask(stream=None).stream) == (True, False, False)
    assert body(stream=False)["stream"] is True


def test_p40_stream_options_do_no_harm_without_a_stream() -> None:
    assert ask(stream_options={"include_usage": True}).ignored == []
    assert ask(stream=True, stream_options={"include_usage": True}).include_usage
    assert not ask(stream=True, stream_options={}).include_usage
    assert not ask(stream=True).include_usage


@pytest.mark.parametrize(
    ("requested", "sent"),
    [
        ("anthropic/claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("claude-proxy/claude-opus-5-5", "claude-opus-5-5"),
        ("openrouter/anthropic/claude-opus-5-5", "claude-opus-5-5"),
        ("claude-sonnet-4-6[1m]", "claude-sonnet-4-6"),
        ("claude-something-of-tomorrow-7", "claude-something-of-tomorrow-7"),
        pytest.param("claude-sonnet-4-5", "claude-sonnet-4-5", id="P45"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001"),
    ],
)
def test_p41_p45_claude_ids_are_forwarded_and_answered_as_requested(requested: str, sent: str) -> None:
    translated = ask(requested)
    assert translated.body["model"] == sent
    assert translated.model == requested


@pytest.mark.parametrize("model", ["gpt-4o", "claude", "openai/gpt-4o", "claude-x\nname", "x" * 10_000])
def test_p42_what_is_no_claude_model_is_not_found(model: str) -> None:
    error = refused(model)
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert "claude-" in error.message
    assert len(error.message) < 500


def test_p42_an_alias_of_the_persons_own_is_followed() -> None:
    defaults = Defaults(model_aliases={"gpt-4o": "anthropic/claude-sonnet-4-6", "fast": "claude-haiku-4-5(low)"})
    translated = ask("gpt-4o", defaults)
    assert (translated.model, translated.body["model"]) == ("gpt-4o", "claude-sonnet-4-6")
    assert ask("fast", defaults).body.get("thinking") == {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize("model", [None, "", "  "])
def test_p43_a_missing_model_is_refused_unless_a_default_is_set(model: str | None) -> None:
    assert refused(model).param == "model"
    assert ask(model, Defaults(default_model=FREE)).body["model"] == FREE


def test_a_model_that_is_no_text_is_refused() -> None:
    assert refused(5).param == "model"  # type: ignore[arg-type]


def test_p44_a_level_behind_the_models_name_is_an_effort() -> None:
    translated = ask("claude-opus-4-8(low)")
    assert translated.body["model"] == ADAPTIVE
    assert translated.model == "claude-opus-4-8(low)"
    assert translated.body.get("output_config") == {"effort": "low"}
    assert body("claude-opus-4-8(low)", reasoning_effort="high")["output_config"] == {"effort": "high"}
    assert refused("claude-opus-4-8(huge)").status == 404


def test_the_header_names_at_most_twenty_and_nothing_that_breaks_out_of_it() -> None:
    assert ignored_header(["n", "seed"]) == "n,seed"
    assert ignored_header(["a\r\nx: y", "", "ü", "x" * 65, "tools[0].function.strict"]) == "tools[0].function.strict"
    many = ignored_header(f"field{number}" for number in range(30)).split(",")
    assert len(many) == 21
    assert many[-1] == "..."


def test_the_request_names_fields_in_an_order_that_stays() -> None:
    """Equal requests are equal bytes: anything else would miss the prompt cache."""
    first = body(tools=[function("b"), function("a")], temperature=0.5, stop="x")
    again = body(stop="x", temperature=0.5, tools=[function("b"), function("a")])
    assert list(first) == list(again)
