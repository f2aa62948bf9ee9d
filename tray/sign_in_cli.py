"""`cliproxyapi login` and `logout`: the ways to sign in, in a terminal, and what the running proxies are told of it."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from core.credentials.desk import Method, Progress, SignInDesk
from core.credentials.stores import Stores
from core.dashboard.words import CONSENT
from core.errors import CredentialLocked
from core.instance import Instance, running_instances
from core.paths import Paths
from core.settings import SettingsError, SettingsStore
from core.status import SignIn

from .keyboard import Keyboard

_TICK_SECONDS = 0.2
_SHORTEST_CODE = 6
_GIVE_UP_SECONDS = 10.0
_RELOAD_SECONDS = 15.0
# States in which a request cannot be served before the person does something.
_DEAD = frozenset({"not_signed_in", "renewal_failed", "refused", "damaged"})


@dataclass(frozen=True, slots=True)
class Way:
    """A way to sign in, as a person chooses it."""

    flag: str
    words: str


WAYS: Sequence[Way] = (
    Way("api-key", "An API key of the Console (Anthropic's own way for any program)"),
    Way("console", "A Console sign-in, through Anthropic's `ant`"),
    Way("oauth", "The OAuth app of your own organisation"),
    Way("claude", "Your Claude plan, through Claude Code"),
)


class SignInDialog:
    """Signs in at a terminal. Failures are click's exceptions: one sentence each."""

    def __init__(
        self,
        paths: Paths,
        settings: SettingsStore,
        *,
        browser: bool = True,
        say: Callable[[str], None] = click.echo,
    ) -> None:
        self._paths = paths
        self._browser = browser
        self._settings = settings
        self._stores = Stores.open(paths, os.environ, lambda: settings.current)
        self._say = say
        self._keyboard = Keyboard()
        # Answers that were typed before their question.
        self._early: list[str] = []

    def choose(self) -> str | None:
        """Ask which way; None where the person wants none."""
        self._say("How do you want to sign in?")
        for number, way in enumerate(WAYS, 1):
            self._say(f"  {number}  {way.words}")
        self._say("  0  Not now")
        for _ in range(3):
            answer = self._ask("Number: ")
            if answer in (None, "", "0"):
                return None
            if answer in [str(number) for number in range(1, len(WAYS) + 1)]:
                return WAYS[int(answer) - 1].flag
            self._say(f"Please type a number from 0 to {len(WAYS)}.")
        return None

    def sign_in(self, way: str) -> None:
        match way:
            case "claude":
                self._claude()
            case "console":
                self._console()
            case "oauth":
                self._own_app()
            case _:
                self._api_key()
        tell_running(self._paths, self._say)

    def sign_out(self) -> None:
        """Delete what was stored here, and leave alone what others stored until the person signs in here again."""
        from core.credentials.api_key import ENVIRONMENT_VARIABLE

        keys = self._stores.api_keys
        try:
            forgotten = keys.delete()
        except (CredentialLocked, OSError) as error:
            raise click.ClickException(str(error)) from None
        self._say("The stored API key is forgotten." if forgotten else "No API key was stored here.")
        self._forget_own_app()
        self._change(claude_login="ignore", console_profile=None)
        self._say("The sign-ins of Claude Code and `ant` stay, and are not used here until you sign in here again.")
        if keys.from_environment():
            self._say(f"{ENVIRONMENT_VARIABLE} is still set, and requests use it.")
        tell_running(self._paths, self._say)

    def state(self) -> SignIn:
        """How the sign-in of the next request stands."""
        from core.routes import RouteTable
        from core.status import StatusBoard

        return asyncio.run(RouteTable(self._settings, self._stores, StatusBoard(), self._paths).sign_in())

    def is_dead(self, sign_in: SignIn) -> bool:
        """Whether no request could be served with it."""
        if sign_in.state == "expired" and sign_in.route == "direct":
            return self._stores.claude.find() is None
        return sign_in.state in _DEAD

    # The ways

    def _claude(self) -> None:
        from core.credentials.claude_sign_in import ClaudeSignIn

        status = self._stores.claude.auth_status(afresh=True)
        anew = True
        if status is not None and status.logged_in and sys.stdin.isatty():
            who = f" as {status.email}" if status.email else ""
            anew = self._yes(f"Claude Code is signed in already{who}. Sign in anew? [y/N] ")
        if anew:
            self._carry_out(ClaudeSignIn(self._stores.claude))
        self._stores.look_again()
        self._change(claude_login=None)
        if not self._settings.current.direct_consent:
            self._ask_consent()

    def _ask_consent(self) -> None:
        if self._yes(f"\n{CONSENT} [y/N] "):
            self._change(direct_consent=True)
            self._say("CLIProxyAPI uses this sign-in from now on.")
        else:
            self._say("It is not used directly; requests can go through Claude Code itself.")
            self._say("`cliproxyapi login --claude` asks again.")

    def _console(self) -> None:
        from core.credentials.console_sign_in import ConsoleSignIn

        method = ConsoleSignIn(self._stores.profiles, self._settings.current.console_profile)
        self._carry_out(method)
        self._change(console_profile=method.profile)

    def _own_app(self) -> None:
        from core.credentials.oauth_flow import OAuthSignIn

        from .opening import page_opener

        opener = page_opener(os.environ) if self._browser else None
        own = self._stores.own_oauth
        self._carry_out(OAuthSignIn(lambda: self._settings.current, own, os.environ, open_browser=opener))

    def _api_key(self) -> None:
        """Read from a prompt or from standard input, and verified before it is stored."""
        from core.credentials.api_key import checked

        from .client import verify_api_key

        given = _hidden_prompt() if sys.stdin.isatty() else (self._keyboard.line() or "")
        try:
            key = checked(given)
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        verify_api_key(self._settings.current.upstream_url, key)
        try:
            place = self._stores.api_keys.store(key)
        except OSError as error:
            raise click.ClickException(f"The key cannot be stored: {error.strerror}: {error.filename}.") from None
        self._say(f"Claude accepts this key. It is stored in {place}.")

    def _forget_own_app(self) -> None:
        try:
            became = self._stores.own_oauth.forget()
        except (CredentialLocked, OSError) as error:
            raise click.ClickException(str(error)) from None
        if became != "nothing":
            revoked = "and revoked" if became == "revoked" else "but the provider could not be told to revoke them"
            self._say(f"The tokens of your organisation's OAuth app are deleted, {revoked}.")

    # The terminal

    def _carry_out(self, method: Method) -> None:
        """Show a sign-in until it ends; raises click's exceptions where it does not end well."""
        desk = SignInDesk()
        news: queue.Queue[Progress] = queue.Queue()
        desk.listen(news.put)
        shown = Shown(self._say)
        try:
            progress = desk.start(method)
            while not progress.ended:
                shown.show(progress)
                progress = self._next(news, progress)
                if progress.wants_code:
                    self._hand_over(desk)
        except KeyboardInterrupt:
            desk.cancel()
            desk.wait(_GIVE_UP_SECONDS)
            self._say("The sign-in was cancelled.")
            raise click.Abort from None
        shown.show(progress)
        if progress.state != "succeeded":
            raise click.ClickException(progress.message)
        self._say(progress.message)

    def _hand_over(self, desk: SignInDesk) -> None:
        """What is typed goes to the sign-in, but for an answer to the question that comes behind it."""
        typed = (self._keyboard.line(0.01) or "").strip()
        if len(typed) >= _SHORTEST_CODE:
            desk.paste(typed)
        elif typed:
            self._early.append(typed)

    def _next(self, news: queue.Queue[Progress], progress: Progress) -> Progress:
        try:
            return news.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            return progress

    def _ask(self, question: str) -> str | None:
        click.echo(question, nl=False)
        answer = self._early.pop(0) if self._early else self._keyboard.line()
        return None if answer is None else answer.strip()

    def _yes(self, question: str) -> bool:
        answer = self._ask(question)
        if not sys.stdin.isatty():
            click.echo()
        return (answer or "").lower() in ("y", "yes")

    def _change(self, **values: object) -> None:
        """Settings that are as wanted already are left alone: a variable may set them."""
        current = self._settings.current
        wanted = {name: value for name, value in values.items() if getattr(current, name) != _meant(name, value)}
        if not wanted:
            return
        try:
            self._settings.change(**wanted)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{self._paths.config_file} cannot be written: {error.strerror}.") from None


