"""The route `direct`: HTTPS with the Claude sign-in that Claude Code stored, once the person agreed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..credentials.claude_login import ClaudeLogin, ClaudeLoginStore, DirectCredential
from ..errors import CredentialRefused, NotSignedIn, ProxyError
from ..settings import Settings, is_loopback
from ..status import SignIn
from ..upstreams import Upstream
from ..upstreams.anthropic_http import Timeouts
from .kind import HTTPSUpstreams

_ANTHROPIC = ("anthropic.com", "claude.com")

_NONE = "There is no Claude sign-in on this machine: `claude auth login` makes one."
_IGNORED = "There is a Claude sign-in, but the setting claude_login is 'ignore'."
_CONSENT = (
    "There is a Claude sign-in, which is used once you agree to it: set direct_consent = true, or name the route with "
    "--route direct. Anthropic may refuse it to other programs than its own."
)


class UpstreamNotTrusted(ProxyError):
    """The stored sign-in would go to a host that the person has not confirmed."""

    status, code = 403, "upstream_not_trusted"
    title = "The upstream is not confirmed"


class DirectRoute:
    name = "direct"

    def __init__(self, direct: DirectCredential, logins: ClaudeLoginStore, timeouts: Timeouts | None) -> None:
        self._direct = direct
        self._logins = logins
        self._upstreams = HTTPSUpstreams(self.name, lambda: LoginCredential(direct), timeouts)

    def look(self, settings: Settings, *, automatic: bool = False) -> SignIn:
        try:
            login = self._logins.find()
        except NotSignedIn as error:
            # There is one, and it is broken. The request will say how.
            login, damage = None, error.message
        else:
            damage = None
            if login is None:
                return SignIn(self.name, "not_signed_in", missing=_NONE)
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

    def _state_of(self, login: ClaudeLogin) -> SignIn:
        state = "refused" if self._direct.is_refused(login) else "expired" if login.expired else "signed_in"
        return SignIn(self.name, state, login.expires_at, login.source, plan=login.plan)


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
