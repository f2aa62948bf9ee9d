"""What to change when Claude refuses a translated request for something that a newer model no longer takes.

The model table cannot know tomorrow's models, so a 400 that names a parameter as unsupported is read, the parameter
is taken out, and the request goes once more. Pure: the gateway decides when, and remembers what was learned.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from .json_codec import encode_text
from .messages import Block, MessagesRequest, TextBlock, Turn
from .wording import CONTINUE, OPERATOR_NOTE, must_call, one_json_object_like

# Whom a lesson is remembered for, until the program restarts: every request to the model, requests of one client to
# it (whose own edits of its history make signatures invalid), or nobody, as it was about this one request.
Scope = Literal["model", "client", "request"]

# The client's name is its own choice, and must not fill the memory.
_MOST_LEARNED = 1000

# Changes a request, and says whether there was anything to change.
Change = Callable[[MessagesRequest], bool]

_UNSUPPORTED = re.compile(
    r"not supported|unsupported|does not support|deprecated|not permitted|cannot both be specified"
    r"|may only be|unexpected|not available|range|should be|not allowed",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"invalid `?signature`?|bound to a different conversation", re.IGNORECASE)
_THINKING_EXPECTED = re.compile(r"expected `?thinking`? or `?redacted_thinking`?", re.IGNORECASE)
_PREFILL = re.compile(r"assistant message prefill|must end with a user message", re.IGNORECASE)
_INLINE_SYSTEM = re.compile(r"role '?system'?.*not supported", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One change that makes a refused request acceptable; `name` is what the client is told was left out."""

    name: str
    scope: Scope
    change: Change


def diagnose(message: str, request: MessagesRequest) -> Lesson | None:
    """What to change in `request` after Claude's 400 said `message`; None where nothing of ours is at fault."""
    return next((lesson for find in _FINDERS if (lesson := find(message, request))), None)


def _invalid_signature(message: str, request: MessagesRequest) -> Lesson | None:
    if _SIGNATURE.search(message) and any(map(_has_thinking, request["messages"])):
        return Lesson("thinking_blocks", "client", _strip_thinking_blocks)
    return None


def _thinking_expected(message: str, request: MessagesRequest) -> Lesson | None:
    if _THINKING_EXPECTED.search(message) and "thinking" in request:
        return Lesson("thinking", "request", lambda request: _pop(request, "thinking"))
    return None


def _prefill_refused(message: str, request: MessagesRequest) -> Lesson | None:
    if _PREFILL.search(message) and request["messages"][-1]["role"] == "assistant":
        return Lesson("prefill", "model", _end_with_a_user_turn)
    return None


def _inline_system_refused(message: str, request: MessagesRequest) -> Lesson | None:
    if _INLINE_SYSTEM.search(message) and any(turn["role"] == "system" for turn in request["messages"]):
        return Lesson("inline_system", "model", _inline_system_as_notes)
    return None


def _schema_refused(message: str, request: MessagesRequest) -> Lesson | None:
    config = request.get("output_config", {})
    if "format" in config and ("output_config.format" in message or "schema" in message.lower()):
        return Lesson("response_format.json_schema", "request", _schema_as_instruction)
    return None


def _strict_refused(message: str, request: MessagesRequest) -> Lesson | None:
    strict = any("strict" in tool for tool in request.get("tools", []))
    if strict and ("strict" in message or message.startswith("tools")):
        return Lesson("tools.strict", "request", _without_strict)
    return None


def _forced_tool_refused(message: str, request: MessagesRequest) -> Lesson | None:
    forced = request.get("tool_choice", {"type": "auto"})["type"] in ("any", "tool")
    if forced and "tool_choice" in message and _UNSUPPORTED.search(message):
        return Lesson("tool_choice", "model", _ask_for_the_tool)
    return None


def _parameter_refused(message: str, request: MessagesRequest) -> Lesson | None:
    if not _UNSUPPORTED.search(message):
        return None
    if "cannot both be specified" in message:
        drop_top_p = Lesson("top_p", "model", lambda request: _pop(request, "top_p"))
        return drop_top_p if "top_p" in request else None
    if "effort" in request.get("output_config", {}) and re.search(r"\beffort\b", message):
        return Lesson("reasoning_effort", "model", _without_effort)
    for name in ("temperature", "top_p", "top_k", "stop_sequences", "thinking"):
        if name in request and re.search(rf"\b{name}\b", message):
            return Lesson(name, "model", lambda request, name=name: _pop(request, name))
    return None


