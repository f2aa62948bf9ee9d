"""Sign in with Claude: `claude auth login`, which opens the browser and stores the sign-in as Claude Code's own."""

from __future__ import annotations

from ..claude_cli import INSTALL_COMMAND, AuthStatus, ClaudeCLI
from .desk import Conversation, Kind, SignInFailed
from .sign_in_child import SIGN_IN_SECONDS, carry_out

OTHER_WAYS = (
    "Or use another way: `cliproxyapi login --api-key` stores an API key, and `cliproxyapi login --console` signs in "
    "to the Console."
)
MISSING = (
    f"Claude Code is not installed. Install it with `{INSTALL_COMMAND}`, then sign in here again. If it is installed, "
    f"name it in the setting claude_path. {OTHER_WAYS}"
)


class ClaudeSignIn:
    """A way to sign in, for the desk."""

    kind: Kind = "claude"

    def __init__(self, claude: ClaudeCLI, *, seconds: float = SIGN_IN_SECONDS) -> None:
        self._claude = claude
        self._seconds = seconds

    def run(self, conversation: Conversation) -> str:
        installation = self._claude.find(afresh=True)
        if installation is None:
            raise SignInFailed(MISSING)
        conversation.check()
        if self._claude.auth_status(afresh=True) is None:
            raise SignInFailed(
                f"{installation.path} (version {installation.version}) does not answer `claude auth status`: it is too "
                f"old, or damaged. Update it with `claude update` or `{INSTALL_COMMAND}`. {OTHER_WAYS}"
            )
        code, last_line = carry_out(
            "claude auth login",
            [str(installation.path), "auth", "login"],
            self._claude.environment(installation),
            self._claude.home if self._claude.home.is_dir() else None,
            conversation,
            self._seconds,
        )
        self._claude.forget()
        if code != 0:
            said = f": {last_line}" if last_line else f" (exit code {code})"
            raise SignInFailed(f"`claude auth login` did not sign you in{said}. Try again. {OTHER_WAYS}")
        status = self._claude.auth_status(afresh=True)
        if status is None or not status.logged_in:
            raise SignInFailed(
                "`claude auth login` ended well, but `claude auth status` says that nobody is signed in. Run it in a "
                "terminal to see why."
            )
        return f"Signed in to Claude{_as_whom(status)}."


def _as_whom(status: AuthStatus) -> str:
    who = f" as {status.email}" if status.email else ""
    return f"{who} ({status.plan} plan)" if status.plan else who
