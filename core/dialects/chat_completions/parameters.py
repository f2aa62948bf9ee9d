"""The plain parameters of a chat request: model, limits, stop sequences and sampling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ...errors import InvalidRequest, ModelNotFound
from ...models import ModelRules, nearest_ids
from .fields import Fields

_SUFFIX = re.compile(r"(?P<model>.+)\((?P<effort>[^()]*)\)")
_CLAUDE_ID = re.compile(r"claude-[A-Za-z0-9._:@-]{1,120}")

# Local user interfaces say "no limit" like this.
_NO_LIMIT = -1
# While a model thinks, it takes a top_p from here on, and no temperature.
_LEAST_TOP_P_WITH_THINKING = 0.95


@dataclass(frozen=True, slots=True)
class RequestedModel:
    """`requested` is the client's own word, `id` what Claude is asked for, `effort` what stood behind it."""

    requested: str
    id: str
    effort: str | None


def parse_model(
    fields: Fields, default: str | None, aliases: Mapping[str, str], efforts: tuple[str, ...]
) -> RequestedModel:
    """The model. Raises InvalidRequest where there is none, ModelNotFound where it is not one of Claude's."""
    value = fields.take("model")
    if value is not None and not isinstance(value, str):
        raise InvalidRequest("model: a model id is text.", param="model")
    requested = (value or "").strip() or default
    if not requested:
        raise InvalidRequest(
            f"model: name the model to ask, for example {nearest_ids('claude-sonnet')[0]}.", param="model"
        )
    model_id = aliases.get(requested, requested).removesuffix("[1m]")
    effort = None
    if (match := _SUFFIX.fullmatch(model_id)) and match["effort"] in efforts:
        model_id, effort = match["model"], match["effort"]
        model_id = aliases.get(model_id, model_id)
    found = claude_id(model_id)
    if found is None:
        raise ModelNotFound(
            f"model: '{requested[:200]}' is not a Claude model. The nearest known ids are "
            f"{', '.join(nearest_ids(model_id[:200]))}.",
            param="model",
        )
    return RequestedModel(requested, found, effort)


def claude_id(model_id: str) -> str | None:
    """`model_id` without a provider's prefix and without notations of other programs; None where it is not Claude's."""
    bare = model_id.rpartition("/")[2].removesuffix("[1m]")
    return bare if _CLAUDE_ID.fullmatch(bare) else None


def parse_output_limit(fields: Fields, rules: ModelRules) -> int | None:
    """How many tokens the client allows the answer, at most what the model can say; None where it names no limit."""
    older, newer = _limit(fields, "max_tokens"), _limit(fields, "max_completion_tokens")
    if older is not None and newer is not None and older != newer:
        fields.ignore("max_tokens")
    limit, name = (older, "max_tokens") if newer is None else (newer, "max_completion_tokens")
    if limit is None or limit == _NO_LIMIT:
        return None
    if limit < 1:
        raise InvalidRequest(f"{name}: at least 1 token is needed, or -1 for the default.", param=name)
    if limit > rules.max_output:
        # User interfaces send the size of the context here.
        fields.ignore(name)
        return rules.max_output
    return limit


def _limit(fields: Fields, name: str) -> int | None:
    value = fields.take_number(name)
    if value is None:
        return None
    if value != value or value in (float("inf"), float("-inf")) or value != int(value):
        raise InvalidRequest(f"{name}: a whole number is expected.", param=name)
    return int(value)


def parse_stop_sequences(fields: Fields) -> list[str]:
    """The stop sequences that Claude accepts; what is blank is not among them."""
    stop = fields.take("stop")
    if stop is None:
        return []
    if not isinstance(stop, (str, list)):
        raise InvalidRequest("stop: text or a list of texts is expected.", param="stop")
    wanted = cast("list[Any]", [stop] if isinstance(stop, str) else stop)
    for index, sequence in enumerate(wanted):
        if not isinstance(sequence, str):
            raise InvalidRequest(f"stop[{index}]: a stop sequence is text.", param=f"stop[{index}]")
    if any(sequence and sequence.isspace() for sequence in wanted):
        fields.ignore("stop")
    return [sequence for sequence in wanted if sequence and not sequence.isspace()]


def parse_sampling(fields: Fields, rules: ModelRules, *, thinks: bool) -> dict[str, float]:
    """temperature, top_p and top_k as far as the model takes them, beside its thinking or alone."""
    asked: dict[str, float] = {}
    if (temperature := _at_least(fields, "temperature", 0)) is not None:
        # OpenAI's scale ends at 2. It is cut off and not rescaled: 0.7 must stay 0.7.
        asked["temperature"] = _at_most_one(fields, "temperature", temperature)
    if (top_p := _at_least(fields, "top_p", 0)) is not None:
        asked["top_p"] = _at_most_one(fields, "top_p", top_p)
    if (top_k := _at_least(fields, "top_k", 0)) is not None and top_k >= 1:
        asked["top_k"] = int(top_k)
    kept = {name: value for name, value in asked.items() if _is_taken(name, value, asked, rules, thinks=thinks)}
    for name in asked:
        if name not in kept:
            fields.ignore(name)
    return kept


def _is_taken(name: str, value: float, asked: Mapping[str, float], rules: ModelRules, *, thinks: bool) -> bool:
    if rules.sampling != "free":
        return False
    if thinks:
        return name == "top_p" and value >= _LEAST_TOP_P_WITH_THINKING
    return name != "top_p" or "temperature" not in asked


def _at_least(fields: Fields, name: str, least: float) -> float | None:
    value = fields.take_number(name)
    if value is not None and not value >= least:
        raise InvalidRequest(f"{name}: a number from {least} on is expected.", param=name)
    return value


def _at_most_one(fields: Fields, name: str, value: float) -> float:
    if value > 1:
        fields.ignore(name)
        return 1.0
    return value


def refuse_what_cannot_be(fields: Fields) -> None:
    """Parameters that ask for another kind of answer, which nobody could tell apart from the one that comes.

    Raises InvalidRequest.
    """
    choices = fields.take_number("n")
    if choices is not None and choices != 1:
        raise InvalidRequest("n: Claude gives one answer per request; send the request again for more.", param="n")
    if fields.take("web_search_options") is not None:
        raise InvalidRequest(
            "web_search_options: searching the web is not supported; offer a tool that does.",
            param="web_search_options",
        )
    modalities = fields.take("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        raise InvalidRequest("modalities: Claude answers in text, not in audio.", param="modalities")
    if modalities is not None and modalities != ["text"]:
        fields.ignore("modalities")
