"""Routes: an upstream and the credential that it uses. Picks the one that serves the next request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from .credentials.api_key import ApiKeyStore
from .errors import CredentialLocked, NotSignedIn
from .settings import SettingsStore
from .upstreams import Upstream
from .upstreams.anthropic_http import AnthropicHTTP, Timeouts
from .upstreams.demo import DemoUpstream

NOT_SIGNED_IN = (
    "There is no way to reach Claude yet. Store an API key with `cliproxyapi login --api-key`, or start the proxy with "
    "ANTHROPIC_API_KEY set. To try it without an account: `cliproxyapi serve --demo`."
)


class ApiKeyCredential:
    """The API key, read anew for each request: a login in another terminal counts at once."""

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store

    async def headers(self) -> Mapping[str, str]:
        # The system's keyring may take its time, and may be locked.
        key = await asyncio.to_thread(self._store.find)
        if key is None:
            raise NotSignedIn(NOT_SIGNED_IN)
        return {"x-api-key": key.value}


class RouteTable:
    """The upstreams, each made when it is first needed. Lives inside one event loop."""

    def __init__(
        self,
        settings: SettingsStore,
        api_keys: ApiKeyStore,
        *,
        timeouts: Timeouts | None = None,
        demo: DemoUpstream | None = None,
    ) -> None:
        self._settings = settings
        self._api_keys = api_keys
        self._timeouts = timeouts
        self._demo = demo or DemoUpstream()
        self._api_key_upstreams: dict[str, AnthropicHTTP] = {}

    async def choose(self) -> Upstream:
        """The upstream for the next request, by the setting `route`; `auto` is the API key so far."""
        settings = self._settings.current
        if settings.route == "demo":
            return self._demo
        return self._api_key_upstream(settings.upstream_url)

    def model_source(self) -> str | None:
        """Where the list of models comes from, as a name for what is kept of it; None where there is only the table."""
        settings = self._settings.current
        return None if settings.route == "demo" else f"{settings.route} {settings.upstream_url}"

    async def auth_state(self) -> str:
        """Whether the chosen route could sign a request: for `/health`."""
        if self._settings.current.route == "demo":
            return "not_needed"
        try:
            key = await asyncio.to_thread(self._api_keys.find)
        except CredentialLocked:
            return "locked"
        return "signed_in" if key else "not_signed_in"

    async def close(self) -> None:
        for upstream in self._api_key_upstreams.values():
            await upstream.close()

    def _api_key_upstream(self, base_url: str) -> AnthropicHTTP:
        # By address, so that a changed setting takes a new client while answers of the old one go on.
        upstream = self._api_key_upstreams.get(base_url)
        if upstream is None:
            credential = ApiKeyCredential(self._api_keys)
            upstream = AnthropicHTTP("api-key", base_url, credential, timeouts=self._timeouts)
            self._api_key_upstreams[base_url] = upstream
        return upstream
