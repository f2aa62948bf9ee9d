"""Ways to reach Claude. An upstream is one `open(request)` whose answer yields the bytes of Anthropic Messages.

The seam is narrow on purpose: a faster transport, or a program that plays the same part, takes its place here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import CredentialRefused


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What goes to `{path}?{query}`. `headers` are the few that a client may decide (lower-case names)."""

    body: bytes = b""
    path: str = "/v1/messages"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    method: str = "POST"


class UpstreamAnswer(Protocol):
    """An answer whose body is still to come. Header names are lower-case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decompressed. Raises UpstreamError when it breaks off."""
        ...


class Upstream(Protocol):
    """One way to reach Claude; `route` and `host` name it in errors, headers and the log."""

    route: str
    host: str

    def open(self, request: UpstreamRequest) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Send `request`; leaving the context ends the exchange, finished or not. Raises ProxyError."""
        ...

    def can_reread(self) -> bool:
        """Whether a request that got a 401 should go once more, with the credential read anew."""
        ...

    def refused(self, error: CredentialRefused) -> None:
        """Told that the upstream turned its credential away."""
        ...

    async def close(self) -> None: ...
