"""Signed thinking, out to the client and back: a tool loop goes on only if Claude gets its own thinking again.

It travels as `reasoning_details` of type `reasoning.encrypted`, which clients replay verbatim beside the tool call.
For clients that do not, ThinkingMemory holds the latest of it.
"""

from __future__ import annotations

import binascii
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ... import json_codec
from ...json_codec import list_or_empty, object_or_empty
from ...messages import JsonObject, RedactedThinkingBlock, ThinkingBlock

# Thinking that Claude will take back.
SignedBlock = ThinkingBlock | RedactedThinkingBlock
# What is remembered for a tool call, by its id.
Recall = Callable[[str], Sequence[SignedBlock] | None]

_TYPE = "reasoning.encrypted"
_FORMAT = "anthropic-claude-v1"
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]")


def encode_details(tool_id: str, blocks: Sequence[Mapping[str, Any]], index: int = 0) -> list[JsonObject]:
    """The `reasoning_details` that carry `blocks` through the client, tied to the tool call `tool_id`.

    Clients put items of one `index` together, so each item of an answer has its own.
    """
    data = binascii.b2a_base64(json_codec.encode(list(blocks)), newline=False).decode()
    return [{"type": _TYPE, "id": tool_id, "data": data, "format": _FORMAT, "index": index}]


def decode_details(value: object) -> list[SignedBlock]:
    """The blocks in a replayed `reasoning_details`; what is not ours, or damaged, is passed over."""
    seen: list[str] = []
    blocks: list[SignedBlock] = []
    for item in map(object_or_empty, list_or_empty(value)):
        data = item.get("data")
        # Clients may repeat one answer's thinking beside each of its calls.
        if item.get("type") != _TYPE or not isinstance(data, str) or data in seen:
            continue
        seen.append(data)
        try:
            blocks += signed_blocks(json_codec.decode(binascii.a2b_base64(data, strict_mode=True)))
        except ValueError:
            continue
    return blocks


def signed_blocks(value: object) -> list[SignedBlock]:
    """The thinking blocks of a JSON list that Claude will accept: those that bear a signature."""
    blocks: list[SignedBlock] = []
    for item in map(object_or_empty, list_or_empty(value)):
        match item:
            case {"type": "thinking", "thinking": str(thinking), "signature": str(signature)} if signature:
                blocks.append({"type": "thinking", "thinking": thinking, "signature": signature})
            case {"type": "redacted_thinking", "data": str(data)} if data:
                blocks.append({"type": "redacted_thinking", "data": data})
            case _:
                pass
    return blocks


def thinking_of(message: Mapping[str, object], tool_ids: Iterable[str], recall: Recall) -> list[SignedBlock]:
    """The signed thinking that belongs before an assistant message: the client's own if it sent any, else ours."""
    if blocks := signed_blocks(message.get("thinking_blocks")) or decode_details(message.get("reasoning_details")):
        return blocks
    for tool_id in tool_ids:
        if blocks := signed_blocks(recall(tool_id)):
            return blocks
    return []


class ThinkingMemory:
    """The thinking before the latest tool calls, by tool id, in memory only; the oldest goes first.

    Clients strip characters from ids, so letters and digits alone tell them apart.
    """

    def __init__(self, *, most_calls: int = 1_000, most_bytes: int = 32 << 20) -> None:
        self._most_calls = most_calls
        self._most_bytes = most_bytes
        self._bytes = 0
        self._blocks: OrderedDict[str, tuple[Sequence[SignedBlock], int]] = OrderedDict()

    def remember(self, tool_ids: Iterable[str], blocks: Sequence[SignedBlock]) -> None:
        size = len(json_codec.encode(blocks))
        for key in map(_key, tool_ids):
            _, replaced = self._blocks.pop(key, ([], 0))
            self._blocks[key] = (blocks, size)
            self._bytes += size - replaced
        while len(self._blocks) > self._most_calls or self._bytes > self._most_bytes:
            _, (_, freed) = self._blocks.popitem(last=False)
            self._bytes -= freed

    def recall(self, tool_id: str) -> Sequence[SignedBlock] | None:
        blocks, _ = self._blocks.get(_key(tool_id), (None, 0))
        return blocks


def _key(tool_id: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", tool_id)
