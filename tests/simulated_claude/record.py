"""`python -m tests.simulated_claude.record` writes the recordings in `tests/fixtures/upstream`: streams of every kind.

They are files, so that a change of what the tests read shows up as a change, and so that they can be read by people.
"""

from __future__ import annotations

from pathlib import Path

from .scenarios import Event, message_events
from .server import frame

FOLDER = Path(__file__).parents[1] / "fixtures" / "upstream"

USAGE = {
    "input_tokens": 7,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "output_tokens": 42,
    "output_tokens_details": {"thinking_tokens": 12},
}


def _text(text: str) -> Event:
    return {"type": "text", "text": text}


def _tool(number: int, name: str, given: Event) -> Event:
    return {"type": "tool_use", "id": f"toolu_{number:024d}", "name": name, "input": given}


_THINKING: Event = {"type": "thinking", "thinking": "Let me think 🤔 about it.", "signature": "c2lnbmF0dXJl"}
_OMITTED: Event = {"type": "thinking", "thinking": "", "signature": "c2lnbmF0dXJl"}
_REDACTED: Event = {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}
_WEATHER = _tool(1, "get_weather", {"city": "Köln", "units": ["°C", "°F"]})
_SEARCH: Event = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
_FOUND: Event = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def recordings() -> dict[str, bytes]:
    """All streams by name, as they come over the wire."""
    plain = {name: _wire(events) for name, events in _streams().items()}
    text = _streams()["text"]
    odd: list[Event] = [
        *text[:3],
        {"type": "ping"},
        {"type": "tomorrow", "index": 0, "note": "unknown"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "tomorrow_delta", "note": 1}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "citations_delta", "citation": {"cited_text": "x"}},
        },
        *text[3:-2],
        {"type": "content_block_start", "index": 9, "content_block": {"type": "hologram", "light": 1}},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "hologram_delta", "light": 2}},
        {"type": "content_block_stop", "index": 9},
        *text[-2:],
    ]
    plain["unknown_everything"] = _wire(odd, crlf=True, comment=True)
    return plain


def _streams() -> dict[str, list[Event]]:
    explained: Event = {"type": "refusal", "category": "cyber", "explanation": "That would be unwise."}
    return {
        "text": _answer(_text("Hello! How can I help you today?")),
        "text_utf8": _answer(_text("Grüße 👋🏽, 你好, शुभ — ½ 𝔘𝔫𝔦."), piece=1),
        "line_separators": _answer(_text("a\u2028b\u2029c\u0085d\u000be\u001cf"), piece=3),
        "thinking_text": _answer(_THINKING, _text("42")),
        "thinking_omitted": _answer(_OMITTED, _WEATHER, stop_reason="tool_use"),
        "redacted_thinking": _answer(_REDACTED, _THINKING, _WEATHER, stop_reason="tool_use"),
        "text_tool_text": _answer(_text("One "), _WEATHER, _text("two"), stop_reason="tool_use"),
        "parallel_tools": _answer(_WEATHER, _tool(2, "look", {"a": {"b": [1, None, True]}}), stop_reason="tool_use"),
        "tool_without_arguments": _answer(_tool(3, "now", {}), stop_reason="tool_use"),
        "tool_input_in_start": _tool_input_in_start(),
        "max_tokens_mid_tool": _answer(_WEATHER, stop_reason="max_tokens", cut_arguments={0: '{"city": "Kö'}),
        "max_tokens": _answer(_text("It was a dark and"), stop_reason="max_tokens"),
        "stop_sequence": _answer(_text("One, two"), stop_reason="stop_sequence", stop_sequence=", three"),
        "refusal_empty": _answer(stop_reason="refusal", stop_details={**explained, "explanation": None}),
        "refusal_mid_stream": _answer(_text("Well, "), stop_reason="refusal", stop_details=explained),
        "pause_turn": _answer(_SEARCH, stop_reason="pause_turn"),
        "server_tool": _answer(_SEARCH, _FOUND, _text("Found it.")),
        "context_window": _answer(_text("So far"), stop_reason="model_context_window_exceeded"),
        "empty": _answer(),
        "usage_twice": _usage_twice(),
    }


def _answer(*blocks: Event, stop_reason: str = "end_turn", piece: int = 7, **options: object) -> list[Event]:
    message = {"id": "msg_recorded", "model": "claude-recorded"}
    return message_events(list(blocks), stop_reason, message=message, usage=USAGE, piece=piece, **options)  # type: ignore[arg-type]


def _tool_input_in_start() -> list[Event]:
    events = _answer(_WEATHER, stop_reason="tool_use")
    begun, *_ = [event for event in events if event["type"] == "content_block_start"]
    begun["content_block"] = {**_WEATHER}
    return [event for event in events if event["type"] != "content_block_delta"]


def _usage_twice() -> list[Event]:
    events = _answer(_text("Twice"))
    delta = {"stop_reason": None, "stop_sequence": None}
    early: Event = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 3, "input_tokens": None}}
    return [*events[:-2], early, *events[-2:]]


def _wire(events: list[Event], *, crlf: bool = False, comment: bool = False) -> bytes:
    return b"".join(frame(event, crlf=crlf, comment=comment) for event in events)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, stream in recordings().items():
        (FOLDER / f"{name}.sse").write_bytes(stream)


if __name__ == "__main__":
    main()
