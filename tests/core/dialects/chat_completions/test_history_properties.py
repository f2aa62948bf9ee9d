"""Any history at all: Claude accepts the translation, and nothing that was said is lost or changes place.

Every text, argument, result and image of the random histories carries a token of its own, so that each can be found
again. Only results move (K8, K13), images of the assistant's (I10) and later system messages (M4).
"""

from __future__ import annotations

import base64
import copy
import re
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from core.dialects.chat_completions.caching import place_breakpoints
from core.dialects.chat_completions.history import History, parse_history
from core.dialects.chat_completions.names import ToolNames
from core.errors import InvalidRequest
from core.json_codec import encode_text
from core.messages import MessagesRequest
from core.models import rules_for
from tests.simulated_claude.validation import validate_messages_request

TOKEN = re.compile(r"«\d+»")
MODELS = ("claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5")
IDS = st.sampled_from(["a", "b", "call_0", "call_0-2", "call|1:x", "call.1:x", "", None, 7])
NAMES = st.sampled_from(["look", "fs/read", "fs.read", "go"])
MARKS = st.sampled_from([None, None, None, {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}, "junk"])
# A picture of one pixel; what follows its end is the token.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
FIELDS = st.sampled_from(
    [
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "file",
        "file_data",
        "filename",
        "tool_calls",
        "id",
        "name",
        "function",
        "arguments",
        "tool_call_id",
        "function_call",
        "refusal",
        "cache_control",
        "reasoning_details",
        "data",
        "thinking_blocks",
        "thinking",
        "signature",
        "custom",
        "input",
    ]
)
WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "system",
        "tool",
        "function",
        "text",
        "image_url",
        "file",
        "refusal",
        "custom",
        "thinking",
        "reasoning.encrypted",
        "ephemeral",
        "data:image/png;base64,AAAA",
        "data:,%ff",
        "https://x/y",
    ]
)
JUNK = st.recursive(
    st.one_of(SCALARS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(FIELDS, inner, max_size=4)),
    max_leaves=15,
)
ROLES = st.sampled_from(["user", "assistant", "system", "tool", "function"])
JUNK_MESSAGE = st.builds(lambda role, junk: {**junk, "role": role}, ROLES, st.dictionaries(FIELDS, JUNK, max_size=5))


@dataclass(slots=True)
class Script:
    """A random history, and which tokens were said by whom."""

    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    # Texts of users and assistants and arguments of calls, in order, results included.
    said: list[str] = field(default_factory=list[str])
    results: set[str] = field(default_factory=set[str])
    # Results that a later one before the next assistant message may replace.
    replaceable: set[str] = field(default_factory=set[str])
    system: list[str] = field(default_factory=list[str])
    images: list[str] = field(default_factory=list[str])
    client_ids: dict[str, object] = field(default_factory=dict[str, object])
    tokens: int = 0

    def token(self) -> str:
        self.tokens += 1
        return f"«{self.tokens}»"

    def image(self) -> dict[str, Any]:
        data = base64.b64encode(PIXEL + str(len(self.images)).encode()).decode()
        self.images.append(data)
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


@st.composite
def contents(draw: st.DrawFn, script: Script, said: list[str], *, images: bool) -> object:
    """Content of any shape; its tokens are added to `said`."""

    def text() -> str:
        said.append(script.token())
        return draw(st.sampled_from(["{} ", " x{}", "{}\n"])).format(said[-1])

    kinds = ["text", "blank", "string", "image"] if images else ["text", "blank", "string"]
    match draw(st.sampled_from(["text", "text", "text", "empty", "parts"])):
        case "text":
            return text()
        case "empty":
            return draw(st.sampled_from(["", None, [], "  "]))
        case _:
            parts: list[object] = []
            for kind in draw(st.lists(st.sampled_from(kinds), max_size=3)):
                match kind:
                    case "text":
                        parts.append({"type": "text", "text": text(), "cache_control": draw(MARKS)})
                    case "blank":
                        parts.append({"type": "text", "text": " ", "cache_control": draw(MARKS)})
                    case "string":
                        parts.append(text())
                    case _:
                        parts.append(script.image())
            return parts


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    script = Script()
    roles = ["system", "developer", "user", "user", "assistant", "calls", "calls", "tool", "tool", "tool", "function"]
    for role in draw(st.lists(st.sampled_from(roles), min_size=1, max_size=14)):
        message: dict[str, Any] = {"role": role}
        if mark := draw(MARKS):
            message["cache_control"] = mark
        match role:
            case "system" | "developer":
                message["content"] = draw(contents(script, script.system, images=False))
            case "user":
                message["content"] = draw(contents(script, script.said, images=True))
            case "tool" | "function":
                _add_result(draw, script, message)
            case _:
                message |= {"role": "assistant", "content": draw(contents(script, script.said, images=True))}
                if role == "calls":
                    message["tool_calls"] = [
                        _call(draw, script) for _ in range(draw(st.integers(min_value=0, max_value=3)))
                    ]
        script.messages.append(message)
    return script


def _call(draw: st.DrawFn, script: Script) -> dict[str, Any]:
    script.said.append(script.token())
    script.client_ids[script.said[-1]] = tool_id = draw(IDS)
    arguments = draw(st.sampled_from(['{{"x":"{}"}}', '{{"x":"{}', '["{}"]'])).format(script.said[-1])
    function = {"name": draw(NAMES), "arguments": arguments}
    return {"id": tool_id, "type": "function", "function": function, "cache_control": draw(MARKS)}


