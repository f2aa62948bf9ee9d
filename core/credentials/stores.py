"""Every place where a credential of this person may lie, opened once for the whole program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..claude_cli import ClaudeCLI
from ..paths import Paths
from ..settings import Settings
from .api_key import ApiKeyStore
from .claude_login import ClaudeLoginStore, DirectCredential
from .own_oauth import OwnOAuth


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores, which outlive a restart of the server: what was refused stays refused."""

    api_keys: ApiKeyStore
    logins: ClaudeLoginStore
    direct: DirectCredential
    claude: ClaudeCLI
    own_oauth: OwnOAuth

    @classmethod
    def open(cls, paths: Paths, environ: Mapping[str, str], settings: Callable[[], Settings]) -> Stores:
        """Nothing is read yet. `settings` gives the settings in force."""
        logins = ClaudeLoginStore(environ)
        return cls(
            api_keys=ApiKeyStore(paths, environ),
            logins=logins,
            direct=DirectCredential(logins),
            claude=ClaudeCLI(environ, named=lambda: settings().claude_path),
            own_oauth=OwnOAuth(paths, environ),
        )
