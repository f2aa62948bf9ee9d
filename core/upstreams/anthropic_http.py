"""Anthropic's API over HTTPS: pooled connections, the person's proxy and trust store, honest about who is asking."""

from __future__ import annotations

import asyncio
import os
import string
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import quote, urlsplit

from .. import __version__
from ..environment_proxy import proxy_for
from ..errors import CredentialRefused
from ..messages import ANTHROPIC_VERSION
from ..sleep import SleepWatch
from . import UpstreamAnswer, UpstreamRequest
from .http_client import HTTPClient, Timeouts, Wording, client_for, trusting_the_system

USER_AGENT = f"cliproxyapi/{__version__}"

# What a query may hold as it stands.
_QUERY_SAFE = string.punctuation.replace("#", "")


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
        self._wording = Wording(self.host, timeouts or Timeouts())
        self._environ = os.environ if environ is None else environ
        self._pool: _Pool | None = None
        self._sleep = sleep or SleepWatch()
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncGenerator[UpstreamAnswer]:
        signed = await self._credential.headers()
        if self._sleep.woke():
            await self._retire()
        pool = self._pool or await self._open_pool()
        headers = _headers(request, signed)
        query = f"?{quote(request.query, safe=_QUERY_SAFE)}" if request.query else ""
        pool.answers += 1
        try:
            answer = await pool.client.send(
                request.method, f"{self._base_url}{request.path}{query}", headers, request.body
            )
            try:
                if answer.status == 401:
                    self._credential.rejected(signed)
                yield answer
            finally:
                await answer.close()
        finally:
            await pool.leave()

    def can_reread(self) -> bool:
        return self._credential.can_change()

    def refused(self, error: CredentialRefused) -> None:
        self._credential.refused(error)

    async def close(self) -> None:
        """Close every connection, open ones included."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.client.close()

    async def _retire(self) -> None:
        """Connections that lay idle through a sleep are dead at the other end; those that answer go on."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.retire()

    async def _open_pool(self) -> _Pool:
        async with self._opening:
            if self._pool is None:
                # Importing and reading the trust store would hold up every open stream if done on the loop.
                proxy = proxy_for(self._base_url, self._environ)
                context = await asyncio.to_thread(trusting_the_system, proxy)
                self._pool = _Pool(client_for(proxy, context, self._wording))
            return self._pool


def _headers(request: UpstreamRequest, signed: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of `request`: ours, then those that the client may decide, then those of the credential."""
    given = request.headers
    headers = {
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "identity",
        "anthropic-version": ANTHROPIC_VERSION,
        "content-type": "application/json",
        **given,
        **signed,
    }
    if request.body:
        headers["content-length"] = str(len(request.body))
    if betas := [part["anthropic-beta"] for part in (given, signed) if "anthropic-beta" in part]:
        headers["anthropic-beta"] = ",".join(betas)
    return headers


class _Pool:
    """A client with its connections, and how many answers are read over it now."""

    def __init__(self, client: HTTPClient) -> None:
        self.client = client
        self.answers = 0
        self._retired = False

    async def leave(self) -> None:
        """An answer is over."""
        self.answers -= 1
        if self._retired and not self.answers:
            await self.client.close()

    async def retire(self) -> None:
        """Close once the last answer is over."""
        self._retired = True
        if not self.answers:
            await self.client.close()
