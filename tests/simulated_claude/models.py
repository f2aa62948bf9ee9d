"""The models that the simulated Claude knows, and what each accepts. Written from Anthropic's documentation of
November 2026, and on purpose not from the proxy's own table: two readings that agree are worth more than one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """One model. `thinking` are the accepted types; `sampling` is "free", "default" (only values that change nothing)
    or "never"."""

    id: str
    display_name: str
    thinking: frozenset[str]
    thinks_unasked: bool
    sampling: str
    forced_tools: bool
    prefill: bool
    efforts: tuple[str, ...]
    inline_system: str  # "yes", "no" (refused), "ignored" (accepted, without effect)
    cache_minimum: int
    max_output: int = 128_000
    context: int = 1_000_000
    alias: str | None = None
    # Signatures hold for the conversation before them, too.
    binds_signatures: bool = False
    # With thinking turned off, this is the highest effort.
    effort_without_thinking: str | None = None


LEVELS = ("low", "medium", "high", "xhigh", "max")
_ADAPTIVE = frozenset({"adaptive"})
_ADAPTIVE_OR_OFF = frozenset({"adaptive", "disabled"})


def _newest(
    model_id: str, name: str, *, forced: bool, thinking: frozenset[str] = _ADAPTIVE, sampling: str = "never"
) -> Model:
    off = {"disabled", "between_tools"} & thinking
    return Model(
        id=model_id,
        display_name=name,
        thinking=thinking,
        thinks_unasked=True,
        sampling=sampling,
        forced_tools=forced,
        prefill=False,
        efforts=LEVELS,
        inline_system="yes",
        cache_minimum=512,
        binds_signatures=True,
        effort_without_thinking="high" if off else None,
    )


def _four(model_id: str, name: str, minimum: int, *, inline: str) -> Model:
    return Model(
        id=model_id,
        display_name=name,
        thinking=_ADAPTIVE_OR_OFF,
        thinks_unasked=False,
        sampling="never",
        forced_tools=True,
        prefill=False,
        efforts=LEVELS,
        inline_system=inline,
        cache_minimum=minimum,
    )


def _six(model_id: str, name: str, minimum: int) -> Model:
    return Model(
        id=model_id,
        display_name=name,
        thinking=frozenset({"adaptive", "enabled", "disabled"}),
        thinks_unasked=False,
        sampling="free",
        forced_tools=True,
        prefill=False,
        efforts=("low", "medium", "high", "max"),
        inline_system="no",
        cache_minimum=minimum,
    )


def _five(model_id: str, name: str, minimum: int, alias: str, efforts: tuple[str, ...] = ()) -> Model:
    return Model(
        id=model_id,
        display_name=name,
        thinking=frozenset({"enabled", "disabled"}),
        thinks_unasked=False,
        sampling="free",
        forced_tools=True,
        prefill=True,
        efforts=efforts,
        inline_system="no",
        cache_minimum=minimum,
        max_output=64_000,
        context=200_000,
        alias=alias,
    )


MODELS: tuple[Model, ...] = (
    _newest("claude-fable-5-2", "Claude Fable 5.2", forced=False),
    _newest("claude-fable-5-1", "Claude Fable 5.1", forced=False),
    _newest("claude-fable-5", "Claude Fable 5", forced=True),
    _newest("claude-mythos-5-2", "Claude Mythos 5.2", forced=False),
    _newest("claude-mythos-5-1", "Claude Mythos 5.1", forced=False),
    _newest("claude-mythos-5", "Claude Mythos 5", forced=True),
    _newest("claude-opus-5-5", "Claude Opus 5.5", forced=False),
    _newest("claude-opus-5", "Claude Opus 5", forced=True, thinking=_ADAPTIVE_OR_OFF),
    _four("claude-opus-4-8", "Claude Opus 4.8", 1024, inline="yes"),
    _four("claude-opus-4-7", "Claude Opus 4.7", 2048, inline="no"),
    _six("claude-opus-4-6", "Claude Opus 4.6", 4096),
    _five("claude-opus-4-5-20251101", "Claude Opus 4.5", 4096, "claude-opus-4-5", ("low", "medium", "high")),
    _newest(
        "claude-sonnet-5-5",
        "Claude Sonnet 5.5",
        forced=False,
        thinking=frozenset({"adaptive", "between_tools"}),
        sampling="default",
    ),
    Model(
        id="claude-sonnet-5",
        display_name="Claude Sonnet 5",
        thinking=_ADAPTIVE_OR_OFF,
        thinks_unasked=True,
        sampling="default",
        forced_tools=True,
        prefill=False,
        efforts=LEVELS,
        inline_system="ignored",
        cache_minimum=1024,
        binds_signatures=True,
    ),
    _six("claude-sonnet-4-6", "Claude Sonnet 4.6", 1024),
    _five("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", 1024, "claude-sonnet-4-5"),
    _newest("claude-haiku-5-5", "Claude Haiku 5.5", forced=True, thinking=_ADAPTIVE_OR_OFF, sampling="default"),
    _five("claude-haiku-4-5-20251001", "Claude Haiku 4.5", 4096, "claude-haiku-4-5"),
)

_BY_ID = {name: model for model in MODELS for name in (model.id, model.alias) if name}


def find_model(model_id: str) -> Model | None:
    """The model behind an id or an alias."""
    return _BY_ID.get(model_id)
