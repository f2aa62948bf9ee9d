"""The HTTP clients below `AnthropicHTTP`: aiohttp, and httpx where a SOCKS proxy is in between.

aiohttp asks for half the processor time of httpx and holds hundreds of open streams; it speaks no SOCKS. Both leave
out what is of no use here: redirects, cookies, compression that nobody asked for, and a limit on open connections,
which would make the streams above it wait for seconds, without an error.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from ..environment_proxy import without_userinfo
from ..errors import StreamTruncated, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from . import UpstreamAnswer

# httpx and aiohttp cost a third of a second to import: that is paid by the first request, in a worker thread,
# not by the start of the program.
if TYPE_CHECKING:
    import ssl

    import aiohttp
    import httpcore
    import httpx
    from yarl import URL

# Between the turns of a chat a person thinks; a kept connection spares the next turn two round trips.
_KEEP_ALIVE_SECONDS = 120.0
_IDLE_CONNECTIONS = 20
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. There is no limit on the whole answer: a long one may take half an hour."""

    connect: float = 10.0
    # The longest silence between two reads. Claude pings while it thinks, so silence means a dead connection.
    read: float = 300.0


class OpenAnswer(UpstreamAnswer, Protocol):
    """An answer with its connection."""

    async def close(self) -> None:
        """Give the connection back where the answer was read to its end, or end it."""
        ...


class HTTPClient(Protocol):
    """Pooled connections to one host, open ones without a limit."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> OpenAnswer:
        """Raises UpstreamTimeout and UpstreamUnreachable. `url` is sent as it stands."""
        ...

    async def close(self) -> None:
        """Close every connection, open ones included."""
        ...


@dataclass(frozen=True, slots=True)
class Wording:
    """What goes wrong on the way to `host`, as errors with a hint."""

    host: str
    timeouts: Timeouts

    def unreachable(self, why: object) -> UpstreamUnreachable:
        text = without_userinfo(str(why) or type(why).__name__)
        return UpstreamUnreachable(
            f"{self.host} cannot be reached: {text}. Check the network connection, and HTTPS_PROXY and NO_PROXY if "
            "this machine needs a proxy."
        )

    def no_connection(self) -> UpstreamUnreachable:
        return self.unreachable(f"no connection within {self.timeouts.connect:.0f} seconds")

    def silent(self) -> UpstreamTimeout:
        return UpstreamTimeout(
            f"{self.host} took the request and then said nothing for {self.timeouts.read:.0f} seconds. It may still "
            "have run; try again."
        )

    def not_taken(self, seconds: float) -> UpstreamTimeout:
        return UpstreamTimeout(
            f"{self.host} stopped taking the request, which stood still for {seconds:.0f} seconds. Check the network "
            "connection, and try again."
        )

    def unreadable(self) -> UpstreamError:
        return UpstreamError(
            f"{self.host} sent an answer that cannot be read: it is no valid HTTP, or compressed although we asked for "
            "no compression."
        )

    def gone_silent(self) -> UpstreamTimeout:
        return UpstreamTimeout(f"{self.host} stopped in the middle of its answer and went silent.")

    def broken(self) -> StreamTruncated:
        return StreamTruncated(f"The connection to {self.host} broke in the middle of the answer.")


def trusting_the_system(proxy: str | None) -> ssl.SSLContext:
    """A TLS context that trusts what the operating system trusts. Blocks; imports the client for `proxy` on the way."""
    import ssl

    import truststore

    if _is_socks(proxy):
        import httpx

        del httpx
    else:
        import aiohttp

        del aiohttp
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client_for(proxy: str | None, context: ssl.SSLContext, wording: Wording) -> HTTPClient:
    """The client that gets through `proxy`. Call it in an event loop. Raises UpstreamUnreachable for a proxy of a kind
    that neither speaks, and for an address that is none."""
    try:
        parts = urlsplit(proxy or "http://none")
        makes_sense = bool(parts.hostname) and parts.port != 0
        if makes_sense and proxy and _is_socks(proxy):
            return _Httpx(proxy, context, wording)
        if makes_sense and parts.scheme in ("http", "https"):
            return _Aiohttp(proxy, context, wording)
    except ValueError:
        makes_sense = False
    why = "has a scheme that is not known here" if makes_sense else "has an address that makes no sense"
    raise UpstreamUnreachable(
        f"The proxy for {wording.host} {why}. Set HTTPS_PROXY or ALL_PROXY to an address that begins with http://, "
        "https://, socks5:// or socks5h://."
    )


def _is_socks(proxy: str | None) -> bool:
    return proxy is not None and proxy.lower().startswith(("socks5://", "socks5h://"))


def _content(body: bytes, taken: Callable[[], None]) -> bytes | AsyncIterator[bytes]:
    """A large body in pieces, between which other streams get their turn; `taken` is called after each."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), _PIECE_BYTES):
            yield body[start : start + _PIECE_BYTES]
            taken()

    return body if len(body) <= _PIECE_BYTES else pieces()