class Shown:
    """The lines of a progress, each shown once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lines: tuple[str, ...] = ()
        self._url: str | None = None

    def show(self, progress: Progress) -> None:
        for line in _new_lines(self._lines, progress.lines):
            self._say(line)
        self._lines = progress.lines
        if progress.url is not None and self._url is None:
            self._url = progress.url
            if not any(progress.url in line for line in progress.lines):
                self._say(progress.url)
            self._say("If no browser opens, open that address. If it shows a code, paste it here. Ctrl-C gives up.")


def ensure_signed_in(paths: Paths, settings: SettingsStore) -> None:
    """Before a proxy is served in a terminal: where no request could be signed, ask which way, and sign in."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    dialog = SignInDialog(paths, settings)
    sign_in = dialog.state()
    if not dialog.is_dead(sign_in):
        return
    click.echo(sign_in.missing if sign_in.missing and sign_in.route != "auto" else "You are not signed in yet.")
    while (way := dialog.choose()) is not None:
        try:
            dialog.sign_in(way)
            return
        except click.ClickException as error:
            click.echo(error.format_message())


def tell_running(paths: Paths, say: Callable[[str], None]) -> None:
    """Let the proxies of this person that run look at settings and sign-ins anew."""
    for instance in running_instances(paths):
        problem = _reload(instance)
        where = f"The proxy that runs on port {instance.port}"
        say(f"{where} takes it up." if problem is None else f"{where} does not take it up ({problem}): restart it.")


def _reload(instance: Instance) -> str | None:
    """What kept it from that, or None."""
    import httpx

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(instance.host, instance.host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{instance.port}"
    try:
        with httpx.Client(trust_env=False, timeout=_RELOAD_SECONDS) as client:
            answer = client.post(f"{address}/api/reload", json={}, headers={"x-cliproxyapi-token": instance.token})
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if answer.is_success else f"status {answer.status_code}"


def _new_lines(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """What was added to `before`, of which the oldest lines may be gone by now."""
    for kept in range(min(len(before), len(after)), -1, -1):
        if before[len(before) - kept :] == after[:kept]:
            return after[kept:]
    return after


def _meant(name: str, value: object) -> object:
    """None stands for the default."""
    return {"claude_login": "auto"}.get(name) if value is None else value


def _hidden_prompt() -> str:
    return str(click.prompt("API key (it is not shown)", hide_input=True, err=True))
