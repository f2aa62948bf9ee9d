"""Sign in to the Console: `ant auth login`, which opens the browser and stores a profile."""

from __future__ import annotations

from ..ant_cli import QUICKSTART, AntCLI
from ..errors import ProxyError
from .console_profile import ConsoleProfileStore
from .desk import Conversation, Kind, SignInFailed
from .sign_in_child import SIGN_IN_SECONDS, carry_out

WARNING = (
    "Mind: a Claude Code on this machine that has no sign-in of its own will use this Console sign-in as well, and "
    "bill the Console organisation for it."
)
_OTHER_WAYS = (
    "Or use another way: `cliproxyapi login --api-key` stores an API key, and `cliproxyapi login --claude` signs in "
    "with Claude Code."
)
MISSING = (
    f"Anthropic's `ant` is not installed. {QUICKSTART} tells how to install it; then sign in here again. Apache's "
    f"`ant` is another program. If it is installed, name it in the setting ant_path. {_OTHER_WAYS}"
)


class ConsoleSignIn:
    """A way to sign in, for the desk. `profile` names the profile, or leaves the choice to `ant`."""

    kind: Kind = "console"

    def __init__(
        self, store: ConsoleProfileStore, profile: str | None = None, *, seconds: float = SIGN_IN_SECONDS
    ) -> None:
        self._store = store
        self._profile = profile
        self._seconds = seconds

    @property
    def profile(self) -> str | None:
        """Where the sign-in lies now."""
        return self._profile or self._store.profiles.active()

    def run(self, conversation: Conversation) -> str:
        ant: AntCLI = self._store.ant
        program = ant.find(afresh=True)
        if program is None:
            raise SignInFailed(MISSING)
        conversation.say(WARNING)
        named = ["--profile", self._profile] if self._profile else []
        code, last_line = carry_out(
            "ant auth login",
            [str(program), "auth", "login", *named],
            ant.environment(program),
            ant.home if ant.home.is_dir() else None,
            conversation,
            self._seconds,
        )
        self._store.ask_again()
        if code != 0:
            said = f": {last_line}" if last_line else f" (exit code {code})"
            raise SignInFailed(f"`ant auth login` did not sign you in{said}. Try again. {_OTHER_WAYS}")
        profile = self.profile
        if profile is None:
            raise SignInFailed(
                f"`ant auth login` ended well, but there is no profile in {self._store.profiles.directory}. Run it in "
                "a terminal to see why."
            )
        try:
            self._store.usable(profile)
        except ProxyError as error:
            raise SignInFailed(error.message) from error
        return f"Signed in to the Console (profile {profile})."
