"""Reading an answer of the Messages API: frames → events, events → a whole message, and a whole message → events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from . import json_codec
from .json_codec import object_or_empty
from .messages import Event, JsonObject, Message, Usage
from .sse import Frame

# Where an accumulated tool call keeps its arguments as they came, be they cut off or not: `input` holds what they
# mean, and half of a JSON text means nothing.
ARGUMENTS = "partial_json"


_decoder = msgspec.json.Decoder(dict[str, Any])


class EventError(ValueError):
    """A frame's data is no event."""


def decode_event(frame: Frame) -> Event | None:
    """The event in `frame`; None where it has none to tell. Raises EventError for what is no JSON object."""
    try:
        event = _decoder.decode(frame.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        event = _decoded_with_care(frame.data)
    if not isinstance(event.get("type"), str):
        if not frame.event:
            return None
        event["type"] = frame.event
    return event


def _decoded_with_care(data: bytes) -> Event:
    """For the few that the fast decoder refuses: half an emoji is no reason to end an answer."""
    try:
        value = json_codec.decode(data)
    except json_codec.JSONError as error:
        raise EventError(f"an event is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise EventError("an event is no JSON object")
    return object_or_empty(value)


def index_of(event: Event) -> int:
    """Which of the answer's blocks the event is about; -1 where it does not say."""
    index = event.get("index")
    return index if isinstance(index, int) else -1


def merge_usage(usage: Usage, update: object) -> None:
    """Counts are cumulative: what `update` names replaces what was known, and what it leaves out stays."""
    for name, value in object_or_empty(update).items():
        if value is not None:
            usage[name] = value  # pyright: ignore[reportGeneralTypeIssues]  # whatever it counts is carried along


@dataclass(slots=True)
class _Block:
    """A content block that is being streamed: what came with its start, and what was added to its fields."""

    start: JsonObject
    parts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def whole(self) -> JsonObject:
        block = dict(self.start)
        for name, parts in self.parts.items():
            block[name] = str(block.get(name) or "") + "".join(parts)
        return block


class Accumulator:
    """Collects the events of one answer into the message that they spell. Unknown events and blocks stay what they are.

    The `input` of a tool call is the object that came with its start; what was streamed after it stands as text under
    ARGUMENTS.
    """

    def __init__(self) -> None:
        self.usage: Usage = {}
        self._message: Message = {"id": "", "model": "", "content": [], "stop_reason": None, "usage": self.usage}
        self._blocks: list[_Block] = []
        self._by_index: dict[int, _Block] = {}

    @property
    def message(self) -> Message:
        """The message, as far as it has come."""
        return {**self._message, "content": [block.whole() for block in self._blocks]}

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            match event["type"]:
                case "message_start":
                    self._begin(object_or_empty(event.get("message")))
                case "content_block_start":
                    block = _Block(object_or_empty(event.get("content_block")))
                    self._by_index[index_of(event)] = block
                    self._blocks.append(block)
                case "content_block_delta":
                    block = self._by_index.get(index_of(event))
                    if block is not None:
                        _extend(block, object_or_empty(event.get("delta")))
                case "message_delta":
                    self._end(event)
                case _:
                    pass

    def _begin(self, message: JsonObject) -> None:
        for name in ("id", "model"):
            if isinstance(message.get(name), str):
                self._message[name] = message[name]
        merge_usage(self.usage, message.get("usage"))

    def _end(self, event: Event) -> None:
        delta = object_or_empty(event.get("delta"))
        if isinstance(stop_reason := delta.get("stop_reason"), str):
            self._message["stop_reason"] = stop_reason
        if delta.get("stop_details"):
            self._message["stop_details"] = delta["stop_details"]
        merge_usage(self.usage, event.get("usage"))


def _extend(block: _Block, delta: JsonObject) -> None:
    match delta:
        case {"type": "text_delta", "text": str(part)}:
            name = "text"
        case {"type": "thinking_delta", "thinking": str(part)}:
            name = "thinking"
        case {"type": "signature_delta", "signature": str(part)}:
            name = "signature"
        case {"type": "input_json_delta", "partial_json": str(part)}:
            name = ARGUMENTS
        case _:
            return
    block.parts.setdefault(name, []).append(part)


def message_events(message: Message) -> Iterator[Event]:
    """The events that would have streamed `message`: some upstreams answer whole although a stream was asked for."""
    start: JsonObject = {**message, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        # Text, thinking and input may all come with a block's start.
        yield {"type": "content_block_start", "index": index, "content_block": object_or_empty(block)}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": message.get("stop_reason"), "stop_details": message.get("stop_details")}
    yield {"type": "message_delta", "delta": delta, "usage": message.get("usage")}
    yield {"type": "message_stop"}