def _add_result(draw: st.DrawFn, script: Script, message: dict[str, Any]) -> None:
    before = len(script.said)
    message["content"] = draw(contents(script, script.said, images=False))
    if message["role"] == "tool":
        message["tool_call_id"] = draw(IDS)
    else:
        message["name"] = draw(NAMES)
    for earlier in reversed(script.messages):
        # An assistant message without a word or call is dropped, and ends nothing.
        if earlier["role"] == "assistant" and (earlier.get("tool_calls") or tokens_in(earlier["content"])):
            break
        script.replaceable |= earlier.get("_tokens", set())
    tokens = set(script.said[before:])
    script.results |= tokens
    script.client_ids |= dict.fromkeys(tokens, message.get("tool_call_id"))
    # An unknown field; it must not be passed on either.
    message["_tokens"] = tokens


def body_of(result: History, model: str) -> MessagesRequest:
    body: dict[str, Any] = {"model": model, "max_tokens": 100, "messages": result.turns}
    if result.system:
        body["system"] = result.system
    if result.used_tools:
        body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in result.used_tools]
    return cast("MessagesRequest", body)


def tokens_in(value: object) -> list[str]:
    return TOKEN.findall(encode_text(value))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts(), model=st.sampled_from(MODELS))
def test_any_history_is_accepted_and_loses_nothing(script: Script, model: str) -> None:
    before = copy.deepcopy(script.messages)
    try:
        result = parse_history(script.messages, rules=rules_for(model), names=ToolNames(), recall=lambda _tool_id: None)
    except InvalidRequest as refusal:
        event("refused")
        check_refusal(script, refusal)
        return
    assert script.messages == before

    body = body_of(result, model)
    place_breakpoints(body, result.ends, rules_for(model), automatic=True)
    assert validate_messages_request(cast("dict[str, Any]", body), version="2023-06-01") is None
    assert result.prefill == (result.turns[-1]["role"] == "assistant")
    check_nothing_is_lost(script, result)
    check_results_stay_with_their_calls(script, result)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts(), model=st.sampled_from(MODELS))
def test_messages_of_a_role_and_a_text_alone_are_read_as_all_others_are(script: Script, model: str) -> None:
    padded = [{**message, "refusal": None} for message in script.messages]
    event(f"{sum(len(message) == 2 for message in script.messages)} of a role and a content")
    assert outcome(script.messages, model) == outcome(padded, model)


def outcome(messages: list[dict[str, Any]], model: str) -> History | str:
    try:
        return parse_history(messages, rules=rules_for(model), names=ToolNames(), recall=lambda _tool_id: None)
    except InvalidRequest as refusal:
        return str(refusal)


def check_refusal(script: Script, refusal: InvalidRequest) -> None:
    """Only an empty last word of the user's, or a history without any word, is refused (M6, M8)."""
    match = re.fullmatch(r"messages\[(\d+)\]\.content", refusal.param or "")
    assert match
    message = script.messages[int(match[1])]
    assert not tokens_in(message["content"])
    assert message["role"] == "user" or not tokens_in([m["content"] for m in script.messages])


def check_nothing_is_lost(script: Script, result: History) -> None:
    moved = {token for turn in result.turns for block in turn["content"] if block["type"] == "tool_result"
             for token in tokens_in(block)}  # fmt: skip
    assert moved <= script.results
    system = set(script.system)
    everything = [*tokens_in(result.system), *tokens_in(result.turns)]
    assert [token for token in everything if token in system] == script.system

    lost = set(script.said) - set(everything)
    assert lost <= script.replaceable
    stays = [token for token in script.said if token not in moved | lost]
    assert [token for token in everything if token not in moved | system] == stays
    assert sorted(token for token in everything if token in moved) == sorted(moved)

    images = [block["source"]["data"] for turn in result.turns for block in turn["content"] if block["type"] == "image"]
    assert sorted(images) == sorted(script.images)


def check_results_stay_with_their_calls(script: Script, result: History) -> None:
    calls: dict[str, str] = {}
    for turn in result.turns:
        for block in turn["content"]:
            if block["type"] == "tool_use":
                (calls[block["id"]],) = tokens_in(block)
            elif block["type"] == "tool_result":
                call_id = script.client_ids[calls[block["tool_use_id"]]]
                for token in tokens_in(block):
                    result_id = script.client_ids[token]
                    assert result_id in (None, "") or str(result_id) == str(call_id)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=st.one_of(st.lists(JUNK_MESSAGE, max_size=4), JUNK), model=st.sampled_from(MODELS))
def test_junk_is_translated_or_refused_with_its_path_but_never_breaks_anything(messages: object, model: str) -> None:
    before = copy.deepcopy(messages)
    param: str | None = "messages"
    try:
        result = parse_history(messages, rules=rules_for(model), names=ToolNames(), recall=lambda _tool_id: None)
        place_breakpoints(body_of(result, model), result.ends, rules_for(model), automatic=True)
    except InvalidRequest as refusal:
        param = refusal.param
    assert (param or "").startswith("messages")
    assert messages == before
