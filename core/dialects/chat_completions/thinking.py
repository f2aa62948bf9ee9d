"""How much the model should think: `reasoning_effort` and its kin → adaptive thinking, a budget, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ...errors import InvalidRequest
from ...messages import Thinking
from ...models import EFFORTS, Effort, ModelRules
from .fields import Fields

# What a client may say, in `reasoning_effort` or behind the model's name.
LEVELS = ("none", "minimal", *EFFORTS)

_LEAST_BUDGET = 1024
# With less room than this, a thinking budget would leave next to nothing for the answer.
_LEAST_LIMIT_WITH_BUDGET = 2048
_BUDGETS: Mapping[Effort, int] = {"low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_DISPLAYS = ("summarized", "omitted", "updates")


@dataclass(frozen=True, slots=True)
class ThinkingPlan:
    """What the request says about thinking. `max_tokens` holds the answer and the thinking before it."""

    thinking: Thinking | None
    effort: Effort | None
    max_tokens: int

    @property
    def active(self) -> bool:
        return self.thinking is not None and self.thinking["type"] in ("adaptive", "enabled")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else in the request decides whether, and how, the model may think."""

    rules: ModelRules
    # The client's own limit on the answer, and what holds without one.
    limit: int | None
    default_limit: int
    forced_tool: bool
    # The running tool loop lacks the thinking that a budget demands before its calls.
    lacks_thinking: bool
    prefill: bool


def plan_thinking(fields: Fields, suffix: str | None, circumstances: Circumstances) -> ThinkingPlan:
    """Raises InvalidRequest. `suffix` is the level behind the model's name; the body's own word wins over it."""
    native = fields.take_object("thinking")
    level, name = _level(fields, suffix)
    if native is not None:
        return _from_native(native, level, fields, circumstances)
    if level is None:
        return _without(circumstances)
    return _from_level(level, name, fields, circumstances)


def _level(fields: Fields, suffix: str | None) -> tuple[str | None, str]:
    """The level that is asked for, and the name of the parameter that did."""
    plain, nested = fields.take("reasoning_effort"), fields.take_object("reasoning")
    if plain is not None:
        return _checked(plain, "reasoning_effort"), "reasoning_effort"
    if nested is not None:
        if nested.get("effort") is not None:
            return _checked(nested["effort"], "reasoning.effort"), "reasoning.effort"
        if nested.get("enabled") is False:
            return "none", "reasoning.enabled"
        if nested.get("enabled") is True or nested.get("max_tokens") is not None:
            return _level_for_budget(nested.get("max_tokens")), "reasoning"
    return suffix, "model"


def _checked(value: object, name: str) -> str:
    if not isinstance(value, str) or value not in LEVELS:
        raise InvalidRequest(f"{name}: expected one of {', '.join(LEVELS)}.", param=name)
    return value


def _level_for_budget(budget: Any) -> Effort:
    if isinstance(budget, bool) or not isinstance(budget, (int, float)):
        return "medium"
    return "low" if budget < _BUDGETS["medium"] else "medium" if budget < _BUDGETS["high"] else "high"


def _without(circumstances: Circumstances, effort: Effort | None = None) -> ThinkingPlan:
    """The model's own default."""
    return ThinkingPlan(None, effort, circumstances.limit or circumstances.default_limit)


def _from_level(level: str, name: str, fields: Fields, circumstances: Circumstances) -> ThinkingPlan:
    rules = circumstances.rules
    if level == "none":
        return _off(name, fields, circumstances)
    if level == "minimal":
        if rules.thinking_style == "budget":
            return _off(name, fields, circumstances)
        level = "low"
    wanted = cast("Effort", level)
    effort = rules.nearest_effort(wanted)
    if circumstances.forced_tool or circumstances.prefill:
        # Claude thinks only where it is free in what it does next.
        fields.ignore(name)
        return _without(circumstances, effort)
    if rules.thinking_style == "budget":
        return _budgeted(_BUDGETS[wanted], effort, name, fields, circumstances)
    # Without `display` the newer models leave the text of their thinking blank.
    return _adaptive({"type": "adaptive", "display": "summarized"}, effort, circumstances)


