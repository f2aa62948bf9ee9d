"""The lines that Claude Code prints → the events of the answer, the plan's limits, and what went wrong.

Without I/O. The lines are those of `--output-format stream-json`, as Claude Code 2.1 writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ... import json_codec
from ...json_codec import object_or_empty
from ...messages import Event, JsonObject

# The statuses behind Claude Code's own words for errors, where it gives no status.
_STATUSES: Mapping[str, int] = {
    "authentication_failed": 401,
    "oauth_org_not_allowed": 403,
    "account_on_hold": 403,
    "verification_required": 403,
    "billing_error": 402,
    "rate_limit": 429,
    "overloaded": 529,
    "invalid_request": 400,
    "model_not_found": 404,
}
_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_PREFIX = re.compile(r"^(Failed to authenticate\. )?API Error:( \d{3})? *")
_TOO_LONG = re.compile(r"^Prompt is too long.*?~?([\d,]+) tokens \(limit ([\d,]+)\)", re.DOTALL)
_NO_MODEL = re.compile(r"^There's an issue with the selected model \(([^)]*)\)")
_BUDGET_USED = "error_max_budget_usd"
_UNIFIED = "anthropic-ratelimit-unified-"
_WINDOWS = (("five_hour", "5h"), ("seven_day", "7d"))

_decoder = msgspec.json.Decoder(dict[str, object])


def decode_line(line: bytes) -> JsonObject | None:
    """The object in a line; None for what is none, which anybody may print."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return object_or_empty(json_codec.decode(line)) or None
    except json_codec.JSONError:
        return None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer, as Anthropic's API would have said it. `headers` have lower-case names."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def body(self) -> bytes:
        kind = _TYPES.get(self.status, "api_error" if self.status >= 500 else "invalid_request_error")
        return json_codec.encode({"type": "error", "error": {"type": kind, "message": self.message}})


class AnswerReader:
    """Reads the lines after the question until the answer is complete or has failed.

    Claude Code tries again by itself. As long as nothing but the message's start was seen, nobody needs to know; once
    content has gone on, a second beginning is the end: `broken`.
    """

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.finished = False
        self.broken = False
        # Nothing more comes of its own.
        self.ended = False
        # What is known of the plan's limits, as the headers in which the API tells it.
        self.limits: Mapping[str, str] = {}
        self._start: Event | None = None
        # Something of the answer has gone on.
        self.has_content = False
        self._has_stop_reason = False
        self._calls_tools = False
        self._said: JsonObject = {}

    @property
    def over(self) -> bool:
        return self.finished or self.broken or self.failure is not None

    def feed(self, line: JsonObject) -> list[Event]:
        """The events that `line` brings. Behind the answer come only the limits."""
        match line.get("type"):
            case "result":
                self.ended = True
                if not self.over:
                    return self._result(line)
            case "rate_limit_event":
                self.limits = limit_headers(object_or_empty(line.get("rate_limit_info")))
            case _ if self.over:
                pass
            case "stream_event" if line.get("parent_tool_use_id") is None:
                return self._event(object_or_empty(line.get("event")))
            case "system" if line.get("subtype") == "api_retry":
                self._begin_again()
            case "assistant" if line.get("is_api_error_message"):
                self._said = line
            case _:
                pass
        return []

    def _event(self, event: Event) -> list[Event]:
        match event.get("type"):
            case "message_start":
                self._begin_again()
                self._start = event
                return []
            case "ping" | "error" | None:
                return []
            case "message_stop" if not self._has_stop_reason:
                # Claude Code closes what it takes for broken by itself. What comes next tells whether it was.
                return []
            case "message_delta" if object_or_empty(event.get("delta")).get("stop_reason") is None:
                return []
            case "message_stop":
                self.finished = True
            case "message_delta":
                self._has_stop_reason = True
            case "content_block_start":
                block = object_or_empty(event.get("content_block"))
                self._calls_tools = self._calls_tools or block.get("type") == "tool_use"
            case _:
                pass
        self.has_content = True
        start, self._start = self._start, None
        return [start, event] if start is not None else [event]

    def _begin_again(self) -> None:
        self._start = None
        self.broken = self.has_content

    def _result(self, line: JsonObject) -> list[Event]:
        if self.has_content and self._calls_tools and line.get("subtype") == _BUDGET_USED:
            # What was written is counted when the answer is complete, and can end Claude Code before it said so.
            self.finished = True
            usage = object_or_empty(line.get("usage"))
            delta = {"stop_reason": "tool_use", "stop_sequence": None}
            return [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]
        if self.has_content:
            self.broken = not self.finished
            return []
        said = str(line.get("result") or "")
        if line.get("is_error"):
            self.failure = _failure({**line, **self._said}, said, self.limits)
        else:
            self.failure = Failure(502, f"Claude Code ended without asking Claude. {said}".strip())
        return []


def _failure(line: JsonObject, said: str, limits: Mapping[str, str]) -> Failure:
    word = str(line.get("error") or "")
    told = line.get("api_error_status")
    status = told if isinstance(told, int) and told >= 400 else _STATUSES.get(word, 502)
    if word == "billing_error":
        status = 402
    request_id = line.get("request_id")
    headers = {"request-id": request_id} if isinstance(request_id, str) else {}
    if status == 429:
        headers |= limits
    return Failure(status, _words(said), headers)


def _words(said: str) -> str:
    """Claude Code's sentence in the API's own words, where others look for those."""
    if match := _TOO_LONG.match(said):
        return f"prompt is too long: {match[1]} tokens > {match[2]} maximum"
    if match := _NO_MODEL.match(said):
        return f"model: {match[1]}"
    return _PREFIX.sub("", said) or "Claude Code ended with an error and did not say which."


def limit_headers(info: JsonObject) -> dict[str, str]:
    """What `rate_limit_event` tells of the plan's windows; empty where it is about none."""
    windows = {name: object_or_empty(object_or_empty(info.get("unifiedWindows")).get(name)) for name, _ in _WINDOWS}
    claim = info.get("rateLimitType")
    if isinstance(claim, str) and claim in windows:
        told: JsonObject = {name: info[name] for name in ("utilization", "resetsAt", "status") if name in info}
        windows[claim] = {**told, **windows[claim]}
    if not isinstance(claim, str) and not any(windows.values()):
        # Busy servers, not the person's plan.
        return {}
    headers = {"status": info.get("status"), "representative-claim": claim, "reset": info.get("resetsAt")}
    for name, short in _WINDOWS:
        headers[f"{short}-utilization"] = windows[name].get("utilization")
        headers[f"{short}-reset"] = windows[name].get("resetsAt")
        headers[f"{short}-status"] = windows[name].get("status")
    return {f"{_UNIFIED}{name}": str(value) for name, value in headers.items() if value is not None}
