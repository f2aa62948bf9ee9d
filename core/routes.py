"""Routes: an upstream and the credential that it uses. Picks the one that serves the next request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from .credentials.api_key import ENVIRONMENT_VARIABLE, ApiKeyStore
from .credentials.claude_login import ClaudeLogin, ClaudeLoginStore, DirectCredential
from .errors import CredentialLocked, CredentialRefused, NotSignedIn, ProxyError
from .settings import Settings, SettingsStore, is_loopback
from .upstreams import Upstream
from .upstreams.anthropic_http import AnthropicHTTP, Credential, Timeouts
from .upstreams.demo import DemoUpstream

State = Literal["signed_in", "not_signed_in", "expired", "refused", "locked", "not_needed"]

_API_KEY_STEP = (
    "Store an API key with `cliproxyapi login --api-key`, which is Anthropic's own way for any program, or set "
    f"{ENVIRONMENT_VARIABLE}."
)
_DEMO_STEP = "To try the proxy without an account: `cliproxyapi serve --demo`."
_NO_API_KEY = f"There is no API key. {_API_KEY_STEP}"
_ANTHROPIC = ("anthropic.com", "claude.com")


class UpstreamNotTrusted(ProxyError):
    """The stored sign-in would go to a host that the person has not confirmed."""

    status, code = 403, "upstream_not_trusted"
    title = "The upstream is not confirmed"


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the chosen route stands: for `/health`. `expires_at` is in seconds since 1970."""

    route: str
    state: State
    expires_at: float | None = None


class ApiKeyCredential:
    """The API key, read anew for each request: a login in another terminal counts at once."""

    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store

    async def headers(self) -> Mapping[str, str]:
        # The system's keyring may take its time, and may be locked.
        key = self._store.remembered() or await asyncio.to_thread(self._store.find)
        if key is None:
            raise NotSignedIn(_NO_API_KEY)
        return {"x-api-key": key.value}

    def can_change(self) -> bool:
        return False

    def refused(self, error: CredentialRefused) -> None:
        """It is this one answer; the next request is tried."""


class LoginCredential:
    """The stored Claude sign-in; reading it may wait for a disk."""

    def __init__(self, direct: DirectCredential) -> None:
        self._direct = direct

    async def headers(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._direct.headers)

    def can_change(self) -> bool:
        return True

    def refused(self, error: CredentialRefused) -> None:
        self._direct.refused(error)


class RouteTable:
    """The upstreams, each made when it is first needed. Lives inside one event loop."""

    def __init__(
        self,
        settings: SettingsStore,
        api_keys: ApiKeyStore,
        logins: ClaudeLoginStore,
        *,
        timeouts: Timeouts | None = None,
        demo: DemoUpstream | None = None,
    ) -> None:
        self._settings = settings
        self._api_keys = api_keys
        self._logins = logins
        self._direct = DirectCredential(logins)
        self._timeouts = timeouts
        self._demo = demo or DemoUpstream()
        self._https: dict[tuple[str, str], AnthropicHTTP] = {}

    async def choose(self) -> Upstream:
        """The upstream for the next request. Raises ProxyError where the setting `route` can lead nowhere."""
        settings = self._settings.current
        match settings.route:
            case "demo":
                return self._demo
            case "auto":
                route = await asyncio.to_thread(self._first_that_can_work, settings)
            case route:
                pass
        if route == "direct":
            _check_trusted(settings)
            if settings.claude_login == "ignore":
                raise NotSignedIn("The Claude sign-in is not used: the setting claude_login is 'ignore'.")
        return self._https_upstream(route, settings.upstream_url)

    async def sign_in(self) -> SignIn:
        """Whether the next request could be signed."""
        return await asyncio.to_thread(self._sign_in)

    def model_source(self) -> str | None:
        """Where the list of models comes from, as a name for what is kept of it; None where there is only the table."""
        settings = self._settings.current
        return None if settings.route == "demo" else f"{settings.route} {settings.upstream_url}"

    async def close(self) -> None:
        for upstream in self._https.values():
            await upstream.close()

    def _https_upstream(self, route: str, base_url: str) -> AnthropicHTTP:
        # By address, so that a changed setting takes a new client while answers of the old one go on.
        upstream = self._https.get((route, base_url))
        if upstream is None:
            credential: Credential = (
                LoginCredential(self._direct) if route == "direct" else ApiKeyCredential(self._api_keys)
            )
            upstream = AnthropicHTTP(route, base_url, credential, timeouts=self._timeouts)
            self._https[route, base_url] = upstream
        return upstream

    def _first_that_can_work(self, settings: Settings) -> str:
        """What the person stored here, then the Claude sign-in they agreed to; a key of the environment comes last, as
        it may be meant for other programs, and never because another way failed."""
        if self._api_keys.stored():
            return "api-key"
        if settings.direct_consent and settings.claude_login != "ignore" and self._has_login():
            return "direct"
        if self._api_keys.from_environment():
            return "api-key"
        raise NotSignedIn(self._missing_steps(settings))

    def _has_login(self) -> bool:
        try:
            return self._logins.find() is not None
        except NotSignedIn:
            return True  # there is one, and it is broken: the request will say how

    def _missing_steps(self, settings: Settings) -> str:
        if not self._has_login():
            claude = "There is no Claude sign-in on this machine: `claude auth login` makes one."
        elif settings.claude_login == "ignore":
            claude = "There is a Claude sign-in, but the setting claude_login is 'ignore'."
        else:
            claude = (
                "There is a Claude sign-in, which is used once you agree to it: set direct_consent = true, or name the "
                "route with --route direct. Anthropic may refuse it to other programs than its own."
            )
        return f"There is no way to reach Claude yet. {_API_KEY_STEP} {claude} {_DEMO_STEP}"

    def _sign_in(self) -> SignIn:
        settings = self._settings.current
        if settings.route == "demo":
            return SignIn("demo", "not_needed")
        route: str = settings.route
        try:
            if route == "auto":
                route = self._first_that_can_work(settings)
            if route == "direct":
                return self._login_state(self._logins.find())
            return SignIn(route, "signed_in" if self._api_keys.find() else "not_signed_in")
        except CredentialLocked:
            return SignIn("api-key", "locked")
        except NotSignedIn:
            return SignIn(route, "not_signed_in")

    def _login_state(self, login: ClaudeLogin | None) -> SignIn:
        if login is None:
            return SignIn("direct", "not_signed_in")
        if self._direct.is_refused:
            return SignIn("direct", "refused", login.expires_at)
        return SignIn("direct", "expired" if login.expired else "signed_in", login.expires_at)


def _check_trusted(settings: Settings) -> None:
    host = urlsplit(settings.upstream_url).hostname or ""
    if is_loopback(host) or host in settings.trusted_upstreams:
        return
    if not any(host == name or host.endswith(f".{name}") for name in _ANTHROPIC):
        raise UpstreamNotTrusted(
            f"The Claude sign-in would be sent to {host}, which is not Anthropic's. If you trust it with your sign-in, "
            "name it in the setting trusted_upstreams."
        )
