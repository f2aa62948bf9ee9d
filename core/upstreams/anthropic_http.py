"""Anthropic's API over HTTPS: pooled connections, the person's proxy and trust store, honest about who is asking."""

from __future__ import annotations

import asyncio
import binascii
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from .. import __version__
from ..errors import CredentialRefused, StreamTruncated, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from ..messages import ANTHROPIC_VERSION
from ..settings import is_loopback
from ..sleep import SleepWatch
from . import UpstreamRequest

# httpx and aiohttp cost a third of a second to import: that is paid by the first request, in a worker thread,
# not by the start of the program.
if TYPE_CHECKING:
    import ssl

    import httpx

USER_AGENT = f"cliproxyapi/{__version__}"

# Between the turns of a chat a person thinks; a kept connection spares the next turn two round trips.
_KEEP_ALIVE_SECONDS = 120.0
_MOST_URLS = 50
_PIECE_BYTES = 256 * 1024
_IDLE_CONNECTIONS = 20


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. There is no limit on the whole answer: a long one may take half an hour."""

    connect: float = 10.0
    # The longest silence between two reads. Claude pings while it thinks, so silence means a dead connection.
    read: float = 300.0


class Credential(Protocol):
    """What signs a request."""

    async def headers(self) -> Mapping[str, str]:
        """The header that carries the secret, and `anthropic-beta` where it needs one. Raises ProxyError."""
        ...

    def rejected(self, headers: Mapping[str, str]) -> None:
        """Told that a request signed with `headers` got a 401: what they hold is of no use any more."""
        ...

    def can_change(self) -> bool:
        """Whether reading it again after a 401 may bring another one."""
        ...

    def refused(self, error: CredentialRefused) -> None:
        """Told that the upstream turned it away."""
        ...


class AnthropicHTTP:
    """`base_url` answers like https://api.anthropic.com. Born and used inside one event loop."""

    def __init__(
        self,
        route: str,
        base_url: str,
        credential: Credential,
        *,
        timeouts: Timeouts | None = None,
        environ: Mapping[str, str] | None = None,
        sleep: SleepWatch | None = None,
    ) -> None:
        self.route = route
        self.host = urlsplit(base_url).hostname or base_url
        self._base_url = base_url.rstrip("/")
        self._credential = credential
        self._timeouts = timeouts or Timeouts()
        self._environ = os.environ if environ is None else environ
        limit = self._timeouts
        self._limits = {"timeout": {"connect": limit.connect, "read": limit.read, "write": limit.read, "pool": None}}
        self._pool: _Pool | None = None
        self._sleep = sleep or SleepWatch()
        # The few that are asked for, parsed once.
        self._urls: dict[str, httpx.URL] = {}
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncGenerator[HTTPAnswer]:
        signed = await self._credential.headers()
        if self._sleep.woke():
            await self._retire()
        pool = self._pool or await self._open_pool()
        import aiohttp
        import httpx

        betas = [given["anthropic-beta"] for given in (request.headers, signed) if "anthropic-beta" in given]
        headers = {
            "user-agent": USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "identity",
            "anthropic-version": ANTHROPIC_VERSION,
            "content-type": "application/json",
            **request.headers,
            **signed,
            **({"anthropic-beta": ",".join(betas)} if betas else {}),
        }
        content: bytes | AsyncIterator[bytes] = request.body
        if len(request.body) > _PIECE_BYTES:
            # In pieces, between which other streams get their turn.
            headers["content-length"] = str(len(request.body))
            content = _pieces(request.body)
        url = self._url(request.path, request.query)
        outgoing = httpx.Request(request.method, url, headers=headers, content=content, extensions=self._limits)
        pool.answers += 1
        try:
            # Straight to the transport: what httpx's client does in between (cookies, redirects, its own sign-in) is
            # of no use here, and costs as much as all the rest.
            response = await pool.transport.handle_async_request(outgoing)
            response.request = outgoing
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            await pool.leave()
            raise self._translated(error) from error
        except BaseException:
            await pool.leave()
            raise
        try:
            if response.status_code == 401:
                self._credential.rejected(signed)
            yield HTTPAnswer(response, self.host)
        finally:
            await response.aclose()
            await pool.leave()

    def can_reread(self) -> bool:
        return self._credential.can_change()

    def refused(self, error: CredentialRefused) -> None:
        self._credential.refused(error)

    async def close(self) -> None:
        """Close every connection, open ones included."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.transport.aclose()

    async def _retire(self) -> None:
        """Connections that lay idle through a sleep are dead at the other end; those that answer go on."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.retire()

    async def _open_pool(self) -> _Pool:
        async with self._opening:
            if self._pool is None:
                # Importing and reading the trust store would hold up every open stream if done on the loop.
                context = await asyncio.to_thread(_trusting_the_system)
                proxy = proxy_for(self._base_url, self._environ)
                self._pool = _Pool(_transport_for(self._base_url, proxy, context))
            return self._pool

    def _url(self, path: str, query: str) -> httpx.URL:
        import httpx

        if query:
            return httpx.URL(f"{self._base_url}{path}?{query}")
        url = self._urls.get(path)
        if url is None:
            url = httpx.URL(f"{self._base_url}{path}")
            if len(self._urls) < _MOST_URLS:
                self._urls[path] = url
        return url

    def _translated(self, error: Exception) -> UpstreamError:
        import aiohttp
        import httpx

        # httpx-aiohttp 0.2 reports a refused connection, an unknown host and a reset all as ConnectTimeout; the
        # truth is in the cause.
        cause = error.__cause__ or error
        if isinstance(cause, (aiohttp.SocketTimeoutError, httpx.ReadTimeout, httpx.WriteTimeout)):
            return UpstreamTimeout(
                f"{self.host} took the request and then said nothing for {self._timeouts.read:.0f} seconds. "
                "It may still have run; try again."
            )
        if isinstance(cause, (aiohttp.ServerTimeoutError, httpx.TimeoutException)):
            return self._unreachable(f"no connection within {self._timeouts.connect:.0f} seconds")
        return self._unreachable(str(cause) or type(cause).__name__)

    def _unreachable(self, why: str) -> UpstreamUnreachable:
        return UpstreamUnreachable(
            f"{self.host} cannot be reached: {without_userinfo(why)}. Check the network connection, and HTTPS_PROXY "
            "and NO_PROXY if this machine needs a proxy."
        )


