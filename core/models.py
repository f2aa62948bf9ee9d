"""What each Claude model accepts: the rules that Anthropic's model list has no field for.

Anthropic's `GET /v1/models` says nothing about sampling parameters, forced tools, prefill or where a `system`
message may stand, so these rules are a table of our own, read from Anthropic's documentation as of November 2026.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Effort = Literal["low", "medium", "high", "xhigh", "max"]

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")

# How a model takes temperature, top_p and top_k:
# "free": temperature or top_p, not both, and only while it does not think; "fixed": only its own default value,
# so there is nothing to send; "none": any value is refused.
Sampling = Literal["free", "fixed", "none"]

# How to ask a model not to think. None: it always thinks.
ThinkingOff = Literal["disabled", "between_tools"]


@dataclass(frozen=True, slots=True)
class ModelRules:
    """One model's rules. Token counts are tokens; `efforts` is empty where `output_config.effort` is refused."""

    id: str
    name: str
    context: int = 1_000_000
    max_output: int = 128_000
    thinks_by_default: bool = True
    thinking_off: ThinkingOff | None = "disabled"
    # "adaptive": asked with `thinking: {type: adaptive}` and an effort; "budget": with a token budget.
    thinking_style: Literal["adaptive", "budget"] = "adaptive"
    # The manual form `thinking: {type: enabled, budget_tokens}` is accepted.
    accepts_budget: bool = False
    # With thinking off, efforts above this one are refused.
    max_effort_without_thinking: Effort | None = None
    sampling: Sampling = "none"
    forced_tool_choice: bool = True
    prefill: bool = False
    efforts: tuple[Effort, ...] = EFFORTS
    # What it is without a wish, where it has levels.
    default_effort: Effort = "high"
    inline_system: bool = True
    # Prompts shorter than this are not cached, and asking for it costs nothing but is no use.
    cache_minimum: int = 512

    @property
    def lowest_effort(self) -> Effort | None:
        return self.efforts[0] if self.efforts else None

    def nearest_effort(self, wanted: Effort) -> Effort | None:
        """`wanted`, or the next level above it that this model has, or its highest. None where it has no levels."""
        at_least: list[Effort] = [level for level in self.efforts if EFFORTS.index(level) >= EFFORTS.index(wanted)]
        return at_least[0] if at_least else self.efforts[-1] if self.efforts else None


_FABLE_5 = ModelRules("claude-fable-5", "Claude Fable 5", thinking_off=None)
_FABLE_5_1 = replace(_FABLE_5, id="claude-fable-5-1", name="Claude Fable 5.1", forced_tool_choice=False)
_OPUS_5 = ModelRules("claude-opus-5", "Claude Opus 5", max_effort_without_thinking="high")
_OPUS_4_8 = ModelRules("claude-opus-4-8", "Claude Opus 4.8", thinks_by_default=False, cache_minimum=1024)
_OPUS_4_6 = ModelRules(
    "claude-opus-4-6",
    "Claude Opus 4.6",
    thinks_by_default=False,
    accepts_budget=True,
    sampling="free",
    efforts=("low", "medium", "high", "max"),
    inline_system=False,
    cache_minimum=4096,
)
_OPUS_4_5 = ModelRules(
    "claude-opus-4-5",
    "Claude Opus 4.5",
    context=200_000,
    max_output=64_000,
    thinks_by_default=False,
    thinking_style="budget",
    accepts_budget=True,
    sampling="free",
    prefill=True,
    efforts=("low", "medium", "high"),
    inline_system=False,
    cache_minimum=4096,
)
_SONNET_5 = ModelRules(
    "claude-sonnet-5",
    "Claude Sonnet 5",
    sampling="fixed",
    # It answers 200 to an inline system entry and ignores it, so a 200 is no evidence.
    inline_system=False,
    cache_minimum=1024,
)

# Newest first within each line: the first of a line stands for ids that are newer than this table.
MODELS: tuple[ModelRules, ...] = (
    replace(_FABLE_5_1, id="claude-fable-5-2", name="Claude Fable 5.2"),
    _FABLE_5_1,
    _FABLE_5,
    replace(_FABLE_5_1, id="claude-mythos-5-2", name="Claude Mythos 5.2"),
    replace(_FABLE_5_1, id="claude-mythos-5-1", name="Claude Mythos 5.1"),
    replace(_FABLE_5, id="claude-mythos-5", name="Claude Mythos 5"),
    ModelRules(
        "claude-opus-5-5", "Claude Opus 5.5", thinking_off=None, forced_tool_choice=False, default_effort="medium"
    ),
    _OPUS_5,
    _OPUS_4_8,
    replace(_OPUS_4_8, id="claude-opus-4-7", name="Claude Opus 4.7", inline_system=False, cache_minimum=2048),
    _OPUS_4_6,
    _OPUS_4_5,
    ModelRules(
        "claude-sonnet-5-5",
        "Claude Sonnet 5.5",
        thinking_off="between_tools",
        max_effort_without_thinking="high",
        sampling="fixed",
        forced_tool_choice=False,
    ),
    _SONNET_5,
    replace(_OPUS_4_6, id="claude-sonnet-4-6", name="Claude Sonnet 4.6", cache_minimum=1024),
    replace(_OPUS_4_5, id="claude-sonnet-4-5", name="Claude Sonnet 4.5", efforts=(), cache_minimum=1024),
    ModelRules(
        "claude-haiku-5-5",
        "Claude Haiku 5.5",
        sampling="fixed",
        max_effort_without_thinking="high",
        default_effort="medium",
    ),
    replace(_OPUS_4_5, id="claude-haiku-4-5", name="Claude Haiku 4.5", efforts=()),
)

# The dated ids that clients' documented configurations name.
DATED_IDS: dict[str, str] = {
    "claude-haiku-4-5-20251001": "claude-haiku-4-5",
    "claude-sonnet-4-5-20250929": "claude-sonnet-4-5",
    "claude-opus-4-5-20251101": "claude-opus-4-5",
}

_BY_ID = {rules.id: rules for rules in MODELS}
_ID = re.compile(r"claude-(?P<line>[a-z]+)-(?P<major>\d{1,2})(?:-(?P<minor>\d{1,2}))?(?:-(?:\d{8}|latest))?")
# An id of a line that this table has never heard of gets the strictest rules of the newest large model.
_NEWEST = _BY_ID["claude-opus-5-5"]


def rules_for(model_id: str) -> ModelRules:
    """The rules for a `claude-…` id, known or not; `id` and `name` are those of the row that was used.

    An unknown id follows the newest known model of its line that is not newer than itself, and the oldest one
    where it is older than all of them.
    """
    if exact := _BY_ID.get(model_id):
        return exact
    match = _ID.fullmatch(model_id)
    if match is None:
        return _NEWEST
    line = [rules for rules in MODELS if rules.id.startswith(f"claude-{match['line']}-")]
    if not line:
        return _NEWEST
    wanted = (int(match["major"]), int(match["minor"] or 0))
    return next((rules for rules in line if _version(rules.id) <= wanted), line[-1])


def _version(model_id: str) -> tuple[int, int]:
    match = _ID.fullmatch(model_id)
    assert match is not None, model_id
    return int(match["major"]), int(match["minor"] or 0)


def nearest_ids(wanted: str, known: Iterable[str] | None = None, *, count: int = 3) -> list[str]:
    """The known ids that look most like `wanted`, for an error message that helps; never empty."""
    ids = list(known) if known is not None else [rules.id for rules in MODELS if "mythos" not in rules.id]
    return difflib.get_close_matches(wanted, ids, n=count, cutoff=0.3) or [
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-haiku-5-5",
    ]
