"""A whole message → a chat completion, and the tables that the streamed form shares with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...answers import ARGUMENTS
from ...json_codec import encode_text, object_or_empty
from ...messages import JsonObject, Message, Usage
from .names import ToolNames
from .reasoning import SignedBlock, encode_details, signed_blocks

# Told once per answer that has both: the ids of its tool calls, and the signed thinking before them.
OnThinking = Callable[[Iterable[str], list[SignedBlock]], None]

# An answer that pauses is over as far as a chat completion goes; `length` would say that a limit was hit.
FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: str | None, *, called: bool, legacy_functions: bool) -> str:
    """OpenAI's word for `stop_reason`; unknown ones are an ordinary end.

    Without a call of the client's own tools (Claude's server tools are none) it is not told to run one.
    """
    reason = FINISH_REASONS.get(stop_reason or "", "stop")
    if reason != "tool_calls":
        return reason
    return ("function_call" if legacy_functions else "tool_calls") if called else "stop"


def refusal_of(stop_reason: str | None, stop_details: object) -> str | None:
    """Claude's explanation of a refusal, where it gives one."""
    explanation = object_or_empty(stop_details).get("explanation")
    return explanation if stop_reason == "refusal" and isinstance(explanation, str) and explanation else None


def render_usage(usage: Usage) -> JsonObject:
    """Token counts in OpenAI's convention, where the prompt's count includes what the cache held."""
    read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    prompt = _count(usage, "input_tokens") + read + written
    completion = _count(usage, "output_tokens")
    rendered: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    thought = object_or_empty(usage.get("output_tokens_details")).get("thinking_tokens")
    if isinstance(thought, int):
        rendered["completion_tokens_details"] = {"reasoning_tokens": thought}
    return rendered


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0


def render_completion(
    message: Message,
    *,
    model: str,
    created: int,
    tool_names: ToolNames,
    legacy_functions: bool,
    on_thinking: OnThinking,
    fallback_id: str,
) -> JsonObject:
    """The body of an answer that is not streamed. `model` is the client's own word, `created` seconds since 1970."""
    stop_reason = message["stop_reason"]
    calls = [block for block in message["content"] if block.get("type") == "tool_use"]
    rendered: JsonObject = {
        "role": "assistant",
        "content": _content(message, called=bool(calls)),
        "refusal": refusal_of(stop_reason, message.get("stop_details")),
    }
    if reasoning := "".join(_texts(message, "thinking")):
        rendered["reasoning_content"] = reasoning
    if calls and legacy_functions:
        rendered["function_call"] = _function(calls[0], tool_names)
    elif calls:
        rendered["tool_calls"] = [
            {"id": str(call.get("id")), "type": "function", "function": _function(call, tool_names)} for call in calls
        ]
        if thought := signed_blocks(message["content"]):
            tool_ids = [str(call.get("id")) for call in calls]
            on_thinking(tool_ids, thought)
            rendered["reasoning_details"] = encode_details(tool_ids[0], thought)
    reason = finish_reason(stop_reason, called=bool(calls), legacy_functions=legacy_functions)
    return {
        "id": f"chatcmpl-{message['id']}" if message["id"] else fallback_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "system_fingerprint": None,
        "choices": [{"index": 0, "message": rendered, "logprobs": None, "finish_reason": reason}],
        "usage": render_usage(message["usage"]),
    }


def _content(message: Message, *, called: bool) -> str | None:
    return "".join(_texts(message, "text")) or (None if called else "")


def _texts(message: Message, kind: str) -> Iterable[str]:
    for block in message["content"]:
        if block.get("type") == kind and isinstance(text := block.get(kind), str):
            yield text


def _function(call: JsonObject, tool_names: ToolNames) -> JsonObject:
    arguments = call.get(ARGUMENTS) or encode_text(object_or_empty(call.get("input")))
    return {"name": tool_names.client(str(call.get("name"))), "arguments": arguments}
