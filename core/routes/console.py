"""The route `console`: HTTPS with a sign-in of a Console organisation, from one of several sources."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from ..credentials.claude_login import OAUTH_BETA
from ..credentials.console_profile import ConsoleProfileStore, ProfileToken
from ..credentials.own_oauth import MISSING, OwnOAuth, OwnSignIn, SignInEnded
from ..errors import CredentialLocked, CredentialRefused, NotSignedIn
from ..settings import Settings
from ..status import SignIn
from ..upstreams import Upstream
from ..upstreams.anthropic_http import Credential
from ..upstreams.http_client import Timeouts
from .direct import check_trusted
from .kind import HTTPSUpstreams

_NAME = "console"
_PROFILE_STEP = "Sign in to the Console with `cliproxyapi login --console`."


class Source(Protocol):
    """Where a Console sign-in comes from."""

    # Others stored it, so that it may not go to everybody.
    is_foreign: bool

    def is_there(self, settings: Settings) -> bool:
        """Whether this is the one to use, in whatever state it is. Never waits for long."""
        ...

    def look(self, settings: Settings, *, automatic: bool) -> SignIn:
        """As `RouteKind.look`."""
        ...

    def credential(self) -> Credential: ...


class ConsoleRoute:
    name = _NAME

    def __init__(self, sources: Sequence[Source], timeouts: Timeouts | None) -> None:
        """`sources` in the order in which they count."""
        self._sources = [(source, HTTPSUpstreams(_NAME, source.credential, timeouts)) for source in sources]

    def look(self, settings: Settings, *, automatic: bool = False) -> SignIn:
        """The first that there is; where there is none, the steps that lead to one."""
        steps: list[str] = []
        for source, _ in self._sources:
            sign_in = source.look(settings, automatic=automatic)
            if sign_in.state != "not_signed_in":
                return sign_in
            steps += [sign_in.missing] if sign_in.missing else []
        return SignIn(self.name, "not_signed_in", missing=" ".join(steps) or None)

    def upstream(self, settings: Settings) -> Upstream:
        for source, upstreams in self._sources:
            if source.is_there(settings):
                if source.is_foreign:
                    check_trusted(settings)
                return upstreams.at(settings.upstream_url)
        missing = self.look(settings).missing or MISSING
        raise NotSignedIn(f"There is no sign-in to a Console organisation. {missing}")

    async def close(self) -> None:
        for _, upstreams in self._sources:
            await upstreams.close()


class OwnOAuthSource:
    """The OAuth app of the person's own organisation."""

    is_foreign = False

    def __init__(self, own: OwnOAuth) -> None:
        self._own = own

    def is_there(self, settings: Settings) -> bool:
        return self._own.exists()

    def look(self, settings: Settings, *, automatic: bool) -> SignIn:
        """Nobody but those who set up such an app is told of the step that is missing."""
        try:
            sign_in, source = self._own.stored(), self._own.source()
        except CredentialLocked as error:
            return SignIn(_NAME, "locked", source="the system's keyring", missing=error.message)
        if sign_in is None:
            is_set_up = settings.oauth_client_id is not None
            return SignIn(_NAME, "not_signed_in", missing=MISSING if is_set_up or not automatic else None)
        who = sign_in.account or sign_in.organisation
        problem = self._problem(sign_in)
        if problem is not None:
            return SignIn(_NAME, "renewal_failed", sign_in.expires_at, source, account=who, missing=problem)
        state = "expired" if sign_in.has_expired(self._own.now()) else "signed_in"
        return SignIn(_NAME, state, sign_in.expires_at, source, account=who)

    def credential(self) -> Credential:
        return OwnOAuthCredential(self._own)

    def _problem(self, sign_in: OwnSignIn) -> str | None:
        try:
            sign_in.check(self._own.now())
        except SignInEnded as error:
            return error.message
        return self._own.trouble if sign_in.has_expired(self._own.now()) else None