# The special before the general: "thinking" is named in messages about signatures, too.
_FINDERS: tuple[Callable[[str, MessagesRequest], Lesson | None], ...] = (
    _invalid_signature,
    _thinking_expected,
    _prefill_refused,
    _inline_system_refused,
    _schema_refused,
    _strict_refused,
    _forced_tool_refused,
    _parameter_refused,
)


def _pop(request: MessagesRequest, name: str) -> bool:
    return cast("dict[str, object]", request).pop(name, None) is not None


def _has_thinking(turn: Turn) -> bool:
    return any(block["type"] in ("thinking", "redacted_thinking") for block in turn["content"])


def _strip_thinking_blocks(request: MessagesRequest) -> bool:
    """Without its thinking a tool loop may not go on under a thinking budget, so that is turned off, too."""
    if not any(map(_has_thinking, request["messages"])):
        return False
    for turn in request["messages"]:
        kept: list[Block] = [b for b in turn["content"] if b["type"] not in ("thinking", "redacted_thinking")]
        turn["content"] = kept
    request["messages"] = [turn for turn in request["messages"] if turn["content"]]
    if request.get("thinking", {"type": ""})["type"] == "enabled":
        _pop(request, "thinking")
    return True


def _end_with_a_user_turn(request: MessagesRequest) -> bool:
    if request["messages"][-1]["role"] != "assistant":
        return False
    request["messages"].append({"role": "user", "content": [{"type": "text", "text": CONTINUE}]})
    return True


def _inline_system_as_notes(request: MessagesRequest) -> bool:
    """An inline system entry stands behind a user turn; its text joins that turn."""
    turns: list[Turn] = []
    for turn in request["messages"]:
        if turn["role"] != "system":
            turns.append(turn)
            continue
        notes: list[Block] = [
            {"type": "text", "text": f"{OPERATOR_NOTE} {block['text']}"}
            for block in turn["content"]
            if block["type"] == "text"
        ]
        turns[-1]["content"] = [*turns[-1]["content"], *notes]
    changed = len(turns) < len(request["messages"])
    request["messages"] = turns
    return changed


def _schema_as_instruction(request: MessagesRequest) -> bool:
    config = request.get("output_config", {})
    if "format" not in config:
        return False
    schema = config.pop("format").get("schema", {})
    if not config:
        _pop(request, "output_config")
    _add_system_line(request, one_json_object_like(encode_text(schema)))
    return True


def _without_strict(request: MessagesRequest) -> bool:
    strict = [tool.pop("strict", False) for tool in request.get("tools", [])]
    return any(strict)


def _ask_for_the_tool(request: MessagesRequest) -> bool:
    choice = request.get("tool_choice", {"type": "auto"})
    if choice["type"] not in ("any", "tool"):
        return False
    _add_system_line(request, must_call(choice.pop("name", None)))
    choice["type"] = "auto"
    return True


def _without_effort(request: MessagesRequest) -> bool:
    config = request.get("output_config", {})
    had = config.pop("effort", None) is not None
    if had and not config:
        _pop(request, "output_config")
    return had


def _add_system_line(request: MessagesRequest, text: str) -> None:
    block: TextBlock = {"type": "text", "text": text}
    request["system"] = [*request.get("system", []), block]


class Lessons:
    """What was learned since the program started: model by model, and for some lessons client by client."""

    def __init__(self) -> None:
        self._learned: dict[tuple[str, str], dict[str, Lesson]] = {}

    def apply(self, request: MessagesRequest, client: str) -> list[str]:
        """Change `request` by all that was learned for its model and `client`; the names of what was left out."""
        lessons = {
            **self._learned.get((request["model"], ""), {}),
            **self._learned.get((request["model"], client), {}),
        }
        return [name for name, lesson in lessons.items() if lesson.change(request)]

    def learn(self, lesson: Lesson, model: str, client: str) -> None:
        if lesson.scope != "request" and len(self._learned) < _MOST_LEARNED:
            self._learned.setdefault((model, client if lesson.scope == "client" else ""), {})[lesson.name] = lesson
