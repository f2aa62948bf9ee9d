"""How an answer can go differently: errors, odd streams, streams that end badly. Each `Scenario` serves one request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

THIRD_PARTY = (
    "Third-party apps now draw from your extra usage, not your plan limits. Add more at claude.ai/settings/usage and "
    "keep going."
)
CLAUDE_CODE_ONLY = (
    "This credential is only authorized for use with Claude Code and cannot be used for other API requests."
)
ORGANISATION = "OAuth authentication is currently not allowed for this organization."
_UNIFIED = "anthropic-ratelimit-unified-"

Event = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """What is special about one answer. The plain one is an ordinary answer, each event in a write of its own."""

    # In place of an answer: its status, body and headers.
    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    # The connection is reset: before anything is sent, or after so many bytes of the stream.
    reset_before_headers: bool = False
    reset_after: int | None = None
    # Silence of so many seconds: before the headers, after message_start, or after so many events; with pings in it.
    stall: float = 0.0
    stall_at: str | int = "headers"
    pings: bool = False
    # Seconds between two events.
    drip: float = 0.0
    # Bytes of each write: 0 is an event a write, -1 all in one.
    chunk_size: int = 0
    # The stream itself: these events, or these bytes, in place of the answer's.
    events: Sequence[Event] | None = None
    raw: bytes | None = None
    # So many events of the answer and then these, and nothing more.
    cut_after: int | None = None
    then: Sequence[Event] = ()
    # The framing.
    crlf: bool = False
    comments: bool = False
    gzip: bool = False
    # A whole message although a stream was asked for.
    as_json: bool = False


PLAIN = Scenario()


def error(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None, **details: Any) -> Scenario:
    """An error of the API."""
    inner: dict[str, Any] = {"type": kind, "message": message}
    if details:
        inner["details"] = details
    body = json.dumps({"type": "error", "error": inner}).encode()
    return Scenario(status=status, body=body, headers={"content-type": "application/json", **(headers or {})})


def html(status: int, *, mitigated: bool = False) -> Scenario:
    """A page of a gateway in between."""
    headers = {"content-type": "text/html", **({"cf-mitigated": "challenge"} if mitigated else {})}
    return Scenario(status=status, body=b"<html><body><h1>Bad gateway</h1></body></html>", headers=headers)


def overloaded() -> Scenario:
    return error(529, "overloaded_error", "Overloaded")


def rate_limited(retry_after: str | None = None) -> Scenario:
    headers = {"retry-after": retry_after} if retry_after else {}
    return error(429, "rate_limit_error", "This request would exceed your rate limit.", headers)


def spend_limit() -> Scenario:
    return error(429, "rate_limit_error", "Spend limit reached.", error_code="enforced_spend_limit_reached")


def window_rejected(claim: str = "five_hour", reset: int = 2_000_000_000) -> Scenario:
    """A subscription's window is used up."""
    headers = {
        f"{_UNIFIED}status": "rejected",
        f"{_UNIFIED}representative-claim": claim,
        f"{_UNIFIED}reset": str(reset),
        "retry-after": "3600",
    }
    return error(429, "rate_limit_error", "This request would exceed your account's rate limit.", headers)


def refused(form: int) -> Scenario:
    """A subscription's sign-in is turned away, in one of the four forms that were seen."""
    match form:
        case 1:
            return error(400, "invalid_request_error", CLAUDE_CODE_ONLY)
        case 2:
            return error(400, "invalid_request_error", THIRD_PARTY)
        case 3:
            return error(429, "rate_limit_error", THIRD_PARTY)
        case _:
            return error(403, "permission_error", ORGANISATION)


def error_event(kind: str = "overloaded_error", message: str = "Overloaded") -> Event:
    return {"type": "error", "error": {"type": kind, "message": message}}


def fails_after(events: int, kind: str = "overloaded_error") -> Scenario:
    """An error event in the middle of the stream; with 0 events, in its place."""
    return Scenario(cut_after=events, then=(error_event(kind),))


def ends_after(events: int) -> Scenario:
    """The stream ends, in good order as far as HTTP goes, before the answer does."""
    return Scenario(cut_after=events)


def stalls(seconds: float, at: str | int = "headers", *, pings: bool = False) -> Scenario:
    return Scenario(stall=seconds, stall_at=at, pings=pings)


def speaks(*blocks: Event, stop_reason: str = "end_turn", stop_details: Event | None = None) -> Scenario:
    """An answer of exactly these content blocks."""
    return Scenario(events=message_events(list(blocks), stop_reason, stop_details=stop_details))


def with_chunks(scenario: Scenario, size: int) -> Scenario:
    return replace(scenario, chunk_size=size)


def message_events(
    content: Sequence[Event],
    stop_reason: str | None = "end_turn",
    *,
    message: Mapping[str, Any] | None = None,
    usage: Mapping[str, Any] | None = None,
    stop_sequence: str | None = None,
    stop_details: Event | None = None,
    cut_arguments: Mapping[int, str] | None = None,
    piece: int = 12,
) -> list[Event]:
    """The events that stream a message, its texts in pieces of so many characters."""
    counts = dict(usage or {"input_tokens": 10, "output_tokens": 5})
    frame = {"id": "msg_simulated", "type": "message", "role": "assistant", "model": "claude-simulated"}
    begun = {**frame, **(message or {}), "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[Event] = [
        {"type": "message_start", "message": {**begun, "usage": {**counts, "output_tokens": 1}}},
        {"type": "ping"},
    ]
    for index, block in enumerate(content):
        opening, deltas = _streamed(block, (cut_arguments or {}).get(index), piece)
        events.append({"type": "content_block_start", "index": index, "content_block": opening})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
    if stop_details is not None:
        delta["stop_details"] = stop_details  # type: ignore[assignment]
    told = {name: value for name, value in counts.items() if name.startswith("output")}
    return [*events, {"type": "message_delta", "delta": delta, "usage": told}, {"type": "message_stop"}]


def _streamed(block: Event, cut_arguments: str | None, piece: int) -> tuple[Event, list[Event]]:
    match block["type"]:
        case "text":
            parts = _pieces(block["text"], piece)
            return {**block, "text": ""}, [{"type": "text_delta", "text": part} for part in parts]
        case "thinking":
            parts = _pieces(block["thinking"], piece)
            deltas: list[Event] = [{"type": "thinking_delta", "thinking": part} for part in parts]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, deltas
        case "tool_use":
            arguments = cut_arguments
            if arguments is None:
                arguments = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": part} for part in ["", *_pieces(arguments, piece)]
            ]
        case _:
            return block, []


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
