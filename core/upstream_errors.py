"""What an upstream's error means to a client: its status, its words, and whether to try again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import json_codec
from .errors import CredentialRefused, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from .json_codec import object_or_empty
from .messages import Event
from .models import nearest_ids

# The sentences with which Anthropic turns a subscription's sign-in away from third-party programs. Whole sentences,
# because an error may quote the prompt. Seen as 400, 401, 403 and 429.
_REFUSALS = (
    "This credential is only authorized for use with Claude Code and cannot be used for other API requests.",
    "Third-party apps now draw from your extra usage, not your plan limits.",
    "OAuth authentication is currently not allowed for this organization.",
)
_REFUSAL_STATUSES = (400, 401, 403, 429)

_TOO_LONG = re.compile(r"prompt is too long: [\d,]+ tokens > ([\d,]+) maximum")
_NO_CREDIT = "credit balance is too low"
_USED_UP = ("enforced_spend_limit_reached", "credits_required")

_UNIFIED = "anthropic-ratelimit-unified-"
_RETRYABLE_STATUSES = (502, 503, 529)
_OVERLOADED_RETRY_SECONDS = "5"
_LONGEST_PLAIN_TEXT = 300

# What the windows of a plan are called, by `anthropic-ratelimit-unified-representative-claim`.
_WINDOWS: Mapping[str, str] = {
    "five_hour": "5-hour limit",
    "seven_day": "7-day limit",
    "seven_day_opus": "7-day limit for Opus",
    "seven_day_sonnet": "7-day limit for Sonnet",
    "overage": "extra usage",
}

# The statuses behind the types of Anthropic's errors, for those that arrive inside a stream.
_STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_CARRIED_HEADERS = ("retry-after", "retry-after-ms", "x-should-retry")

_LOGIN = "`cliproxyapi login --api-key`"
# What else there is when a sign-in was refused, by the route that it was refused on.
_OTHER_WAYS: Mapping[str, str] = {
    "direct": "The route 'claude-code' uses the same sign-in through Anthropic's own program. An API key works for any "
    f"program: store one with {_LOGIN} and use the route 'api-key'.",
    "claude-code": f"An API key works for any program: store one with {_LOGIN} and use the route 'api-key'.",
}
# What to do about a 401, by route.
_RENEW: Mapping[str, str] = {
    "api-key": f"Claude did not accept the API key. Store a valid one with {_LOGIN}.",
    "direct": "Claude did not accept the stored sign-in. Run `claude auth login`, or choose the route 'api-key'.",
    "console": "Claude did not accept the sign-in of the Console organisation. Sign in again.",
    "claude-code": "Claude Code is not signed in, or Claude did not accept its sign-in. Run `claude auth login`.",
}


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells of an error: the upstream's `host` and our `route` to it, how secrets are taken out of its words, and
    how a moment (seconds since 1970) is written for people."""

    host: str
    route: str
    redact: Callable[[str], str]
    local_time: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class _Answer:
    """An upstream's error, taken apart. `said` is its own message, redacted; empty where it had no words."""

    status: int
    headers: Mapping[str, str]
    said: str
    error_code: str | None
    request_id: str | None
    teller: Teller

    @property
    def host(self) -> str:
        return self.teller.host

    @property
    def route(self) -> str:
        return self.teller.route

    @property
    def by_plan(self) -> bool:
        """It is about a plan's windows, which only subscriptions have."""
        return any(name.startswith(_UNIFIED) for name in self.headers)


def upstream_error(status: int, headers: Mapping[str, str], body: bytes, teller: Teller) -> UpstreamError:
    """The error that a client is told for an upstream's answer of `status` from 300 on.

    `headers` have lower-case names.
    """
    fields = _fields(body)
    inner = object_or_empty(fields.get("error"))
    # Gateways in between have shapes of their own.
    shapes = (inner.get("message"), fields.get("error"), fields.get("message"), fields.get("detail"))
    said = next((text for text in shapes if isinstance(text, str)), None) or _plain(headers, body)
    request_id = headers.get("request-id") or fields.get("request_id")
    answer = _Answer(
        status=status,
        headers=headers,
        said=teller.redact(said).strip(),
        error_code=object_or_empty(inner.get("details")).get("error_code"),
        request_id=request_id if isinstance(request_id, str) else None,
        teller=teller,
    )
    error = _translated(answer)
    error.upstream_status = status
    error.upstream_headers = headers
    error.body = body
    error.content_type = headers.get("content-type", "application/json")
    return error


def error_event(event: Event, teller: Teller) -> UpstreamError:
    """The same for an `error` event, which has a type in the place of a status."""
    kind = object_or_empty(event.get("error")).get("type")
    status = _STATUSES.get(kind, 500) if isinstance(kind, str) else 500
    body = json_codec.encode(event)
    return upstream_error(status, {}, body, teller)


def is_retryable(error: UpstreamError) -> bool:
    """Whether the same request may go once more: a connection that failed, or an upstream that is busy.

    What timed out while it was read may have been billed, and is never repeated.
    """
    if isinstance(error, UpstreamTimeout) or error.headers.get("x-should-retry") == "false":
        return False
    return isinstance(error, UpstreamUnreachable) or error.upstream_status in _RETRYABLE_STATUSES


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return object_or_empty(json_codec.decode(body))
    except json_codec.JSONError:
        return {}


