"""The model table, against the facts that it was written from, and for ids that it has never heard of."""

from __future__ import annotations

import pytest

from core.models import DATED_IDS, EFFORTS, MODELS, nearest_ids, rules_for

ALL_BUT_XHIGH = ("low", "medium", "high", "max")


@pytest.mark.parametrize(
    ("model", "off", "style", "sampling", "forced", "prefill", "efforts", "inline", "minimum"),
    [
        ("claude-fable-5", None, "adaptive", "none", True, False, EFFORTS, True, 512),
        ("claude-fable-5-1", None, "adaptive", "none", False, False, EFFORTS, True, 512),
        ("claude-mythos-5-2", None, "adaptive", "none", False, False, EFFORTS, True, 512),
        ("claude-opus-5-5", None, "adaptive", "none", False, False, EFFORTS, True, 512),
        ("claude-opus-5", "disabled", "adaptive", "none", True, False, EFFORTS, True, 512),
        ("claude-opus-4-8", "disabled", "adaptive", "none", True, False, EFFORTS, True, 1024),
        ("claude-opus-4-7", "disabled", "adaptive", "none", True, False, EFFORTS, False, 2048),
        ("claude-sonnet-5-5", "between_tools", "adaptive", "fixed", False, False, EFFORTS, True, 512),
        ("claude-sonnet-5", "disabled", "adaptive", "fixed", True, False, EFFORTS, False, 1024),
        ("claude-haiku-5-5", "disabled", "adaptive", "fixed", True, False, EFFORTS, True, 512),
        ("claude-opus-4-6", "disabled", "adaptive", "free", True, False, ALL_BUT_XHIGH, False, 4096),
        ("claude-sonnet-4-6", "disabled", "adaptive", "free", True, False, ALL_BUT_XHIGH, False, 1024),
        ("claude-opus-4-5", "disabled", "budget", "free", True, True, ("low", "medium", "high"), False, 4096),
        ("claude-sonnet-4-5", "disabled", "budget", "free", True, True, (), False, 1024),
        ("claude-haiku-4-5", "disabled", "budget", "free", True, True, (), False, 4096),
    ],
)
def test_the_rules(
    model: str,
    off: str | None,
    style: str,
    sampling: str,
    forced: bool,
    prefill: bool,
    efforts: tuple[str, ...],
    inline: bool,
    minimum: int,
) -> None:
    rules = rules_for(model)
    assert rules.id == model
    assert (rules.thinking_off, rules.thinking_style, rules.sampling) == (off, style, sampling)
    assert (rules.forced_tool_choice, rules.prefill, rules.efforts) == (forced, prefill, efforts)
    assert (rules.inline_system, rules.cache_minimum) == (inline, minimum)
    small = style == "budget"
    assert (rules.context, rules.max_output) == ((200_000, 64_000) if small else (1_000_000, 128_000))


@pytest.mark.parametrize(
    ("unknown", "like"),
    [
        *DATED_IDS.items(),
        ("claude-opus-4-5-latest", "claude-opus-4-5"),
        ("claude-opus-6", "claude-opus-5-5"),
        ("claude-opus-5-7-20270101", "claude-opus-5-5"),
        ("claude-sonnet-7-1", "claude-sonnet-5-5"),
        ("claude-haiku-5", "claude-haiku-4-5"),
        ("claude-opus-4-1", "claude-opus-4-5"),
        ("claude-3-5-sonnet-20241022", "claude-opus-5-5"),
        ("claude-nova-1", "claude-opus-5-5"),
    ],
)
def test_an_unknown_id_follows_the_newest_of_its_line(unknown: str, like: str) -> None:
    assert rules_for(unknown).id == like


def test_an_error_can_always_name_some_ids() -> None:
    known = {rules.id for rules in MODELS}
    for wanted in ("claude-sonet-4-6", "gpt-4o", "", "日本"):
        assert nearest_ids(wanted)
        assert set(nearest_ids(wanted)) <= known
    assert nearest_ids("claude-sonet-4-6")[0] == "claude-sonnet-4-6"
