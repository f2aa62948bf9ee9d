"""Errors in OpenAI's envelope: https://platform.openai.com/docs/guides/error-codes"""

from __future__ import annotations

from ...errors import ProxyError
from ...messages import JsonObject


def render_error(error: ProxyError) -> JsonObject:
    """The body of an answer with `error.status`, and of the last event of a stream that failed."""
    message = f"{error.message} (request id: {error.request_id})" if error.request_id else error.message
    return {"error": {"message": message, "type": error.openai_type, "param": error.param, "code": error.code}}
