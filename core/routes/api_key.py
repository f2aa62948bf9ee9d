"""The route `api-key`: a key of the Console, stored here or taken from the environment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ..credentials.api_key import ApiKeyStore
from ..errors import CredentialLocked, CredentialRefused, NotSignedIn
from ..settings import Settings
from ..status import SignIn
from ..upstreams import Upstream
from ..upstreams.http_client import Timeouts
from .kind import API_KEY_STEP, HTTPSUpstreams

_MISSING = f"There is no API key. {API_KEY_STEP}"


class ApiKeyRoute:
    name = "api-key"

    def __init__(self, store: ApiKeyStore, timeouts: Timeouts | None) -> None:
        self._store = store
        self._upstreams = HTTPSUpstreams(self.name, lambda: ApiKeyCredential(store), timeouts)

    def look(self, settings: Settings, *, automatic: bool = False) -> SignIn:
        """`automatic`: only a key that was stored here."""
        try:
            key = self._store.stored() if automatic else self._store.find()
        except CredentialLocked as error:
            return SignIn(self.name, "locked", source="the system's keyring", missing=error.message)
        if key is None:
            return SignIn(self.name, "not_signed_in", missing=API_KEY_STEP if automatic else _MISSING)
        return SignIn(self.name, "signed_in", source=key.source)

    def upstream(self, settings: Settings) -> Upstream:
        return self._upstreams.at(settings.upstream_url)

    async def close(self) -> None:
        await self._upstreams.close()


class ApiKeyCredential:
    """The API key, read anew for each request: a login in another terminal counts at once."""

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store

    async def headers(self) -> Mapping[str, str]:
        # The system's keyring may take its time, and may be locked.
        key = self._store.remembered() or await asyncio.to_thread(self._store.find)
        if key is None:
            raise NotSignedIn(_MISSING)
        return {"x-api-key": key.value}

    def rejected(self, headers: Mapping[str, str]) -> None:
        """It is read anew for each request anyway."""

    def can_change(self) -> bool:
        return False

    def refused(self, error: CredentialRefused) -> None:
        """It is this one answer; the next request is tried."""
