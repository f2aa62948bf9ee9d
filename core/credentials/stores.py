"""Every place where a credential of this person may lie, opened once for the whole program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..ant_cli import AntCLI
from ..claude_cli import ClaudeCLI
from ..paths import Paths
from ..settings import ANTHROPIC_URL, Settings
from .api_key import ApiKeyStore
from .claude_login import ClaudeLoginStore, DirectCredential
from .console_profile import ConsoleProfiles, ConsoleProfileStore
from .keychain import Keychain
from .own_oauth import OwnOAuth
from .renewal import Renewal


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores, which outlive a restart of the server: what was refused stays refused."""

    api_keys: ApiKeyStore
    logins: ClaudeLoginStore
    direct: DirectCredential
    renewal: Renewal
    claude: ClaudeCLI
    profiles: ConsoleProfileStore
    own_oauth: OwnOAuth

    @classmethod
    def open(cls, paths: Paths, environ: Mapping[str, str], settings: Callable[[], Settings]) -> Stores:
        """Nothing is read yet. `settings` gives the settings in force."""
        logins = ClaudeLoginStore(environ, keychain=Keychain(environ, lambda: _agreed(settings())))
        claude = ClaudeCLI(environ, named=lambda: settings().claude_path)
        ant = AntCLI(environ, named=lambda: settings().ant_path)
        return cls(
            api_keys=ApiKeyStore(paths, environ),
            logins=logins,
            direct=DirectCredential(logins),
            renewal=Renewal(claude, logins, lambda: _other_upstream(settings())),
            claude=claude,
            profiles=ConsoleProfileStore(ConsoleProfiles(environ), ant),
            own_oauth=OwnOAuth(paths, environ),
        )

    def look_again(self) -> None:
        """The person asks, or signed in anew: what was refused, denied or not found is tried once more."""
        self.direct.check_again()
        self.renewal.try_again()
        self.logins.keychain.ask_again()
        self.profiles.ask_again()
        self.claude.forget()


def _agreed(settings: Settings) -> bool:
    """Whether the Claude sign-in may be used, so that the keychain may be asked for it."""
    return settings.claude_login != "ignore" and (settings.direct_consent or settings.route == "direct")


def _other_upstream(settings: Settings) -> str | None:
    # Only where the setting says so: what the environment names as Anthropic's address is often ourselves.
    return None if settings.upstream_url == ANTHROPIC_URL else settings.upstream_url