class OwnOAuthCredential:
    """Signs with the token of the own app. However many requests find it expired, they wait for one renewal."""

    def __init__(self, own: OwnOAuth) -> None:
        self._own = own
        self._renewal: asyncio.Future[OwnSignIn] | None = None

    async def headers(self) -> Mapping[str, str]:
        sign_in = self._own.remembered() or await self._usable()
        return {"authorization": f"Bearer {sign_in.access_token}", "anthropic-beta": OAUTH_BETA}

    def rejected(self, headers: Mapping[str, str]) -> None:
        self._own.rejected(headers["authorization"].removeprefix("Bearer "))

    def can_change(self) -> bool:
        return self._own.can_renew()

    def refused(self, error: CredentialRefused) -> None:
        """It is this one answer; the next request is tried."""

    async def _usable(self) -> OwnSignIn:
        """In one thread for all who wait: a worker each would leave none for anything else. It is not one of the
        loop's, whose end would wait for a provider that does not answer."""
        if self._renewal is None:
            loop = asyncio.get_running_loop()
            renewal = self._renewal = loop.create_future()
            renewal.add_done_callback(self._renewed)
            threading.Thread(target=self._look, args=(loop, renewal), name="own OAuth app", daemon=True).start()
        # A client that hangs up ends its own waiting, and not the renewal.
        return await asyncio.shield(self._renewal)

    def _look(self, loop: asyncio.AbstractEventLoop, renewal: asyncio.Future[OwnSignIn]) -> None:
        try:
            sign_in = self._own.usable()
        except Exception as error:
            settle = partial(renewal.set_exception, error)
        else:
            settle = partial(renewal.set_result, sign_in)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle)

    def _renewed(self, renewal: asyncio.Future[OwnSignIn]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # looked at, should nobody wait any more


class ProfileSource:
    """A profile of `ant auth login`: the one that the person chose here, or, where they named the route, the one that
    is active."""

    is_foreign = True

    def __init__(self, store: ConsoleProfileStore, settings: Callable[[], Settings]) -> None:
        self._store = store
        self._settings = settings

    def is_there(self, settings: Settings) -> bool:
        return self._chosen(settings) is not None

    def look(self, settings: Settings, *, automatic: bool) -> SignIn:
        profile = settings.console_profile if automatic else self._chosen(settings)
        if profile is None:
            return SignIn(_NAME, "not_signed_in", missing=_PROFILE_STEP)
        try:
            token = self._store.current(profile)
        except NotSignedIn as error:
            return SignIn(_NAME, "damaged", missing=error.message)
        if token is None and self._store.ant.find() is None:
            return SignIn(
                _NAME, "damaged", missing=f"The Console profile {profile!r} holds no sign-in. {_PROFILE_STEP}"
            )
        if token is None:
            return SignIn(_NAME, "signed_in", source=f"the Console profile {profile!r}")
        state = "expired" if token.expires_within(0) else "signed_in"
        return SignIn(_NAME, state, token.expires_at, token.source)

    def credential(self) -> Credential:
        return ProfileCredential(self._store, lambda: self._chosen(self._settings()))

    def _chosen(self, settings: Settings) -> str | None:
        if settings.console_profile is not None or settings.route != _NAME:
            return settings.console_profile
        return self._store.profiles.active()


class ProfileCredential:
    """Signs with the token of the profile. However many requests find it expired, `ant` is asked once."""

    def __init__(self, store: ConsoleProfileStore, profile: Callable[[], str | None]) -> None:
        self._store = store
        self._profile = profile
        self._asking: asyncio.Task[ProfileToken] | None = None

    async def headers(self) -> Mapping[str, str]:
        profile = await asyncio.to_thread(self._profile)
        if profile is None:
            raise NotSignedIn(f"No Console profile is chosen. {_PROFILE_STEP}")
        token = await asyncio.to_thread(self._store.current, profile)
        if token is None or self._store.is_due(token):
            token = await self._usable(profile)
        workspace = {"anthropic-workspace-id": token.workspace} if token.workspace else {}
        return {"authorization": f"Bearer {token.token}", "anthropic-beta": OAUTH_BETA, **workspace}

    def rejected(self, headers: Mapping[str, str]) -> None:
        self._store.rejected(headers["authorization"].removeprefix("Bearer "))

    def can_change(self) -> bool:
        return True

    def refused(self, error: CredentialRefused) -> None:
        """It is this one answer; the next request is tried."""

    async def _usable(self, profile: str) -> ProfileToken:
        """In one worker thread for all who wait: a thread each would leave none for anything else."""
        if self._asking is None:
            self._asking = asyncio.create_task(asyncio.to_thread(self._store.usable, profile))
            self._asking.add_done_callback(self._asked)
        # A client that hangs up ends its own waiting, and not the question.
        return await asyncio.shield(self._asking)

    def _asked(self, asking: asyncio.Task[ProfileToken]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # looked at, should nobody wait any more
