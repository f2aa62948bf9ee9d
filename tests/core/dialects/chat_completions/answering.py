"""Answers of Claude, as events, and what both renderings make of them: what the tests of the way back begin with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core.answers import Accumulator
from core.dialects.chat_completions.chunks import ChunkEncoder
from core.dialects.chat_completions.completion import render_completion
from core.dialects.chat_completions.names import ToolNames
from core.messages import Event

USAGE = {"input_tokens": 7, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 100, "output_tokens": 1}
FALLBACK_ID = "chatcmpl-fallback"


def start(usage: Any = USAGE, **message: Any) -> Event:
    fields = {"id": "msg_1", "role": "assistant", "model": "claude-x", "content": [], "usage": usage, **message}
    return {"type": "message_start", "message": {"type": "message", **fields}}


def block(index: int, opening: dict[str, Any], *deltas: dict[str, Any]) -> list[Event]:
    return [
        {"type": "content_block_start", "index": index, "content_block": opening},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *parts: str) -> list[Event]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": part} for part in parts))


def thinking(index: int, *parts: str, signature: str = "sig") -> list[Event]:
    deltas = [{"type": "thinking_delta", "thinking": part} for part in parts]
    opening = {"type": "thinking", "thinking": "", "signature": ""}
    return block(index, opening, *deltas, {"type": "signature_delta", "signature": signature})


def tool(index: int, name: str, *parts: str, tool_id: str | None = None, given: Any = None) -> list[Event]:
    opening = {"type": "tool_use", "id": tool_id or f"toolu_{index}", "name": name, "input": given or {}}
    return block(index, opening, *({"type": "input_json_delta", "partial_json": part} for part in parts))


def end(stop_reason: str | None = "end_turn", usage: Any = None, **delta: Any) -> list[Event]:
    counts = {"output_tokens": 20} if usage is None else usage
    return [
        {"type": "message_delta", "delta": {"stop_reason": stop_reason, **delta}, "usage": counts},
        {"type": "message_stop"},
    ]


def answer(*parts: list[Event], stop_reason: str | None = "end_turn", **delta: Any) -> list[Event]:
    return [start(), *(event for part in parts for event in part), *end(stop_reason, **delta)]


def encoder(
    names: ToolNames | None = None,
    *,
    include_usage: bool = False,
    legacy: bool = False,
    remembered: list[Any] | None = None,
) -> ChunkEncoder:
    return ChunkEncoder(
        model="asked-for",
        created=1_700_000_000,
        include_usage=include_usage,
        tool_names=names or ToolNames(),
        legacy_functions=legacy,
        on_thinking=lambda ids, blocks: remembered.append((list(ids), blocks)) if remembered is not None else None,
        fallback_id=FALLBACK_ID,
    )


def decoded(sent: bytes) -> list[dict[str, Any]]:
    """The chunks in `sent`, which are all of it but for `[DONE]`."""
    lines = [line for line in sent.decode().split("\n\n") if line]
    assert all(line.startswith("data: ") and "\n" not in line for line in lines)
    return [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]


def chunks(events: Iterable[Event], names: ToolNames | None = None, **options: Any) -> list[dict[str, Any]]:
    streamed = encoder(names, **options)
    sent = streamed.feed(list(events)) + streamed.close()
    assert sent.endswith(b"data: [DONE]\n\n")
    assert sent.count(b"[DONE]") == 1
    return decoded(sent)


def deltas(events: Iterable[Event], names: ToolNames | None = None, **options: Any) -> list[dict[str, Any]]:
    """What the chunks add to the answer, without the role and the finish."""
    parts = [chunk["choices"][0]["delta"] for chunk in chunks(events, names, **options) if chunk["choices"]]
    assert parts[0] == {"role": "assistant", "content": ""}
    return parts[1:-1]


def whole(
    events: Iterable[Event],
    names: ToolNames | None = None,
    *,
    legacy: bool = False,
    remembered: list[Any] | None = None,
) -> dict[str, Any]:
    accumulator = Accumulator()
    accumulator.feed(events)
    return render_completion(
        accumulator.message,
        model="asked-for",
        created=1_700_000_000,
        tool_names=names or ToolNames(),
        legacy_functions=legacy,
        on_thinking=lambda ids, blocks: remembered.append((list(ids), blocks)) if remembered is not None else None,
        fallback_id=FALLBACK_ID,
    )


def message(events: Iterable[Event], names: ToolNames | None = None, **options: Any) -> dict[str, Any]:
    return whole(events, names, **options)["choices"][0]["message"]
