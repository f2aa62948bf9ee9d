"""The sign-in with an OAuth app of the person's own organisation: its tokens are ours, so it is us who renew them.

The wall clock decides what has expired, at each use; there is no timer that a sleeping laptop would delay. One refresh
at a time, in this process and across processes: a refresh token that rotates works only once.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from .. import json_codec
from ..errors import CredentialLocked, NotSignedIn, ProxyError
from ..file_lock import locked
from ..json_codec import list_or_empty, object_or_empty
from ..paths import Paths
from .secret_store import Keyring, Named, SecretStore, StoredSecret
from .token_endpoint import Granted, ProviderFailed, TokenEndpoint, TokenRefused

log = logging.getLogger("cliproxyapi.credentials")

_EARLY_SECONDS = 300.0
# As long as another process may take to renew.
_LOCK_SECONDS = 60.0
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 5.0, 300.0
# A provider whose new token is refused as well is not asked for another one with every request.
_BETWEEN_FORCED_SECONDS = 60.0

_AGAIN = "sign in again with `cliproxyapi login --oauth`"
_ENDED = f"The sign-in with your organisation's OAuth app has ended: {_AGAIN}."
MISSING = "Sign in with your organisation's OAuth app: `cliproxyapi login --oauth`."
_NAMED = Named("oauth-tokens", "tokens", "The sign-in with your organisation's OAuth app", _AGAIN)


class SignInEnded(ProxyError):
    """The provider does not renew it any more: only the person can go on."""

    status, code = 401, "upstream_auth_expired"
    title = "The sign-in has ended"


class RenewalFailed(ProxyError):
    """It has expired and could not be renewed now; that may be different in a moment."""

    status, code = 503, "sign_in_renewal_failed"
    title = "The sign-in could not be renewed"


@dataclass(frozen=True, slots=True)
class OwnSignIn:
    """Tokens, and the app and endpoint that they came from: nobody else renews them. Times in seconds since 1970.

    An empty `access_token` is what is left of a sign-in that the provider ended.
    """

    client_id: str
    token_url: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    obtained_at: float
    expires_at: float | None = None
    scopes: tuple[str, ...] = ()
    account: str | None = None
    organisation: str | None = None

    @property
    def ended(self) -> bool:
        return not self.access_token

    def check(self, now: float) -> None:
        """Raises SignInEnded where only the person can go on."""
        if self.ended:
            raise SignInEnded(_ENDED)
        if self.refresh_token is None and self.has_expired(now):
            raise SignInEnded(f"The sign-in has expired, and the provider gave nothing to renew it with: {_AGAIN}.")

    def has_expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def is_due(self, now: float) -> bool:
        """Whether it should be renewed: 5 minutes early, or at half time where it lives for less than 10."""
        if self.expires_at is None:
            return False
        early = min(_EARLY_SECONDS, (self.expires_at - self.obtained_at) / 2)
        # A clock that was set back tells nothing about the age of what lies in the future.
        return now >= self.expires_at - early or now < self.obtained_at - _EARLY_SECONDS

    def renewed(self, granted: Granted, now: float) -> OwnSignIn:
        """Names and scopes stay where the answer has none, and so does a refresh token that does not rotate."""
        return replace(
            self,
            access_token=granted.access_token,
            refresh_token=granted.refresh_token or self.refresh_token,
            obtained_at=now,
            expires_at=None if granted.expires_in is None else now + granted.expires_in,
            scopes=granted.scopes or self.scopes,
            account=granted.account or self.account,
            organisation=granted.organisation or self.organisation,
        )


class OwnOAuth:
    """Keeps the sign-in and renews it. Any thread may call; renewing takes as long as the provider does."""

    def __init__(
        self,
        paths: Paths,
        environ: Mapping[str, str],
        keyring_backend: Keyring | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret = SecretStore(paths.oauth_file, _NAMED, keyring_backend)
        self._lock_file: Path = paths.oauth_file.with_suffix(".lock")
        self._environ = environ
        self._clock = clock
        self._renewing = threading.Lock()
        self._back_off = _BackOff()
        # What the stored text says, taken apart once.
        self._parsed: tuple[StoredSecret, OwnSignIn | None] | None = None
        # The access token that got a 401, and when (monotonic) one was last renewed for that reason.
        self._rejected: str | None = None
        self._forced_at: float | None = None
        # A refresh token that was used up, and what it was exchanged for, as long as that cannot be written.
        self._unsaved: tuple[str, OwnSignIn] | None = None

    def now(self) -> float:
        return self._clock()

    @property
    def trouble(self) -> str | None:
        """Why the last try to renew failed; None where it did not."""
        return self._back_off.why

    def exists(self) -> bool:
        """Whether there is one, in whatever state. Never waits for long."""
        return self._secret.exists()

    def stored(self) -> OwnSignIn | None:
        """What is kept, however old. Raises CredentialLocked."""
        return self._parse(self._secret.stored())

    def source(self) -> str | None:
        """Where it is kept, in words. Raises CredentialLocked."""
        secret = self._secret.stored()
        return secret.source if secret else None

    def remembered(self) -> OwnSignIn | None:
        """What `usable` would say, if that needs no keyring, no reading and no renewal; else None. Never waits."""
        sign_in = self._parse(self._secret.remembered())
        return None if sign_in is None or sign_in.ended or self._is_due(sign_in) else sign_in

    def usable(self) -> OwnSignIn:
        """The sign-in for the next request, renewed if it is time.

        Raises NotSignedIn, SignInEnded, RenewalFailed and CredentialLocked.
        """
        sign_in = self._living()
        if not self._is_due(sign_in):
            return sign_in
        with self._renewing:
            sign_in = self._living()
            if not self._is_due(sign_in):
                return sign_in
            try:
                return self._renew_alone(sign_in)
            except RenewalFailed:
                # It is early days yet: what there is still works.
                if sign_in.has_expired(self.now()) or sign_in.access_token == self._rejected:
                    raise
                return sign_in

    def rejected(self, access_token: str) -> None:
        """A request that was signed with it got a 401: it is renewed before the next one, whatever the clock says."""
        self._rejected = access_token

    def can_renew(self) -> bool:
        """Whether after a 401 another token can be had."""
        sign_in = self._parse(self._secret.remembered())
        if sign_in is None or sign_in.access_token != self._rejected:
            return True
        return sign_in.refresh_token is not None and self._may_force()

    def keep(self, sign_in: OwnSignIn) -> str:
        """Store a new sign-in; where it now is, in words. Raises OSError."""
        with self._renewing, self._alone():
            place = self._secret.store(_encoded(sign_in))
            self._unsaved = self._rejected = self._forced_at = None
            self._back_off = _BackOff()
        return place

    def forget(self) -> Literal["nothing", "forgotten", "revoked"]:
        """Delete the tokens, and have the provider revoke them, as far as it can be reached.

        Raises OSError, and CredentialLocked where the keyring keeps them.
        """
        with self._renewing, self._alone():
            sign_in: OwnSignIn | None = None
            with contextlib.suppress(CredentialLocked):
                sign_in = self.stored()
            deleted = self._secret.delete()
            self._unsaved = self._rejected = None
            self._back_off = _BackOff()
        if not deleted:
            return "nothing"
        token = sign_in and (sign_in.refresh_token or sign_in.access_token)
        if sign_in is None or not token:
            return "forgotten"
        return "revoked" if self._endpoint(sign_in).revoke(sign_in.client_id, token) else "forgotten"

    def _renew_alone(self, sign_in: OwnSignIn) -> OwnSignIn:
        if sign_in.refresh_token is None:
            return sign_in  # for as long as it lives
        self._back_off.check()
        with self._alone():
            # Another process may have been faster.
            sign_in = self._living()
            return self._renew(sign_in) if self._is_due(sign_in) else sign_in

    def _renew(self, sign_in: OwnSignIn) -> OwnSignIn:
        refresh_token = sign_in.refresh_token or ""
        is_forced = sign_in.access_token == self._rejected
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": sign_in.client_id}
        try:
            granted = self._endpoint(sign_in).ask(form)
        except ProviderFailed as error:
            raise self._back_off.after(f"The provider could not renew the sign-in: {error}.") from error
        except TokenRefused as error:
            if error.error != "invalid_grant":
                raise self._back_off.after(f"The provider did not renew the sign-in ({error}).") from error
            log.info("the provider ended the sign-in of the OAuth app")
            ended = replace(sign_in, access_token="", refresh_token=None)
            self._save(ended, in_place_of=refresh_token)
            raise SignInEnded(_ENDED) from error
        renewed = sign_in.renewed(granted, self.now())
        self._save(renewed, in_place_of=refresh_token)
        self._back_off = _BackOff()
        self._rejected = None
        if is_forced:
            self._forced_at = time.monotonic()
        log.info("renewed the sign-in of the OAuth app")
        return renewed

    def _save(self, sign_in: OwnSignIn, *, in_place_of: str) -> None:
        """Write it; where that is not possible it lives as long as this process."""
        try:
            self._secret.store(_encoded(sign_in))
            self._unsaved = None
        except OSError as error:
            log.warning("the renewed sign-in cannot be written (%s), and ends with this program", error.strerror)
            written = self._parsed[1] if self._parsed else None
            self._unsaved = ((written and written.refresh_token) or in_place_of, sign_in)

    def _living(self) -> OwnSignIn:
        sign_in = self.stored()
        if sign_in is None:
            raise NotSignedIn(f"There is no sign-in. {MISSING}")
        sign_in.check(self.now())
        return sign_in

    def _is_due(self, sign_in: OwnSignIn) -> bool:
        rejected = sign_in.access_token == self._rejected and self._may_force()
        return rejected or sign_in.is_due(self.now())

    def _may_force(self) -> bool:
        return self._forced_at is None or time.monotonic() >= self._forced_at + _BETWEEN_FORCED_SECONDS

    def _parse(self, secret: StoredSecret | None) -> OwnSignIn | None:
        if secret is None:
            return None
        parsed = self._parsed
        if parsed is None or parsed[0] is not secret:
            parsed = self._parsed = (secret, _decoded(secret.value))
        sign_in, unsaved = parsed[1], self._unsaved
        return unsaved[1] if unsaved and sign_in and sign_in.refresh_token == unsaved[0] else sign_in

    @contextmanager
    def _alone(self) -> Generator[None]:
        """The lock across processes. Where no file can be locked at all it goes without: better two than none."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self._lock_file, _LOCK_SECONDS))
            except TimeoutError as error:
                raise RenewalFailed("Another CLIProxyAPI is renewing the sign-in and does not end. Stop it.") from error
            except OSError as error:
                log.warning("%s cannot be locked: %s", self._lock_file, error.strerror)
            yield

    def _endpoint(self, sign_in: OwnSignIn) -> TokenEndpoint:
        return TokenEndpoint(sign_in.token_url, self._environ)


