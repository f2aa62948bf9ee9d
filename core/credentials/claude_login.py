"""The Claude sign-in that Claude Code stored: read fresh for each use, never written, never refreshed by us.

Where it lies and what it looks like: `.credentials.json`, or an item of the keychain of macOS, with
`{"claudeAiOauth": {"accessToken", "expiresAt" (ms since 1970), "subscriptionType", …}}`, as Claude Code 2.1 writes it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import json_codec
from ..errors import CredentialRefused, NotSignedIn, ProxyError
from ..json_codec import list_or_empty, object_or_empty
from .keychain import Keychain

log = logging.getLogger("cliproxyapi.credentials")

TOKEN_VARIABLE = "CLAUDE_CODE_OAUTH_TOKEN"  # noqa: S105  # the variable's name
FILE_NAME = ".credentials.json"
OAUTH_BETA = "oauth-2025-04-20"

_LARGEST_FILE = 1024 * 1024

_LOGIN = "Run `claude auth login` to sign in"


class SignInExpired(ProxyError):
    """The access token is too old, and only Claude Code may renew it."""

    status, code = 401, "upstream_auth_expired"
    title = "The Claude sign-in has expired"


@dataclass(frozen=True, slots=True)
class ClaudeLogin:
    """A sign-in. `expires_at` is in seconds since 1970, None where it does not say."""

    token: str = field(repr=False)
    source: str
    expires_at: float | None
    plan: str | None
    # Tells sign-ins apart: it stays when the token is renewed, and changes with account or plan.
    identity: str = field(repr=False)

    @property
    def expired(self) -> bool:
        return self.expires_within(0)

    def expires_within(self, seconds: float) -> bool:
        return self.expires_at is not None and time.time() + seconds >= self.expires_at


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that is there and is no sign-in; `problem` names it and says why."""

    problem: str


class ClaudeLoginStore:
    """Finds the sign-in of this machine. Any thread may ask; nothing is cached, because others write it."""

    def __init__(self, environ: Mapping[str, str], home: Path | None = None, keychain: Keychain | None = None) -> None:
        self._environ = environ
        self._home = home
        self.keychain = keychain or Keychain(environ, lambda: False)
        self._lock = threading.Lock()
        self._warned: set[str] = set()

    def find(self) -> ClaudeLogin | None:
        """The sign-in to use: the environment's, else the stored one that lives longest. None where there is none.

        Raises NotSignedIn, with the file and what is wrong with it, where there are files but none is a sign-in.
        """
        if token := self._environ.get(TOKEN_VARIABLE, "").strip():
            return ClaudeLogin(token, TOKEN_VARIABLE, None, None, f"token {_digest(token)}")
        found: list[ClaudeLogin] = []
        problems: list[str] = []
        for login in self.all():
            if isinstance(login, Unusable):
                problems.append(login.problem)
            else:
                found.append(login)
        if found:
            # The first of equals: `max` keeps the order of the places.
            return max(found, key=lambda login: login.expires_at or float("inf"))
        if problems:
            raise NotSignedIn(f"{problems[0]}. {_LOGIN} again.")
        return None

    def all(self) -> list[ClaudeLogin | Unusable]:
        """Everything that is stored, in the order in which it counts among equals."""
        stored: list[ClaudeLogin | Unusable] = []
        for path in self.files():
            login = read_login(path)
            if isinstance(login, ClaudeLogin):
                self._warn_if_open(path)
            stored += [login] if login is not None else []
        item = self.keychain.read()
        if item is not None:
            stored.append(parse_login(item, self.keychain.source))
        return stored

    def files(self) -> Sequence[Path]:
        """Where sign-ins lie, in the order of Claude Code."""
        home = self._home or Path(self._environ.get("HOME") or Path.home())
        places = [self._environ.get(name) for name in ("CLAUDE_SECURESTORAGE_CONFIG_DIR", "CLAUDE_CONFIG_DIR")]
        directories = [Path(place) for place in places if place]
        directories += [home / ".claude", home / ".config" / "claude"]
        return [directory / FILE_NAME for directory in dict.fromkeys(directories)]

    def _warn_if_open(self, path: Path) -> None:
        """Said once for each file; it is used all the same, as it is not ours to change."""
        try:
            is_open = os.name != "nt" and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
        except OSError:
            return
        with self._lock:
            if not is_open or str(path) in self._warned:
                return
            self._warned.add(str(path))
        log.warning("%s can be read by other users of this machine; `chmod 600` it", path)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Claude's no to the sign-in `identity`."""

    identity: str
    error: CredentialRefused
    at: float