class _Aiohttp:
    def __init__(self, proxy: str | None, context: ssl.SSLContext, wording: Wording) -> None:
        import aiohttp

        limits = wording.timeouts
        self._wording = wording
        # aiohttp watches over the silence behind a request, but not over one that the other side stopped taking: this
        # is for one piece of it and for the silence together.
        self._patience_seconds = 2 * limits.read
        self._proxy, self._proxy_headers = _with_credential(proxy) if proxy else (None, None)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=limits.connect, sock_connect=limits.connect, sock_read=limits.read
            ),
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _AiohttpAnswer:
        import aiohttp
        from yarl import URL

        try:
            async with asyncio.timeout(self._patience_seconds) as patience:
                response = await self._session.request(
                    method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=_content(body, lambda: self._renew(patience)) if body else None,
                    allow_redirects=False,
                    proxy=self._proxy,
                    proxy_headers=self._proxy_headers,
                )
        except aiohttp.ConnectionTimeoutError as error:
            raise self._wording.no_connection() from error
        except aiohttp.SocketTimeoutError as error:
            raise self._wording.silent() from error
        except TimeoutError as error:
            raise self._wording.not_taken(self._patience_seconds) from error
        except aiohttp.ClientHttpProxyError as error:
            raise self._wording.unreachable(error) from error
        except aiohttp.ClientResponseError as error:
            # It has arrived: nothing that may be tried again, as it may have been paid for.
            raise self._wording.unreadable() from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a host name that can be none
            raise self._wording.unreachable(error) from error
        return _AiohttpAnswer(response, self._wording)

    def _renew(self, patience: asyncio.Timeout) -> None:
        # An answer may begin before the request has ended: then there is nothing to wait for any more.
        with contextlib.suppress(RuntimeError):
            patience.reschedule(asyncio.get_running_loop().time() + self._patience_seconds)

    async def close(self) -> None:
        await self._session.close()


def _with_credential(proxy: str) -> tuple[URL, Mapping[str, str]]:
    """The proxy's address, and its credential as the header that goes to the proxy alone."""
    from yarl import URL

    url = URL(proxy)
    if url.user is None:
        return url, {}
    credential = binascii.b2a_base64(f"{url.user}:{url.password or ''}".encode(), newline=False).decode()
    return url.with_user(None), {"proxy-authorization": f"Basic {credential}"}


class _AiohttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse, wording: Wording) -> None:
        self._response = response
        self._wording = wording
        self.status = response.status
        self.headers = _joined(response.raw_headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        import aiohttp

        content = self._response.content
        try:
            while chunk := await content.readany():
                yield chunk
        except aiohttp.SocketTimeoutError as error:
            raise self._wording.gone_silent() from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._wording.broken() from error

    async def close(self) -> None:
        # aiohttp keeps the connection only where the body was read to its end.
        self._response.release()


class _Httpx:
    def __init__(self, proxy: str, context: ssl.SSLContext, wording: Wording) -> None:
        import httpx

        limits = wording.timeouts
        self._wording = wording
        self._limits = {"connect": limits.connect, "read": limits.read, "write": limits.read, "pool": None}
        try:
            url = httpx.URL(proxy)
        except httpx.InvalidURL as error:
            raise ValueError(str(error)) from error
        # Its transport alone: what httpx's client does in addition is of no use here, and costs as much again.
        self._transport = httpx.AsyncHTTPTransport(
            verify=context,
            proxy=httpx.Proxy(url),
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
            ),
            trust_env=False,
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _HttpxAnswer:
        import httpx
        import socksio

        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        content = _content(body, lambda: None)
        try:
            async with _SocksHandshake(self._wording.timeouts.connect) as handshake:
                extensions = {"timeout": self._limits, "trace": handshake.trace}
                request = httpx.Request(method, url, headers=encoded, content=content, extensions=extensions)
                response = await self._transport.handle_async_request(request)
        except httpx.ReadTimeout as error:
            raise self._wording.silent() from error
        except httpx.WriteTimeout as error:
            raise self._wording.not_taken(self._wording.timeouts.read) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise self._wording.no_connection() from error
        except httpx.RemoteProtocolError as error:
            # httpx has one name for an answer that is none, and for an end before the answer.
            disconnected = "disconnected" in str(error)
            raise (self._wording.unreachable(error) if disconnected else self._wording.unreadable()) from error
        except (httpx.HTTPError, httpx.InvalidURL, socksio.SOCKSError, OSError, ValueError) as error:
            raise self._wording.unreachable(error) from error
        response.request = request
        return _HttpxAnswer(response, self._wording)

    async def close(self) -> None:
        await self._transport.aclose()


class _SocksHandshake:
    """The talk with the proxy before a request, which httpx neither limits nor cleans up behind where it fails."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._patience = asyncio.timeout(None)
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def __aenter__(self) -> _SocksHandshake:
        await self._patience.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> bool | None:
        if self._stream is not None:
            await self._stream.aclose()
        return await self._patience.__aexit__(*raised)

    async def trace(self, event: str, about: Mapping[str, Any]) -> None:
        """Told by httpx of each step: https://www.python-httpx.org/advanced/extensions/#trace."""
        if event == "socks.setup_socks5_connection.started":
            self._stream = about["stream"]
            self._patience.reschedule(asyncio.get_running_loop().time() + self._seconds)
        elif event == "socks.setup_socks5_connection.complete":
            self._stream = None
            self._patience.reschedule(None)


class _HttpxAnswer:
    def __init__(self, response: httpx.Response, wording: Wording) -> None:
        self._response = response
        self._wording = wording
        self.status = response.status_code
        self.headers = _joined(response.headers.raw)

    async def chunks(self) -> AsyncIterator[bytes]:
        import httpx

        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except httpx.ReadTimeout as error:
            raise self._wording.gone_silent() from error
        except (httpx.HTTPError, OSError) as error:
            raise self._wording.broken() from error

    async def close(self) -> None:
        await self._response.aclose()


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Lower-case names; one that came in several lines is joined, as HTTP allows."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