class _BackOff:
    """After a failure the provider is left alone for a while, longer each time."""

    def __init__(self) -> None:
        self.why: str | None = None
        self._failures = 0
        self._until = 0.0

    def check(self) -> None:
        """Raises RenewalFailed while it is too early."""
        left = self._until - time.monotonic()
        if self.why is not None and left > 0:
            raise self._failure(left)

    def after(self, why: str) -> RenewalFailed:
        """Note a failure; the error that tells of it."""
        delay = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0**self._failures) * random.uniform(0.75, 1.25)
        self.why, self._failures, self._until = why, min(self._failures + 1, 10), time.monotonic() + delay
        log.warning("%s Next try in %.0f seconds at the earliest.", why, delay)
        return self._failure(delay)

    def _failure(self, seconds: float) -> RenewalFailed:
        wait = max(1, round(seconds))
        return RenewalFailed(f"{self.why} It is tried again in {wait} s.", headers={"retry-after": str(wait)})


def _encoded(sign_in: OwnSignIn) -> str:
    return json_codec.encode_text(asdict(sign_in))


def _decoded(text: str) -> OwnSignIn | None:
    try:
        fields = object_or_empty(json_codec.decode(text))
    except json_codec.JSONError:
        fields = {}
    match fields:
        case {"client_id": str(client), "token_url": str(url), "access_token": str(token)}:
            return OwnSignIn(
                client_id=client,
                token_url=url,
                access_token=token,
                refresh_token=_text(fields.get("refresh_token")),
                obtained_at=_number(fields.get("obtained_at")) or 0.0,
                expires_at=_number(fields.get("expires_at")),
                scopes=tuple(str(scope) for scope in list_or_empty(fields.get("scopes"))),
                account=_text(fields.get("account")),
                organisation=_text(fields.get("organisation")),
            )
        case _:
            log.warning("the stored sign-in of the OAuth app is damaged; %s", _AGAIN)
            return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
