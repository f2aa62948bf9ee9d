"""The HTTP clients below `AnthropicHTTP`: aiohttp, and httpx where a SOCKS proxy is in between.

aiohttp asks for half the processor time of httpx and holds hundreds of open streams; it speaks no SOCKS. Both leave
out what is of no use here: redirects, cookies, compression that nobody asked for, and a limit on open connections,
which would make the streams above it wait for seconds, without an error.
"""

from __future__ import annotations

import binascii
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from ..environment_proxy import without_userinfo
from ..errors import StreamTruncated, UpstreamTimeout, UpstreamUnreachable
from . import UpstreamAnswer

# httpx and aiohttp cost a third of a second to import: that is paid by the first request, in a worker thread,
# not by the start of the program.
if TYPE_CHECKING:
    import ssl

    import aiohttp
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

    def gone_silent(self) -> UpstreamTimeout:
        return UpstreamTimeout(f"{self.host} stopped in the middle of its answer and went silent.")

    def broken(self) -> StreamTruncated:
        return StreamTruncated(f"The connection to {self.host} broke in the middle of the answer.")


def trusting_the_system() -> ssl.SSLContext:
    """A TLS context that trusts what the operating system trusts. Blocks; imports the HTTP clients on the way."""
    import ssl

    import aiohttp
    import httpx
    import truststore

    del aiohttp, httpx
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client_for(proxy: str | None, context: ssl.SSLContext, wording: Wording) -> HTTPClient:
    """The client that gets through `proxy`. Call it in an event loop. Raises UpstreamUnreachable for a proxy of a kind
    that neither speaks."""
    scheme = _scheme_of(proxy) if proxy else ""
    if scheme in ("", "http", "https"):
        return _Aiohttp(proxy, context, wording)
    if proxy and scheme in ("socks5", "socks5h"):
        return _Httpx(proxy, context, wording)
    why = f"has the unknown scheme {scheme!r}" if scheme else "has an address that makes no sense"
    raise UpstreamUnreachable(
        f"The proxy for {wording.host} {why}. Set HTTPS_PROXY or ALL_PROXY to an address that begins with http://, "
        "https://, socks5:// or socks5h://."
    )


def _scheme_of(proxy: str) -> str | None:
    """None where `proxy` is no URL with a host."""
    try:
        parts = urlsplit(proxy)
        return parts.scheme if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _content(body: bytes, headers: Mapping[str, str]) -> tuple[bytes | AsyncIterator[bytes], Mapping[str, str]]:
    """A large body in pieces, between which other streams get their turn; and the headers with its length."""
    if len(body) <= _PIECE_BYTES:
        return body, headers
    return _pieces(body), {**headers, "content-length": str(len(body))}


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


class _Aiohttp:
    def __init__(self, proxy: str | None, context: ssl.SSLContext, wording: Wording) -> None:
        import aiohttp

        limits = wording.timeouts
        self._wording = wording
        self._proxy, self._proxy_headers = _with_credential(proxy) if proxy else (None, None)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.read),
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _AiohttpAnswer:
        import aiohttp
        from yarl import URL

        content, headers = _content(body, headers)
        try:
            response = await self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=content or None,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            )
        except aiohttp.SocketTimeoutError as error:
            raise self._wording.silent() from error
        except aiohttp.ServerTimeoutError as error:
            raise self._wording.no_connection() from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._wording.unreachable(error) from error
        return _AiohttpAnswer(response, self._wording)

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
        self._extensions = {
            "timeout": {"connect": limits.connect, "read": limits.read, "write": limits.read, "pool": None}
        }
        # Its transport alone: what httpx's client does in addition is of no use here, and costs as much again.
        self._transport = httpx.AsyncHTTPTransport(
            verify=context,
            proxy=proxy,
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
            ),
            trust_env=False,
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _HttpxAnswer:
        import httpx

        content, headers = _content(body, headers)
        request = httpx.Request(method, url, headers=headers, content=content, extensions=self._extensions)
        try:
            response = await self._transport.handle_async_request(request)
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise self._wording.silent() from error
        except httpx.TimeoutException as error:
            raise self._wording.no_connection() from error
        except (httpx.HTTPError, OSError) as error:
            raise self._wording.unreachable(error) from error
        response.request = request
        return _HttpxAnswer(response, self._wording)

    async def close(self) -> None:
        await self._transport.aclose()


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
