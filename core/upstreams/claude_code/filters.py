"""What the API would do to an answer and Claude Code does not: end it at a stop sequence, and give structured output
as text. Without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...json_codec import object_or_empty
from ...messages import Event, JsonObject
from .plan import STRUCTURED_OUTPUT

# An answer that is cut short is counted by this, as nobody tells how much had been written.
_CHARACTERS_PER_TOKEN = 3.5


class StopSequences:
    """Ends the answer before the first of `sequences` in its text; what may begin one is held back meanwhile."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = [text for text in sequences if text]
        self._longest = max(map(len, self._sequences), default=0)
        self._held = ""
        self._written = 0
        self.matched: str | None = None

    def feed(self, events: Iterable[Event]) -> list[Event]:
        """The events that may go on. Nothing comes after those that say that a sequence was met."""
        if not self._sequences:
            return list(events)
        passed: list[Event] = []
        for event in events:
            if self.matched is not None:
                break
            passed += self._one(event)
        return passed

    def _one(self, event: Event) -> list[Event]:
        delta = object_or_empty(event.get("delta"))
        if delta.get("type") == "text_delta":
            return self._text(event, self._held + str(delta.get("text", "")))
        if event["type"] == "content_block_stop" and self._held:
            rest, self._held = self._held, ""
            return [_text_delta(event, rest), event]
        return [event]

    def _text(self, event: Event, text: str) -> list[Event]:
        found = [(at, sequence) for sequence in self._sequences if (at := text.find(sequence)) >= 0]
        if found:
            at, self.matched = min(found)
            self._written += at
            return [*([_text_delta(event, text[:at])] if at else []), *self._ending(event)]
        keep = self._beginning(text)
        self._held = text[len(text) - keep :]
        ready = text[: len(text) - keep]
        self._written += len(ready)
        return [_text_delta(event, ready)] if ready else []

    def _beginning(self, text: str) -> int:
        """How many characters at the end of `text` could be the beginning of a sequence."""
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            if any(sequence.startswith(text[-length:]) for sequence in self._sequences):
                return length
        return 0

    def _ending(self, event: Event) -> list[Event]:
        delta: JsonObject = {"stop_reason": "stop_sequence", "stop_sequence": self.matched}
        tokens = int(self._written / _CHARACTERS_PER_TOKEN) + 1
        return [
            {"type": "content_block_stop", "index": event.get("index")},
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}},
            {"type": "message_stop"},
        ]


def _text_delta(event: Event, text: str) -> Event:
    return {
        "type": "content_block_delta",
        "index": event.get("index"),
        "delta": {"type": "text_delta", "text": text},
    }


class StructuredOutput:
    """Turns the call of Claude Code's tool for structured output into the text that the API would have answered.

    What Claude says beside it is held back until it is known whether the call comes: a client parses the whole text.
    """

    def __init__(self) -> None:
        self._called: set[object] = set()
        self._text: dict[object, list[Event]] = {}
        self._numbers: dict[object, int] = {}

    def feed(self, events: Iterable[Event]) -> list[Event]:
        return [self._renumbered(passed) for event in events for passed in self._one(event)]

    def _renumbered(self, event: Event) -> Event:
        """Blocks are numbered without gaps, also where one was held back."""
        if "index" not in event:
            return event
        return {**event, "index": self._numbers.setdefault(event["index"], len(self._numbers))}

    def _one(self, event: Event) -> list[Event]:
        index = event.get("index")
        match event:
            case {"type": "content_block_start", "content_block": {"type": "text"}}:
                self._text[index] = [event]
                return []
            case {"type": "content_block_start", "content_block": {"type": "tool_use", "name": name}}:
                if name != STRUCTURED_OUTPUT:
                    return [event]
                self._called.add(index)
                return [{**event, "content_block": {"type": "text", "text": ""}}]
            case {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": part}}:
                return [_text_delta(event, str(part))] if index in self._called else [event]
            case {"type": "message_delta"}:
                return self._end(event)
            case _ if index in self._text:
                self._text[index].append(event)
                return []
            case _:
                return [event]

    def _end(self, event: Event) -> list[Event]:
        if not self._called:
            return [*(held for block in self._text.values() for held in block), event]
        delta = object_or_empty(event.get("delta"))
        if delta.get("stop_reason") == "tool_use":
            event = {**event, "delta": {**delta, "stop_reason": "end_turn"}}
        return [event]
