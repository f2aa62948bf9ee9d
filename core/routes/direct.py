"""The route `direct`: HTTPS with the Claude sign-in that Claude Code stored, once the person agreed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..credentials.claude_login import ClaudeLogin, ClaudeLoginStore, DirectCredential
from ..credentials.renewal import Renewal
from ..errors import CredentialRefused, NotSignedIn, ProxyError
from ..settings import Settings, is_loopback
from ..status import SignIn
from ..upstreams import Upstream
from ..upstreams.http_client import Timeouts
from .kind import HTTPSUpstreams

_ANTHROPIC = ("anthropic.com", "claude.com")

_NONE = "There is no Claude sign-in on this machine: `claude auth login` makes one."
_IGNORED = "There is a Claude sign-in, but the setting claude_login is 'ignore'."
_CONSENT = (
    "There is a Claude sign-in, which is used once you agree to it: `cliproxyapi login --claude` asks you, or set "
    "direct_consent = true, or name the route with --route direct. Anthropic may refuse it to other programs than its "
    "own."
)
_NOT_ASKED = (
    "A Claude sign-in may lie in the keychain, which is read once you agree to it: `cliproxyapi login --claude` asks "
    "you, or set direct_consent = true."
)
_DENIED = (
    "The Claude sign-in lies in the keychain, which did not give it out: `cliproxyapi login --claude` asks again, and "
    "then choose Always Allow."
)


class UpstreamNotTrusted(ProxyError):
    """The stored sign-in would go to a host that the person has not confirmed."""

    status, code = 403, "upstream_not_trusted"
    title = "The upstream is not confirmed"


class DirectRoute:
    name = "direct"

    def __init__(
        self, direct: DirectCredential, logins: ClaudeLoginStore, renewal: Renewal, timeouts: Timeouts | None
    ) -> None:
        self._direct = direct
        self._logins = logins
        self._renewal = renewal
        self._upstreams = HTTPSUpstreams(self.name, lambda: LoginCredential(direct, renewal), timeouts)

    def look(self, settings: Settings, *, automatic: bool = False) -> SignIn:
        try:
            login = self._logins.find()
        except NotSignedIn as error:
            # There is one, and it is broken. The request will say how.
            login, damage = None, error.message
        else:
            damage = None
            if login is None:
                return SignIn(self.name, "not_signed_in", missing=self._missing(settings))
        if settings.claude_login == "ignore":
            return SignIn(self.name, "not_signed_in", missing=_IGNORED)
        if automatic and not settings.direct_consent:
            return SignIn(self.name, "not_signed_in", missing=_CONSENT)
        if login is None:
            return SignIn(self.name, "damaged", missing=damage)
        return self._state_of(login)

    def upstream(self, settings: Settings) -> Upstream:
        check_trusted(settings)
        if settings.claude_login == "ignore":
            raise NotSignedIn("The Claude sign-in is not used: the setting claude_login is 'ignore'.")
        return self._upstreams.at(settings.upstream_url)

    async def close(self) -> None:
        await self._upstreams.close()

    def _missing(self, settings: Settings) -> str:
        keychain = self._logins.keychain
        if not keychain.exists or settings.claude_login == "ignore":
            return _NONE
        if keychain.denied:
            return _DENIED
        return _NONE if settings.direct_consent or settings.route == self.name else _NOT_ASKED

    def _state_of(self, login: ClaudeLogin) -> SignIn:
        failure = self._renewal.failure(login)
        refused_at = self._direct.refused_at(login)
        if refused_at is not None:
            state = "refused"
        elif failure is not None:
            state = "renewal_failed"
        else:
            state = "expired" if login.expired else "signed_in"
        missing = failure.message if failure is not None else None
        return SignIn(
            self.name,
            state,
            login.expires_at,
            login.source,
            plan=login.plan,
            missing=missing,
            refused_at=refused_at,
        )


class LoginCredential:
    """The stored Claude sign-in; reading it may wait for a disk. However many requests find it expired, they wait for
    one renewal, and hold no thread meanwhile."""

    def __init__(self, direct: DirectCredential, renewal: Renewal) -> None:
        self._direct = direct
        self._renewal = renewal

    async def headers(self) -> Mapping[str, str]:
        login = await asyncio.to_thread(self._direct.login)
        if self._renewal.is_due(login):
            login = await asyncio.wrap_future(self._renewal.renewed(login))
        return self._direct.headers_of(login)

    def rejected(self, headers: Mapping[str, str]) -> None:
        """It is read anew for each request anyway."""

    def can_change(self) -> bool:
        return True

    def refused(self, error: CredentialRefused) -> None:
        self._direct.refused(error)


def check_trusted(settings: Settings) -> None:
    """Raises UpstreamNotTrusted where a sign-in that others stored would go to somebody else."""
    host = urlsplit(settings.upstream_url).hostname or ""
    if is_loopback(host) or host in settings.trusted_upstreams:
        return
    if not any(host == name or host.endswith(f".{name}") for name in _ANTHROPIC):
        raise UpstreamNotTrusted(
            f"The Claude sign-in would be sent to {host}, which is not Anthropic's. If you trust it with your sign-in, "
            "name it in the setting trusted_upstreams."
        )