class DirectCredential:
    """Signs requests of the route `direct`, and remembers when Claude turned the sign-in away."""

    def __init__(self, store: ClaudeLoginStore) -> None:
        self._store = store
        self._refused: _Refusal | None = None

    def headers(self) -> Mapping[str, str]:
        """Raises as `login` and `headers_of`."""
        return self.headers_of(self.login())

    def login(self) -> ClaudeLogin:
        """The sign-in to use, however old. Raises NotSignedIn, and CredentialRefused where the same one was refused
        before."""
        login = self._store.find()
        if login is None:
            raise NotSignedIn(f"There is no Claude sign-in on this machine. {_LOGIN}, or choose another route.")
        if self._refused is not None:
            if self._refused.identity == login.identity:
                error = self._refused.error
                raise CredentialRefused(error.message, headers=error.headers)
            self._refused = None
        return login

    def headers_of(self, login: ClaudeLogin) -> Mapping[str, str]:
        """Raises SignInExpired."""
        if login.expired:
            raise SignInExpired(f"The Claude sign-in in {login.source} has expired. {_LOGIN} again.")
        return {"authorization": f"Bearer {login.token}", "anthropic-beta": OAUTH_BETA}

    def refused(self, error: CredentialRefused) -> None:
        """Claude said no: it is not asked again with this sign-in until the program restarts."""
        login = self._store.find()
        if login is not None:
            self._refused = _Refusal(login.identity, error, time.time())

    def refused_at(self, login: ClaudeLogin) -> float | None:
        """When Claude refused it, in seconds since 1970; None where it did not."""
        refusal = self._refused
        return refusal.at if refusal is not None and refusal.identity == login.identity else None

    def check_again(self) -> None:
        """The person asks to try a refused sign-in once more."""
        self._refused = None


def read_login(path: Path) -> ClaudeLogin | Unusable | None:
    """The sign-in in `path`; None where there is no such file."""
    try:
        data = _read(path)
    except FileNotFoundError:
        return Unusable(f"{path} is a link that leads nowhere") if path.is_symlink() else None
    except NotADirectoryError:
        return None
    except OSError as error:
        return Unusable(f"{path} cannot be read: {error.strerror}")
    if isinstance(data, Unusable):
        return data
    return parse_login(data, str(path))


def parse_login(data: bytes, path: str) -> ClaudeLogin | Unusable:
    """The sign-in in `data`, which lay at `path`."""
    if not data.strip():
        return Unusable(f"{path} is empty")
    try:
        value: Any = json_codec.decode(data)
    except json_codec.JSONError as error:
        return Unusable(f"{path} is not valid JSON, perhaps half-written: {error}")
    if not isinstance(value, dict):
        return Unusable(f"{path} is no JSON object")
    fields = object_or_empty(value)
    if "claudeAiOauth" not in fields:
        return Unusable(f"{path} holds no Claude sign-in")
    return _login_of(path, fields["claudeAiOauth"], fields.get("organizationUuid"))


def _read(path: Path) -> bytes | Unusable:
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        return Unusable(f"{path} is a directory")
    # A pipe would be waited for, and a device read for ever.
    if not stat.S_ISREG(kind):
        return Unusable(f"{path} is not a file")
    with path.open("rb") as file:
        data = file.read(_LARGEST_FILE + 1)
    return data if len(data) <= _LARGEST_FILE else Unusable(f"{path} is too large to be a sign-in")


def _login_of(path: str, value: Any, organization: Any) -> ClaudeLogin | Unusable:
    if not isinstance(value, dict):
        return Unusable(f"{path}: claudeAiOauth is no object")
    fields = object_or_empty(value)
    token = fields.get("accessToken")
    if not isinstance(token, str):
        return Unusable(f"{path}: accessToken is missing")
    token = token.strip()
    if not token:
        return Unusable(f"{path}: somebody signed out")
    if not token.isascii() or not token.isprintable() or " " in token:
        return Unusable(f"{path}: accessToken has characters that no token has")
    expires = fields.get("expiresAt")
    if expires is not None and (isinstance(expires, bool) or not isinstance(expires, (int, float))):
        return Unusable(f"{path}: expiresAt is no number")
    plan = fields.get("subscriptionType")
    # A renewal may bring them in another order.
    scopes = sorted(map(str, list_or_empty(fields.get("scopes"))))
    owner = [organization, *(fields.get(name) for name in ("accountUuid", "organizationUuid", "subscriptionType"))]
    return ClaudeLogin(
        token=token,
        source=path,
        expires_at=None if expires is None else expires / 1000,
        plan=plan if isinstance(plan, str) else None,
        identity=f"{path} {_digest(repr([*owner, fields.get('rateLimitTier'), scopes]))}",
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
