"""Asking Claude whether it takes an API key, before it is stored."""

from __future__ import annotations

import os

from .. import __version__, json_codec
from ..errors import ProxyError
from ..json_codec import object_or_empty
from ..messages import ANTHROPIC_VERSION


class KeyNotVerified(ProxyError):
    """The key was not stored; the message says why."""

    status, code = 400, "api_key_not_verified"
    title = "The API key was not stored"


def verify_api_key(upstream_url: str, key: str) -> None:
    """Ask Claude for its list of models with `key`. Raises KeyNotVerified where it is not accepted. Blocks."""
    import ssl

    import httpx
    import truststore

    from ..environment_proxy import proxy_for

    headers = {"x-api-key": key, "anthropic-version": ANTHROPIC_VERSION, "user-agent": f"cliproxyapi/{__version__}"}
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    url = f"{upstream_url}/v1/models"
    try:
        with httpx.Client(verify=context, proxy=proxy_for(url, os.environ), trust_env=False, timeout=30) as client:
            answer = client.get(url, headers=headers)
    except (httpx.HTTPError, ValueError) as error:
        raise KeyNotVerified(
            f"The key was not stored, as Claude cannot be reached to verify it: {error}. Check the network connection."
        ) from None
    if answer.status_code in (401, 403):
        said = _message_of(answer.content) or f"The answer was an error (status {answer.status_code})."
        raise KeyNotVerified(f"Claude did not accept this key, so it was not stored: {said}")
    if not answer.is_success:
        raise KeyNotVerified(
            f"The key was not stored, as Claude could not verify it: status {answer.status_code}. Try again."
        )


def _message_of(body: bytes) -> str | None:
    try:
        message = object_or_empty(object_or_empty(json_codec.decode(body)).get("error")).get("message")
    except json_codec.JSONError:
        return None
    return message if isinstance(message, str) else None