def _off(name: str, fields: Fields, circumstances: Circumstances) -> ThinkingPlan:
    match circumstances.rules.thinking_off:
        case None:
            # It always thinks; as little as it can is the nearest that it does.
            fields.ignore(name)
            return _without(circumstances, circumstances.rules.lowest_effort)
        case "between_tools":
            thinking: Thinking = {"type": "between_tools"}
        case "disabled":
            thinking = {"type": "disabled"}
    return ThinkingPlan(thinking, None, circumstances.limit or circumstances.default_limit)


def _adaptive(thinking: Thinking, effort: Effort | None, circumstances: Circumstances) -> ThinkingPlan:
    return ThinkingPlan(thinking, effort, circumstances.limit or circumstances.default_limit)


def _budgeted(
    budget: int, effort: Effort | None, name: str, fields: Fields, circumstances: Circumstances
) -> ThinkingPlan:
    limit = circumstances.limit
    if circumstances.lacks_thinking or (limit is not None and limit < _LEAST_LIMIT_WITH_BUDGET):
        fields.ignore(name)
        return _without(circumstances, effort)
    if limit is not None:
        # The client's limit is a promise about the bill, so the thinking has to fit in.
        budget = max(_LEAST_BUDGET, min(budget, limit - _LEAST_BUDGET))
    else:
        default = circumstances.default_limit
        roomy = default - budget >= _LEAST_BUDGET
        limit = default if roomy else min(circumstances.rules.max_output, default + budget)
        if budget > limit - _LEAST_BUDGET:
            budget = limit - _LEAST_BUDGET
            fields.ignore(name)
    return ThinkingPlan({"type": "enabled", "budget_tokens": budget}, effort, limit)


def _from_native(
    native: Mapping[str, Any], level: str | None, fields: Fields, circumstances: Circumstances
) -> ThinkingPlan:
    """Claude's own `thinking` in a chat request: as it is where the model takes it, else the nearest that it does."""
    rules = circumstances.rules
    for name in native:
        if name not in ("type", "budget_tokens", "display"):
            fields.ignore(f"thinking.{name}")
    display = _display(native)
    effort = rules.nearest_effort(level) if level in EFFORTS else None
    match native.get("type"):
        case "disabled" | "between_tools" as off:
            if level is not None:
                fields.ignore("reasoning_effort")
            if off == "between_tools" and rules.thinking_off != off:
                fields.ignore("thinking")
            return _off("thinking", fields, circumstances)
        case "adaptive" | "enabled" as kind:
            if circumstances.forced_tool or circumstances.prefill:
                fields.ignore("thinking")
                return _without(circumstances, effort)
        case _:
            raise InvalidRequest(
                "thinking.type: expected 'adaptive', 'enabled', 'disabled' or 'between_tools'.", param="thinking.type"
            )
    budget = _budget(native) if kind == "enabled" else None
    if budget is not None and rules.accepts_budget:
        return _with_display(_budgeted(budget, effort, "thinking", fields, circumstances), display)
    if budget is not None:
        fields.ignore("thinking.budget_tokens")
        effort = effort or rules.nearest_effort(_level_for_budget(budget))
    if rules.thinking_style == "budget":
        fields.ignore("thinking.type")
        return _budgeted(_BUDGETS["medium"], effort, "thinking", fields, circumstances)
    return _with_display(_adaptive({"type": "adaptive"}, effort, circumstances), display)


def _display(native: Mapping[str, Any]) -> str | None:
    display = native.get("display")
    if display is not None and display not in _DISPLAYS:
        raise InvalidRequest(f"thinking.display: expected one of {', '.join(_DISPLAYS)}.", param="thinking.display")
    return display


def _with_display(plan: ThinkingPlan, display: str | None) -> ThinkingPlan:
    if plan.thinking is not None and display is not None:
        plan.thinking["display"] = cast("Any", display)
    return plan


def _budget(native: Mapping[str, Any]) -> int:
    budget = native.get("budget_tokens")
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < _LEAST_BUDGET:
        raise InvalidRequest(
            f"thinking.budget_tokens: a whole number from {_LEAST_BUDGET} on is expected.",
            param="thinking.budget_tokens",
        )
    return budget
