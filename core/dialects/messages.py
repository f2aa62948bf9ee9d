"""Anthropic's own dialect: requests and answers pass as they are, so only errors of ours need a form."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..errors import CredentialRefused, ProxyError, UpstreamError
from ..json_codec import encode
from ..messages import JsonObject

_LARGEST_READ = 4 * 1024 * 1024


class _Model(msgspec.Struct):
    model: str


_model = msgspec.json.Decoder(_Model)


def model_of(body: bytes) -> str | None:
    """The model that a request names, for the log; None where it names none, or is too large to look."""
    if len(body) > _LARGEST_READ:
        return None
    try:
        return _model.decode(body).model
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def render_error(error: ProxyError) -> JsonObject:
    """`error` in Anthropic's envelope: https://platform.claude.com/docs/en/api/errors"""
    envelope: JsonObject = {"type": "error", "error": {"type": error.anthropic_type, "message": error.message}}
    if error.request_id:
        envelope["request_id"] = error.request_id
    return envelope


def native_error_body(error: ProxyError, redact: Callable[[str], str]) -> tuple[int, bytes, str]:
    """Status, body and content type for a native client: the upstream's own where it has one, without secrets.

    A refused sign-in is told in our own words, as only we know the other routes.
    """
    if not isinstance(error, UpstreamError) or isinstance(error, CredentialRefused):
        return error.status, encode(render_error(error)), "application/json"
    if error.body is None or error.upstream_status is None or error.upstream_status < 400:
        return error.status, encode(render_error(error)), "application/json"
    return error.upstream_status, redacted(error.body, redact), error.content_type or "application/json"


def redacted(body: bytes, redact: Callable[[str], str]) -> bytes:
    """`body` without secrets, and the very same bytes where it holds none."""
    text = body.decode("utf-8", "surrogateescape")
    clean = redact(text)
    return body if clean == text else clean.encode("utf-8", "surrogateescape")
