"""Who may talk to the server. Loopback alone is no protection: every web page in the person's browser can reach it."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..errors import ProxyError

MAX_HEADER_BYTES = 64 * 1024

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
# These say that the server is there, and nothing about the person.
_OPEN_PATHS = frozenset({"/", "/health", "/healthz", "/welcome"})
# The dashboard's files tell nothing either, and what it asks for is behind a session of its own.
_OPEN_BELOW = ("/dashboard/", "/api/")
_KEYED = "/api/hello"


class OriginRefused(ProxyError):
    """A web page, or a program that came by a foreign name. `who` names it for the log and the tray."""

    status, code = 403, "origin_not_allowed"
    title = "A web page was turned away"

    def __init__(self, message: str, who: str) -> None:
        super().__init__(message)
        self.who = who


class LocalKeyRefused(ProxyError):
    status, code = 401, "invalid_api_key"
    title = "A program sent the wrong local key"


class HeadersTooLarge(ProxyError):
    status, code = 431, "headers_too_large"
    title = "A program sent too many headers"


class NotJson(ProxyError):
    status, code = 415, "unsupported_media_type"
    title = "A program sent something that is not JSON"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A request that may pass. `cors_origin` is the allowed foreign origin that asks, to be named in the answer."""

    cors_origin: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules as the person set them; `allowed_hosts` are names without a port, `api_key` the local key if any."""

    allowed_hosts: Collection[str] = ()
    allowed_origins: Collection[str] = ()
    api_key: str | None = None

    def check(self, method: str, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Verdict:
        """Let a request pass or raise ProxyError."""
        given: dict[bytes, str] = {}
        size = 0
        for name, value in headers:
            size += len(name) + len(value) + 4
            if name == b"host" and name in given:
                raise _host_refused("two Host headers")
            given.setdefault(name, value.decode("latin-1"))
        if size > MAX_HEADER_BYTES:
            raise HeadersTooLarge("The request's headers are larger than 64 KiB. Send fewer or shorter headers.")
        self._check_host(given.get(b"host", ""))
        cors_origin = self._check_origin(method, given)
        if method == "OPTIONS" and cors_origin:
            return Verdict(cors_origin)
        if path == _KEYED or (path not in _OPEN_PATHS and not path.startswith(_OPEN_BELOW)):
            self._check_key(given)
        if method == "POST":
            _check_content_type(given.get(b"content-type", ""))
            _check_content_encoding(given.get(b"content-encoding", "identity"))
        return Verdict(cors_origin)

    def allowed(self, origin: str | None) -> str | None:
        """`origin` if the person allowed it, to be named in the answer."""
        return origin if origin in self.allowed_origins else None

    def _check_host(self, host: str) -> None:
        # The port may be any: tunnels and containers map ports. A rebinding page brings a foreign *name*.
        name = host_name(host)
        if name not in _LOOPBACK_NAMES and name not in self.allowed_hosts:
            raise _host_refused(host or "no Host header")

    def _check_origin(self, method: str, given: dict[bytes, str]) -> str | None:
        origin = given.get(b"origin")
        if origin is not None:
            if _is_own(origin, given[b"host"]):
                return None
            if self.allowed(origin) is None:
                raise _page_refused(origin)
            return origin
        navigation = given.get(b"sec-fetch-mode") == "navigate" and given.get(b"sec-fetch-dest") == "document"
        if given.get(b"sec-fetch-site") == "cross-site" and not (method == "GET" and navigation):
            raise _page_refused(given.get(b"referer", "a web page").split("?")[0][:200])
        return None

    def _check_key(self, given: dict[bytes, str]) -> None:
        if self.api_key is None:
            return
        scheme, _, token = given.get(b"authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        for candidate in (bearer, given.get(b"x-api-key", "").strip()):
            if hmac.compare_digest(candidate.encode(), self.api_key.encode()):
                return
        raise LocalKeyRefused(
            "This is not the local proxy key. Send the value of the setting api_key (CLIPROXYAPI_API_KEY) of this "
            "proxy as the API key; it is not your Anthropic key."
        )


def host_name(host: str) -> str:
    """The name in a `Host` header, lower-case, without its port."""
    name, colon, port = host.strip().lower().rpartition(":")
    return name if colon and port.isdigit() and (":" not in name or name.endswith("]")) else host.strip().lower()


def _is_own(origin: str, host: str) -> bool:
    scheme, _, authority = origin.partition("://")
    return scheme in ("http", "https") and authority.lower() == host.strip().lower()


def _check_content_type(content_type: str) -> None:
    # Demanding JSON also keeps out what a web page may send without asking first: forms and plain text.
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise NotJson(f"Send the request with `content-type: application/json`, not {kind[:100] or 'without one'!r}.")


def _check_content_encoding(encoding: str) -> None:
    if encoding.strip().lower() != "identity":
        raise NotJson(f"Send the request body uncompressed, not with `content-encoding: {encoding[:100]}`.")


def _host_refused(host: str) -> OriginRefused:
    return OriginRefused(
        f"Requests must be addressed to 127.0.0.1, localhost or [::1], not {host[:200]!r}. If you reach this proxy by "
        "another name, add that name to the setting allowed_hosts.",
        host[:200],
    )


def _page_refused(origin: str) -> OriginRefused:
    return OriginRefused(
        f"The web page {origin[:200]!r} may not use this proxy. If that page is yours, add its origin to the setting "
        "allowed_origins.",
        origin[:200],
    )
