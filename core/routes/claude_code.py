"""The route `claude-code`: through the installed `claude`, with its own sign-in, which we never read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..claude_cli import INSTALL_COMMAND, ClaudeCLI
from ..errors import NotSignedIn
from ..paths import Paths
from ..settings import ANTHROPIC_URL, Settings
from ..status import SignIn
from ..upstreams import Upstream
from ..upstreams.claude_code import ClaudeCode, too_old
from .direct import check_trusted

_NOT_INSTALLED = f"Claude Code is not installed: `{INSTALL_COMMAND}` installs it, then `claude auth login` signs in."
_NOT_SIGNED_IN = "Claude Code is installed and not signed in: run `claude auth login`."
_IGNORED = "Claude Code is installed, but the setting claude_login is 'ignore'."


class ClaudeCodeRoute:
    name = "claude-code"

    def __init__(
        self,
        cli: ClaudeCLI,
        paths: Paths,
        processes: Callable[[], int],
        on_limits: Callable[[Mapping[str, str]], None],
        *,
        silence: float,
    ) -> None:
        self._cli = cli
        self._paths = paths
        self._processes = processes
        self._on_limits = on_limits
        self._silence = silence
        self._by_address: dict[str | None, ClaudeCode] = {}

    def look(self, settings: Settings, *, automatic: bool = False) -> SignIn:
        installation = self._cli.find()
        missing = _NOT_INSTALLED if installation is None else too_old(installation)
        if missing is None and settings.claude_login == "ignore":
            missing = _IGNORED
        if installation is None or missing is not None:
            return SignIn(self.name, "not_signed_in", missing=missing)
        status = self._cli.auth_status()
        if status is None or not status.logged_in:
            return SignIn(self.name, "not_signed_in", missing=_NOT_SIGNED_IN)
        return SignIn(self.name, "signed_in", source=str(installation.path), account=status.email, plan=status.plan)

    def upstream(self, settings: Settings) -> Upstream:
        check_trusted(settings)
        if settings.claude_login == "ignore":
            raise NotSignedIn("Claude Code's sign-in is not used: the setting claude_login is 'ignore'.")
        # Only where the setting says so: what the environment names as Anthropic's address is often ourselves.
        address = None if settings.upstream_url == ANTHROPIC_URL else settings.upstream_url
        upstream = self._by_address.get(address)
        if upstream is None:
            upstream = self._by_address[address] = ClaudeCode(
                self._cli,
                self._paths,
                base_url=address,
                processes=self._processes,
                on_limits=self._on_limits,
                silence=self._silence,
            )
        return upstream

    async def close(self) -> None:
        for upstream in self._by_address.values():
            await upstream.close()