def _plain(headers: Mapping[str, str], body: bytes) -> str:
    """Something readable of a body that is no error of Anthropic's: HTML of a gateway, or a line of text."""
    if "cf-mitigated" in headers:
        return "the request was blocked by Cloudflare"
    text = body.decode("utf-8", "replace").strip()
    is_prose = " " in text and not text.startswith(("<", "{", "[")) and "\ufffd" not in text
    if not is_prose or "html" in headers.get("content-type", ""):
        return ""
    return " ".join(text[:_LONGEST_PLAIN_TEXT].split())


def _translated(answer: _Answer) -> UpstreamError:
    if _is_refusal(answer):
        return _refused(answer)
    match answer.status:
        case 402:
            return _out_of_credit(answer)
        case 400 if _NO_CREDIT in answer.said:
            return _out_of_credit(answer)
        case 400:
            return _bad_request(answer)
        case 401:
            said = answer.said or "the sign-in was not accepted"
            return _error(
                answer,
                f"{said} {_RENEW.get(answer.route, _RENEW['api-key'])}",
                code="upstream_auth_expired",
            )
        case 403:
            return _error(answer, answer.said or f"{answer.host} does not permit this.", code="permission_denied")
        case 404:
            return _not_found(answer)
        case 413:
            return _error(
                answer, answer.said or f"The request is too large for {answer.host}.", code="request_too_large"
            )
        case 429:
            return _limited(answer)
        case 529:
            return _overloaded(answer)
        case status if 400 <= status < 500:
            return _error(answer, answer.said or f"{answer.host} answered with status {status}.")
        case _:
            return _broken(answer)


def _error(
    answer: _Answer,
    message: str,
    *,
    status: int | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> UpstreamError:
    error = UpstreamError(
        message,
        status=status or answer.status,
        headers={**_carried(answer), **(headers or {})},
        request_id=answer.request_id,
    )
    error.code = code
    return error


def _carried(answer: _Answer) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name in _CARRIED_HEADERS or name.startswith("anthropic-ratelimit-")
    }


def _is_refusal(answer: _Answer) -> bool:
    if answer.status not in _REFUSAL_STATUSES or (answer.status == 429 and answer.by_plan):
        return False
    return any(sentence in answer.said for sentence in _REFUSALS)


def _refused(answer: _Answer) -> CredentialRefused:
    return CredentialRefused(
        f"{answer.said} (Claude refused the sign-in of the route '{answer.route}'. "
        f"{_OTHER_WAYS.get(answer.route, _OTHER_WAYS['claude-code'])})",
        headers={**_carried(answer), "x-should-retry": "false"},
        request_id=answer.request_id,
    )


def _out_of_credit(answer: _Answer) -> UpstreamError:
    said = answer.said or "Claude asks for payment: see the billing page of your Console organisation."
    return _error(answer, said, status=402, code="insufficient_quota", headers={"x-should-retry": "false"})


def _bad_request(answer: _Answer) -> UpstreamError:
    said = answer.said or f"{answer.host} did not accept the request."
    if match := _TOO_LONG.search(said):
        # Clients look for the first half of this to compact their history, others for the second.
        limit = f" (this model's maximum context length is {match[1]} tokens)"
        return _error(answer, said[: match.end()] + limit + said[match.end() :], code="context_length_exceeded")
    return _error(answer, said)


def _not_found(answer: _Answer) -> UpstreamError:
    if not answer.said.startswith("model:"):
        return _error(answer, answer.said or f"{answer.host} does not know this address.", code="not_found")
    model = answer.said.removeprefix("model:").strip()
    known = ", ".join(nearest_ids(model[:200]))
    return _error(answer, f"{answer.said}. The nearest known ids are {known}.", code="model_not_found")


def _limited(answer: _Answer) -> UpstreamError:
    said = answer.said or "Claude's rate limit is reached."
    if answer.headers.get(f"{_UNIFIED}status") == "rejected":
        claim = answer.headers.get(f"{_UNIFIED}representative-claim", "")
        window = _WINDOWS.get(claim, "limit")
        message = f"Your plan's {window} is used up{_until(answer)}. {said}"
        return _error(answer, message, code="insufficient_quota", headers={"x-should-retry": "false"})
    if answer.error_code in _USED_UP:
        return _error(answer, said, code="insufficient_quota", headers={"x-should-retry": "false"})
    return _error(answer, said, code="rate_limit_exceeded")


def _until(answer: _Answer) -> str:
    try:
        reset = float(answer.headers.get(f"{_UNIFIED}reset", ""))
        return f" until {answer.teller.local_time(reset)}"
    except (ValueError, OverflowError, OSError):
        return ""


def _overloaded(answer: _Answer) -> UpstreamError:
    said = answer.said or "Overloaded"
    headers = {} if "retry-after" in answer.headers else {"retry-after": _OVERLOADED_RETRY_SECONDS}
    message = f"Claude is overloaded at the moment: {said}. Try again in a few seconds."
    return _error(answer, message, status=503, code="overloaded", headers=headers)


def _broken(answer: _Answer) -> UpstreamError:
    if answer.status < 400:
        message = f"{answer.host} answered with a redirect ({answer.status}). Check the setting upstream_url."
    else:
        message = f"{answer.host} answered with status {answer.status}" + (f": {answer.said}" if answer.said else ".")
    return _error(answer, message, status=502, code="upstream_error")