class _Pool:
    """A transport with its connections, and how many answers are read over it now."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.transport = transport
        self.answers = 0
        self._retired = False

    async def leave(self) -> None:
        """An answer is over."""
        self.answers -= 1
        if self._retired and not self.answers:
            await self.transport.aclose()

    async def retire(self) -> None:
        """Close once the last answer is over."""
        self._retired = True
        if not self.answers:
            await self.transport.aclose()


class HTTPAnswer:
    """An open HTTP response."""

    def __init__(self, response: httpx.Response, host: str) -> None:
        self._response = response
        self._host = host
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        import aiohttp
        import httpx

        # We ask for no compression; a gateway in between may compress all the same.
        encoded = "content-encoding" in self._response.headers
        try:
            async for chunk in self._response.aiter_bytes() if encoded else self._response.aiter_raw():
                yield chunk
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__ or error, (aiohttp.SocketTimeoutError, httpx.ReadTimeout)):
                raise UpstreamTimeout(f"{self._host} stopped in the middle of its answer and went silent.") from error
            raise StreamTruncated(f"The connection to {self._host} broke in the middle of the answer.") from error


def _http_proxy(url: str) -> httpx.Proxy:
    """The proxy at `url`; its credential as a header, as httpx-aiohttp 0.2 hands one over in a form that aiohttp is
    about to give up."""
    import httpx

    proxy = httpx.Proxy(url)
    if proxy.raw_auth is None:
        return proxy
    credential = binascii.b2a_base64(b":".join(proxy.raw_auth), newline=False).decode()
    return httpx.Proxy(proxy.url, headers={"proxy-authorization": f"Basic {credential}"})


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for `url`, by the rules of curl and the standard library: lower-case
    names win, `NO_PROXY` wins over all, and a loopback address is never asked for through a proxy."""
    import urllib.request

    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    proxies: dict[str, str] = {}
    for name in sorted(environ):  # upper case sorts first, so that lower case overrides it
        if name.lower().endswith("_proxy"):
            proxies[name.lower().removesuffix("_proxy")] = environ[name]
    # Public and old, but missing from the standard library's type stubs.
    if urllib.request.proxy_bypass_environment(parts.netloc, proxies):  # pyright: ignore
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all") or None
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def without_userinfo(text: str) -> str:
    """`text` without the `user:password@` of any URL in it."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)


def _trusting_the_system() -> ssl.SSLContext:
    """A TLS context that trusts what the operating system trusts; imports the HTTP client on the way."""
    import ssl

    import aiohttp
    import httpx
    import httpx_aiohttp
    import truststore

    del aiohttp, httpx, httpx_aiohttp
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _transport_for(base_url: str, proxy: str | None, context: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """One for all requests. Its pool has no limit on open connections: a limit makes the streams above it
    wait for seconds, without an error."""
    import aiohttp
    import httpx
    from httpx_aiohttp import AiohttpTransport

    scheme = urlsplit(proxy).scheme if proxy else ""
    if scheme.startswith("socks"):
        limits = httpx.Limits(
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
        )
        return httpx.AsyncHTTPTransport(verify=context, proxy=proxy, limits=limits, trust_env=False)
    if scheme in ("", "http", "https"):
        return AiohttpTransport(
            verify=context,
            proxy=_http_proxy(proxy) if proxy else None,
            client=lambda: aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            ),
        )
    raise UpstreamUnreachable(
        f"The proxy for {base_url} has the unknown scheme {scheme!r}. Set HTTPS_PROXY or ALL_PROXY to an address "
        "that begins with http://, https://, socks5:// or socks5h://."
    )
