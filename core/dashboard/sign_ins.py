"""The ways to sign in that this program offers, each begun at the desk and taken into use when it went well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..ant_cli import QUICKSTART
from ..claude_cli import INSTALL_COMMAND
from ..credentials.claude_sign_in import ClaudeSignIn
from ..credentials.console_sign_in import WARNING, ConsoleSignIn
from ..credentials.desk import Conversation, Kind, Method, Progress, SignInDesk, SignInFailed
from ..credentials.stores import Stores
from ..settings import Settings, SettingsStore
from .controls import Way


class OfferedSignIns:
    """Any thread may call; looking for a program may take a moment."""

    def __init__(
        self,
        desk: SignInDesk,
        stores: Stores,
        settings: SettingsStore,
        environ: Mapping[str, str],
        open_browser: Callable[[str], bool] | None,
    ) -> None:
        self._desk = desk
        self._stores = stores
        self._settings = settings
        self._environ = environ
        self._open_browser = open_browser

    def ways(self) -> Sequence[Way]:
        no_claude = self._stores.claude.find() is None
        no_ant = self._stores.profiles.ant.find() is None
        return (
            Way(
                "claude",
                "Sign in with Claude",
                "With your plan, through Claude Code: it opens your browser and keeps the sign-in in its own files.",
                why_not=f"Claude Code is not installed. Install it with `{INSTALL_COMMAND}`, then check again."
                if no_claude
                else None,
            ),
            Way(
                "console",
                "Sign in to the Console",
                "Anthropic's own way for any program, through its tool `ant`; billed to your Console organisation.",
                why_not=f"Anthropic's `ant` is not installed. {QUICKSTART} tells how." if no_ant else None,
                warning=WARNING,
            ),
            Way(
                "oauth",
                "Sign in with my organisation's OAuth app",
                "For organisations that registered an app of their own; billed to the organisation.",
                why_not=_missing_app(self._settings.current),
            ),
        )

    def start(self, kind: Kind) -> Progress:
        return self._desk.start(self._method(kind))

    def _method(self, kind: Kind) -> Method:
        if kind == "claude":
            return _Then(ClaudeSignIn(self._stores.claude), self._use_claude)
        if kind == "console":
            console = ConsoleSignIn(self._stores.profiles, self._settings.current.console_profile)
            return _Then(console, lambda: self._change(console_profile=console.profile))
        own = self._stores.own_oauth
        opener = self._open_browser
        # It brings an HTTP server of its own along, which a start of the program needs not.
        from ..credentials.oauth_flow import OAuthSignIn

        return OAuthSignIn(lambda: self._settings.current, own, self._environ, open_browser=opener)

    def _use_claude(self) -> None:
        self._stores.look_again()
        if self._settings.current.claude_login != "auto":
            self._change(claude_login=None)

    def _change(self, **values: object) -> None:
        """Raises SignInFailed: the sign-in is there, and is not used."""
        if all(getattr(self._settings.current, name) == value for name, value in values.items()):
            return
        try:
            self._settings.change(**values)
        except (OSError, ValueError) as error:
            raise SignInFailed(f"You are signed in, but the settings cannot be changed to use it: {error}") from error


class _Then:
    """A way to sign in, and what is done when it went well."""

    def __init__(self, method: Method, then: Callable[[], None]) -> None:
        self.kind: Kind = method.kind
        self._method = method
        self._then = then

    def run(self, conversation: Conversation) -> str:
        message = self._method.run(conversation)
        self._then()
        return message


def _missing_app(settings: Settings) -> str | None:
    from ..credentials.oauth_flow import OAuthApp

    try:
        OAuthApp.of(settings)
    except SignInFailed as error:
        return error.message
    return None
