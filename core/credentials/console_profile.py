"""A Console sign-in that `ant auth login` stored as a profile: read fresh for each use, never written.

Its files, as Anthropic's SDKs read them: `active_config` names the profile in use, `configs/NAME.json` is not secret
(`{"authentication": {"type", "credentials_path"?}, "workspace_id"?}`), and `credentials/NAME.json` is
(`{"access_token", "expires_at" (seconds since 1970), "refresh_token"}`).
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import json_codec
from ..ant_cli import QUICKSTART, AntCLI
from ..errors import NotSignedIn, ProxyError
from ..json_codec import object_or_empty

_LARGEST_FILE = 1024 * 1024
_DEFAULT_PROFILE = "default"
_EARLY_SECONDS = 300.0
# How long a token is good for whose file does not say.
_UNTOLD_SECONDS = 600.0
# `ant` is not asked again with each request while it has no better token.
_BETWEEN_QUESTIONS_SECONDS = 30.0

_LOGIN = "Run `ant auth login` to sign in again"


class ProfileExpired(ProxyError):
    """Its token is too old, and only `ant` may renew it."""

    status, code = 401, "upstream_auth_expired"
    title = "The Console sign-in has expired"


@dataclass(frozen=True, slots=True)
class ProfileToken:
    """A token of the profile. Times in seconds since 1970, None where it does not say."""

    token: str = field(repr=False)
    profile: str
    source: str
    expires_at: float | None = None
    workspace: str | None = None

    def expires_within(self, seconds: float) -> bool:
        return self.expires_at is not None and time.time() + seconds >= self.expires_at


class ConsoleProfiles:
    """The profiles of this machine. Any thread may ask; nothing is cached, because others write them."""

    def __init__(self, environ: Mapping[str, str], home: Path | None = None, *, platform: str = sys.platform) -> None:
        self._environ = environ
        self._home = home or Path(environ.get("HOME") or Path.home())
        self._platform = platform

    @property
    def directory(self) -> Path:
        if named := self._environ.get("ANTHROPIC_CONFIG_DIR"):
            return Path(named)
        if self._platform == "win32":
            roaming = self._environ.get("APPDATA")
            return (Path(roaming) if roaming else self._home / "AppData" / "Roaming") / "Anthropic"
        return self._home / ".config" / "anthropic"

    def active(self) -> str | None:
        """The profile that `ant` uses by itself; None where there is none."""
        try:
            name = (self.directory / "active_config").read_text("utf-8").strip() or _DEFAULT_PROFILE
        except (OSError, UnicodeDecodeError):
            name = _DEFAULT_PROFILE
        return name if name in self.names() else None

    def names(self) -> list[str]:
        try:
            return sorted(path.stem for path in (self.directory / "configs").glob("*.json"))
        except OSError:
            return []

    def read(self, profile: str) -> ProfileToken | None:
        """The profile's token as its file has it, however old; None where its file has none.

        Raises NotSignedIn, with the file and what is wrong with it.
        """
        config_path = self.directory / "configs" / f"{profile}.json"
        config = _object_in(config_path, self._check_config)
        if config is None:
            raise NotSignedIn(f"There is no Console profile {profile!r}: {config_path} is missing. {_LOGIN}.")
        authentication = object_or_empty(config.get("authentication"))
        elsewhere = authentication.get("credentials_path")
        path = self.directory / "credentials" / f"{profile}.json"
        if isinstance(elsewhere, str) and elsewhere:
            path = Path(elsewhere.replace("~", str(self._home), 1) if elsewhere.startswith("~") else elsewhere)
        fields = _object_in(path, self._check_credentials)
        if fields is None:
            return None
        token = fields.get("access_token")
        if not isinstance(token, str) or not token.strip():
            return None
        if not token.isascii() or not token.strip().isprintable() or " " in token.strip():
            raise NotSignedIn(f"{path}: access_token has characters that no token has. {_LOGIN}.")
        return ProfileToken(token.strip(), profile, str(path), _moment(fields.get("expires_at")), _workspace(config))

    def workspace(self, profile: str) -> str | None:
        return _workspace(_object_in(self.directory / "configs" / f"{profile}.json", self._check_config) or {})

    def _check_config(self, path: Path) -> None:
        if self._has_modes() and stat.S_IMODE(path.stat().st_mode) & 0o022:
            raise NotSignedIn(f"{path} can be written by other users, so it is not trusted. Run `chmod go-w {path}`.")

    def _check_credentials(self, path: Path) -> None:
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode):
            raise NotSignedIn(f"{path} is a link, which is not followed to a secret. Put the file itself there.")
        if self._has_modes() and stat.S_IMODE(state.st_mode) & 0o077:
            raise NotSignedIn(f"{path} can be read by other users, so it is not used. Run `chmod 600 {path}`.")

    def _has_modes(self) -> bool:
        return self._platform != "win32" and os.name != "nt"


class ConsoleProfileStore:
    """The token of a profile, through `ant` where it is installed. Any thread may ask."""

    def __init__(self, profiles: ConsoleProfiles, ant: AntCLI) -> None:
        self.profiles = profiles
        self.ant = ant
        self._lock = threading.Lock()
        # The token that got a 401, and what `ant` printed last, when (monotonic) it was asked last.
        self._rejected: str | None = None
        self._printed: ProfileToken | None = None
        self._asked_at: float | None = None

    def current(self, profile: str) -> ProfileToken | None:
        """The token to use as far as that is known without asking `ant`. Raises NotSignedIn."""
        stored, printed = self.profiles.read(profile), self._printed
        if printed is None or printed.profile != profile:
            return stored
        # `ant` may keep its tokens elsewhere.
        return printed if stored is None or (self.is_due(stored) and not self.is_due(printed)) else stored

    def is_due(self, token: ProfileToken | None) -> bool:
        """Whether `ant` should be asked before it is used: it has expired, is about to, or was rejected."""
        return token is None or token.token == self._rejected or token.expires_within(_EARLY_SECONDS)

    def usable(self, profile: str) -> ProfileToken:
        """A token that lives, asked of `ant` where it takes that. Raises NotSignedIn and ProfileExpired."""
        with self._lock:
            token = self.current(profile)
            if self.is_due(token):
                self._ask(profile)
                token = self.current(profile)
        if token is None:
            raise NotSignedIn(f"The Console profile {profile!r} holds no sign-in. {_LOGIN}.")
        if token.expires_within(0):
            how = _LOGIN if self.ant.find() else f"{_LOGIN} ({QUICKSTART} tells how to install `ant`)"
            raise ProfileExpired(f"The Console sign-in of the profile {profile!r} has expired. {how}.")
        return token

    def rejected(self, token: str) -> None:
        """It got a 401: it is asked for anew before it is used again."""
        self._rejected = token

    def ask_again(self) -> None:
        """The person wants it looked at once more."""
        with self._lock:
            self._rejected = self._printed = self._asked_at = None
        self.ant.forget()

    def _ask(self, profile: str) -> None:
        """Let `ant` renew what it stored."""
        if self._asked_at is not None and time.monotonic() - self._asked_at < _BETWEEN_QUESTIONS_SECONDS:
            return
        self._asked_at = time.monotonic()
        printed = self.ant.access_token(profile)
        if printed is None:
            return
        self._rejected = None
        source, expires_at = f"`ant`, profile {profile}", time.time() + _UNTOLD_SECONDS
        self._printed = ProfileToken(printed, profile, source, expires_at, self.profiles.workspace(profile))


def _object_in(path: Path, check: Callable[[Path], None]) -> dict[str, Any] | None:
    """The JSON object in `path` after `check` has let it pass; None where there is no such file."""
    try:
        check(path)
        if not path.is_file():
            raise NotSignedIn(f"{path} is not a file. {_LOGIN}.")
        with path.open("rb") as file:
            value = json_codec.decode(file.read(_LARGEST_FILE))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotSignedIn(f"{path} cannot be read: {error.strerror}.") from error
    except json_codec.JSONError as error:
        raise NotSignedIn(f"{path} is not valid JSON, perhaps half-written. {_LOGIN}.") from error
    if not isinstance(value, dict):
        raise NotSignedIn(f"{path} is no JSON object. {_LOGIN}.")
    return object_or_empty(value)


def _workspace(config: Mapping[str, Any]) -> str | None:
    """A federated token is bound to its workspace, and needs no header for it."""
    kind = object_or_empty(config.get("authentication")).get("type")
    workspace = config.get("workspace_id")
    named = isinstance(workspace, str) and workspace.isascii() and workspace.isprintable()
    return workspace if named and workspace and kind != "oidc_federation" else None


def _moment(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else None
