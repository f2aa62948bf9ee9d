"""Prompt caching: the client's own marks within Claude's limits, or automatic ones where it set none.

The cache holds a prefix of tools → system → messages, so the order of all marks is the order of that prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ...json_codec import encode
from ...messages import Block, CacheControl, JsonObject, MessagesRequest, Tool
from ...models import ModelRules

_MOST_MARKS = 4
_CHARACTERS_PER_TOKEN = 3.5
# An image costs by its pixels, not by the length of its base64: about 1,500 tokens at full size.
_IMAGE_CHARACTERS = round(1_500 * _CHARACTERS_PER_TOKEN)

Part = Block | Tool


def cache_control_of(value: object) -> CacheControl | None:
    """The mark that a client put on something; None for what Claude would refuse."""
    if not isinstance(value, dict):
        return None
    mark = cast("JsonObject", value)
    if mark.get("type") != "ephemeral":
        return None
    match mark.get("ttl"):
        case None:
            return {"type": "ephemeral"}
        case "5m" | "1h" as ttl:
            return {"type": "ephemeral", "ttl": ttl}
        case _:
            return None


def place_breakpoints(request: MessagesRequest, ends: Sequence[Block], rules: ModelRules, *, automatic: bool) -> None:
    """Bring the client's marks within the limits, or set our own if it has none and `automatic` says so.

    `ends` are the last blocks of the client's messages. Changes blocks of `request` in place.
    """
    prefix = _prefix(request)
    marked = [part for part in prefix if "cache_control" in part]
    if marked:
        _keep_within_limits(marked)
    elif automatic:
        _mark_stable_ends(request, prefix, ends, rules)


def _prefix(request: MessagesRequest) -> list[Part]:
    """Everything that can be cached, in the order in which it is."""
    parts: list[Part] = [*request.get("tools", []), *request.get("system", [])]
    for turn in request["messages"]:
        parts += turn["content"]
    return parts


def _keep_within_limits(marked: Sequence[Part]) -> None:
    """At most four marks, the latest, and none that lives an hour behind one that lives five minutes."""
    surplus = max(0, len(marked) - _MOST_MARKS)
    for part in marked[:surplus]:
        part.pop("cache_control", None)
    short_seen = False
    for part in marked[surplus:]:
        mark = cast("JsonObject", part)["cache_control"]
        if mark.get("ttl") != "1h":
            short_seen = True
        elif short_seen:
            mark["ttl"] = "5m"


def _mark_stable_ends(
    request: MessagesRequest, prefix: Sequence[Part], ends: Sequence[Block], rules: ModelRules
) -> None:
    """Mark the ends of tools, system and the last two messages, as far as the prefix is long enough to be cached.

    Clients append a volatile last message (OpenClaw does, to every request), which only the mark before it survives.
    """
    wanted: list[Part] = [*request.get("tools", [])[-1:], *request.get("system", [])[-1:], *ends[-2:]]
    needed = rules.cache_minimum * _CHARACTERS_PER_TOKEN
    too_early: set[int] = set()
    for part in prefix:
        needed -= _characters(part)
        if needed <= 0:
            break
        too_early.add(id(part))
    for part in wanted:
        if id(part) not in too_early and _can_be_marked(part):
            cast("JsonObject", part)["cache_control"] = {"type": "ephemeral"}


def _can_be_marked(part: Part) -> bool:
    match part.get("type"):
        case "thinking" | "redacted_thinking":
            return False
        case "text":
            return bool(cast("JsonObject", part)["text"].strip())
        case _:
            return True


def _characters(part: Part) -> int:
    """About how long `part` is in the prompt."""
    content = cast("JsonObject", part)
    match content.get("type"):
        case "text":
            return len(content["text"])
        case "image":
            return _IMAGE_CHARACTERS
        case "document":
            source = content["source"]
            return len(source["data"]) if source["type"] == "text" else _IMAGE_CHARACTERS
        case "thinking":
            return len(content["thinking"])
        case "redacted_thinking":
            return len(content["data"])
        case "tool_result":
            inner = content.get("content", "")
            return len(inner) if isinstance(inner, str) else sum(map(_characters, inner))
        case _:  # a tool or a call of one: its JSON is what Claude reads
            return len(encode(content))
