"""Events → the chunks of a streamed chat completion, as bytes ready to be written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from ... import sse
from ...answers import index_of, merge_usage
from ...errors import ProxyError
from ...json_codec import encode, encode_text, object_or_empty
from ...messages import Event, JsonObject, Usage
from .completion import OnThinking, finish_reason, refusal_of, render_usage
from .errors import render_error
from .names import ToolNames
from .reasoning import SignedBlock, encode_details, signed_blocks

_DONE = sse.encode(b"[DONE]")


@dataclass(slots=True)
class _ToolCall:
    """A call that is being streamed. `ordinal` counts calls only: clients use it as a place in a list."""

    ordinal: int
    input: JsonObject
    arguments_sent: bool = False


@dataclass(slots=True)
class _Thinking:
    """A thinking block that is being streamed, with the fields that it will be sent back with."""

    block: JsonObject
    parts: list[str] = field(default_factory=list[str])

    def whole(self) -> JsonObject:
        said = str(self.block.get("thinking") or "") + "".join(self.parts)
        return self.block if self.block["type"] == "redacted_thinking" else {**self.block, "thinking": said}


class ChunkEncoder:
    """One streamed answer. `feed` it events, then `close` it, or `fail` it; all return what to write, perhaps nothing.

    The role is told in a chunk of its own, right before the first content, or with the first heartbeat: from then on
    the answer has an id, `fallback_id` where the upstream had not told one yet.
    """

    def __init__(
        self,
        *,
        model: str,
        created: int,
        include_usage: bool,
        tool_names: ToolNames,
        legacy_functions: bool,
        on_thinking: OnThinking,
        fallback_id: str,
    ) -> None:
        self._model = model
        self._created = created
        self._include_usage = include_usage
        self._tool_names = tool_names
        self._legacy_functions = legacy_functions
        self._on_thinking = on_thinking
        self._id = fallback_id
        self._head = b""
        self._tail = b""
        # What stands before and behind a piece of text.
        self._text_head = b""
        self._text_tail = b""
        self._open: dict[int, _ToolCall | _Thinking] = {}
        self._tool_ids: list[str] = []
        self._thought: list[SignedBlock] = []
        # Signed thinking that no tool call has carried to the client yet.
        self._uncarried: list[SignedBlock] = []
        # How many have: each carries an item with a number of its own.
        self._carried = 0
        self._stop_details: object = None
        self.stop_reason: str | None = None
        self.usage: Usage = {}
        # The upstream has said all.
        self.complete = False

    def feed(self, events: Iterable[Event]) -> bytes:
        parts: list[bytes] = []
        for event in events:
            # Nearly all events of a long answer are this one.
            if event["type"] == "content_block_delta" and self._head:
                text = _text_of(event.get("delta"))
                if text:
                    parts += (self._text_head, encode(text), self._text_tail)
                    continue
            parts.append(self._event(event))
        return b"".join(parts)

    def heartbeat(self) -> bytes:
        """A sign of life that clients count as one: they pass comments over."""
        return self._role() or self._chunk(b"{}")

    def close(self) -> bytes:
        """The end of a good answer."""
        unended = b"".join([self._block_stop(index) for index in list(self._open)])
        if self._tool_ids and self._thought:
            self._on_thinking(self._tool_ids, self._thought)
        refusal = refusal_of(self.stop_reason, self._stop_details)
        parts = [
            unended,
            self._role(),
            self._delta({"refusal": refusal}) if refusal else b"",
            self._finish(),
            self._usage_chunk() if self._include_usage else b"",
            _DONE,
        ]
        return b"".join(parts)

    def fail(self, error: ProxyError) -> bytes:
        """The end of a bad one: without a finish reason and without [DONE], which would look like success."""
        return sse.encode(encode(render_error(error)))

    def _event(self, event: Event) -> bytes:
        match event["type"]:
            case "content_block_delta":
                return self._block_delta(index_of(event), object_or_empty(event.get("delta")))
            case "content_block_start":
                return self._block_start(index_of(event), object_or_empty(event.get("content_block")))
            case "content_block_stop":
                return self._block_stop(index_of(event))
            case "message_start":
                self._message_start(object_or_empty(event.get("message")))
            case "message_delta":
                self._message_delta(event)
            case "message_stop":
                self.complete = True
            case _:
                pass
        return b""

    def _message_start(self, message: JsonObject) -> None:
        merge_usage(self.usage, message.get("usage"))
        if not self._head and isinstance(message.get("id"), str):
            self._id = f"chatcmpl-{message['id']}"

    def _message_delta(self, event: Event) -> None:
        delta = object_or_empty(event.get("delta"))
        if isinstance(stop_reason := delta.get("stop_reason"), str):
            self.stop_reason = stop_reason
        self._stop_details = delta.get("stop_details") or self._stop_details
        merge_usage(self.usage, event.get("usage"))

    def _block_start(self, index: int, block: JsonObject) -> bytes:
        match block:
            case {"type": "text", "text": str(text)} if text:
                return self._delta({"content": text})
            case {"type": "thinking" | "redacted_thinking"}:
                self._open[index] = _Thinking(dict(block))
                thinking = block.get("thinking")
                return self._delta({"reasoning_content": thinking}) if isinstance(thinking, str) and thinking else b""
            case {"type": "tool_use"}:
                return self._tool_start(index, block)
            case _:
                # Whatever the upstream's own tools do is not the client's to run.
                return b""

    def _block_delta(self, index: int, delta: JsonObject) -> bytes:
        match delta:
            case {"type": "text_delta", "text": str(text)} if text:
                return self._delta({"content": text})
            case {"type": "input_json_delta", "partial_json": str(partial)} if partial:
                call = self._open.get(index)
                return self._arguments(call, partial) if isinstance(call, _ToolCall) else b""
            case {"type": "thinking_delta", "thinking": str(thinking)} if thinking:
                if isinstance(open_block := self._open.get(index), _Thinking):
                    open_block.parts.append(thinking)
                return self._delta({"reasoning_content": thinking})
            case {"type": "signature_delta", "signature": str(signature)}:
                if isinstance(open_block := self._open.get(index), _Thinking):
                    open_block.block["signature"] = signature
                return b""
            case _:
                return b""

    def _block_stop(self, index: int) -> bytes:
        match self._open.pop(index, None):
            case _ToolCall() as call if not call.arguments_sent:
                # Arguments that are blank, not `{}`, end the turn in many clients.
                return self._arguments(call, encode_text(call.input))
            case _Thinking() as thinking:
                signed = signed_blocks([thinking.whole()])
                self._thought += signed
                self._uncarried += signed
            case _:
                pass
        return b""

    def _tool_start(self, index: int, block: JsonObject) -> bytes:
        tool_id, name = str(block.get("id")), self._tool_names.client(str(block.get("name")))
        call = _ToolCall(len(self._tool_ids), object_or_empty(block.get("input")))
        if self._legacy_functions and self._tool_ids:
            return b""  # a `function_call` can only be one, and one is what was asked for
        self._open[index] = call
        self._tool_ids.append(tool_id)
        function: JsonObject = {"name": name, "arguments": ""}
        if self._legacy_functions:
            return self._delta({"function_call": function})
        delta: JsonObject = {
            "tool_calls": [{"index": call.ordinal, "id": tool_id, "type": "function", "function": function}]
        }
        if self._uncarried:
            delta["reasoning_details"] = encode_details(tool_id, self._uncarried, self._carried)
            self._carried += 1
            self._uncarried = []
        return self._delta(delta)

    def _arguments(self, call: _ToolCall, partial: str) -> bytes:
        call.arguments_sent = True
        if self._legacy_functions:
            return self._delta({"function_call": {"arguments": partial}})
        return self._delta({"tool_calls": [{"index": call.ordinal, "function": {"arguments": partial}}]})

    def _finish(self) -> bytes:
        reason = finish_reason(self.stop_reason, called=bool(self._tool_ids), legacy_functions=self._legacy_functions)
        return self._chunk(b"{}", encode(reason))

    def _usage_chunk(self) -> bytes:
        start = self._head.partition(b'"choices":')[0]
        return start + b'"choices":[],"usage":' + encode(render_usage(self.usage)) + b"}\n\n"

    def _delta(self, delta: JsonObject) -> bytes:
        return self._role() + self._chunk(encode(delta))

    def _role(self) -> bytes:
        if self._head:
            return b""
        # All chunks of one answer differ in their delta and finish reason only.
        head = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
            "system_fingerprint": None,
        }
        self._head = b"data: " + encode(head)[:-1] + b',"choices":[{"index":0,"delta":'
        self._tail = b'}],"usage":null}\n\n' if self._include_usage else b"}]}\n\n"
        self._text_head = self._head + b'{"content":'
        self._text_tail = b'},"logprobs":null,"finish_reason":null' + self._tail
        return self._chunk(b'{"role":"assistant","content":""}')

    def _chunk(self, delta: bytes, reason: bytes = b"null") -> bytes:
        return self._head + delta + b',"logprobs":null,"finish_reason":' + reason + self._tail


def _text_of(delta: Any) -> str | None:
    if isinstance(delta, dict):
        fields = cast("JsonObject", delta)
        if fields.get("type") == "text_delta" and isinstance(text := fields.get("text"), str):
            return text
    return None
