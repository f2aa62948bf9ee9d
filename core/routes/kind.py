"""What every kind of route offers, and what those over HTTPS share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..settings import Settings
from ..status import SignIn
from ..upstreams import Upstream
from ..upstreams.anthropic_http import AnthropicHTTP, Credential
from ..upstreams.http_client import Timeouts

API_KEY_STEP = (
    "Store an API key with `cliproxyapi login --api-key`, which is Anthropic's own way for any program, or set "
    "ANTHROPIC_API_KEY."
)
DEMO_STEP = "To try the proxy without an account: `cliproxyapi serve --demo`."


class RouteKind(Protocol):
    """One way to Claude, by its name in the settings. Lives inside one event loop."""

    name: str

    def look(self, settings: Settings, *, automatic: bool = False) -> SignIn:
        """How its sign-in stands. `automatic`: as far as the route may be taken without having been named, which may
        need a consent; what is missing then is told as a step. May block: called in a worker thread."""
        ...

    def upstream(self, settings: Settings) -> Upstream:
        """Raises ProxyError where the settings forbid it."""
        ...

    async def close(self) -> None: ...


class HTTPSUpstreams:
    """One upstream for each address: a changed setting takes a new client, while answers of the old one go on."""

    def __init__(self, route: str, credential: Callable[[], Credential], timeouts: Timeouts | None) -> None:
        self._route = route
        self._credential = credential
        self._timeouts = timeouts
        self._by_address: dict[str, AnthropicHTTP] = {}

    def at(self, base_url: str) -> AnthropicHTTP:
        upstream = self._by_address.get(base_url)
        if upstream is None:
            upstream = AnthropicHTTP(self._route, base_url, self._credential(), timeouts=self._timeouts)
            self._by_address[base_url] = upstream
        return upstream

    async def close(self) -> None:
        for upstream in self._by_address.values():
            await upstream.close()
