"""One hierarchy of errors, each written once for three readers.

The client reads `status`, `kind`, `code` and the message in its own dialect's envelope; the tray shows `title`;
the person acts on the message, which says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

# The error types that the official OpenAI clients know, by HTTP status.
_OPENAI_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    429: "rate_limit_error",
}

# The error types that Anthropic documents, by HTTP status.
_ANTHROPIC_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class ProxyError(Exception):
    """Anything that ends a request without an answer from Claude.

    `status` is an HTTP status, `code` a stable machine-readable word (None where the field's standard has none),
    `param` the path of the offending field in the client's own body, `headers` extra response headers
    (lower-case names), `request_id` the upstream's id of the failed request.
    """

    status: int = 500
    code: str | None = None
    title: ClassVar[str] = "Something went wrong"
    # Those of the upstream's answer, lower-case names: what they tell of limits counts even where it is an error.
    upstream_headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.status if status is None else status
        self.code = self.code if code is None else code
        self.param = param
        self.headers: dict[str, str] = dict(headers or {})
        self.request_id = request_id
        if self.status in (401, 403):
            # Claude Code repeats a 401 for three minutes, Codex six times, unless told that it is no use.
            self.headers["x-should-retry"] = "false"

    @property
    def openai_type(self) -> str:
        if self.status >= 500:
            return "server_error"
        return _OPENAI_TYPES.get(self.status, "invalid_request_error")

    @property
    def anthropic_type(self) -> str:
        fallback = "api_error" if self.status >= 500 else "invalid_request_error"
        return _ANTHROPIC_TYPES.get(self.status, fallback)


class InvalidRequest(ProxyError):
    """The client's request cannot be served as it is; `param` names the field."""

    status = 400
    title = "A program sent a request that cannot be served"


class ModelNotFound(ProxyError):
    """The model id is not one of Claude's."""

    status, code = 404, "model_not_found"
    title = "A program asked for an unknown model"


class RequestTooLarge(ProxyError):
    status, code = 413, "request_too_large"
    title = "A program sent a request that is too large"


class NotSignedIn(ProxyError):
    """No route can work: nothing to sign requests with."""

    status, code = 401, "not_signed_in"
    title = "Not signed in"


class CredentialLocked(ProxyError):
    """The sign-in is there, but the system does not give it out."""

    status, code = 401, "credential_locked"
    title = "The sign-in is locked"


class ProxyStopping(ProxyError):
    """The server is being stopped: new requests and open streams end with this."""

    status, code = 503, "proxy_stopping"
    title = "The server is stopping"


class UpstreamError(ProxyError):
    """Claude answered with an error, or could not be reached. `body` is the upstream's own, for native clients."""

    status, code = 502, "upstream_error"
    title = "Claude answered with an error"

    upstream_status: int | None = None
    body: bytes | None = None
    content_type: str | None = None


class UpstreamUnreachable(UpstreamError):
    status, code = 502, "upstream_unreachable"
    title = "Claude cannot be reached"


class UpstreamTimeout(UpstreamError):
    status, code = 504, "upstream_timeout"
    title = "Claude did not answer in time"


class StreamTruncated(UpstreamError):
    """The upstream's stream ended before the answer did."""

    status, code = 502, "upstream_stream_truncated"
    title = "Claude's answer broke off"


class CredentialRefused(UpstreamError):
    """The upstream read our credential and said no. We say so, and name the other routes."""

    status, code = 403, "subscription_route_refused"
    title = "Claude refused this sign-in"


class InternalError(ProxyError):
    """A fault of ours. The message carries an id that is also in the log, never a traceback."""

    status, code = 500, "internal_error"
    title = "CLIProxyAPI made a mistake"
