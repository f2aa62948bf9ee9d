"""A dashboard to look at: a proxy with stand-ins for what a browser cannot bring along, and its one-time links."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from core.credentials.desk import Conversation, Kind, Progress, SignInDesk, SignInFailed
from core.dashboard.controls import Way
from core.errors import ProxyError
from core.server.app import Tuning
from tests.releases_feed import NOBODY
from tests.running_proxy import CONTROL_TOKEN, RunningProxy, running_proxy

TOKEN = CONTROL_TOKEN
CODE = "code-of-the-page"

# Without the certificates of the world, which take longer to load than the rest of a question here.
ask = httpx.Client(trust_env=False, verify=False, timeout=60)


@dataclass
class StandInMethod:
    """Says what it does, shows an address, and signs in with the right code."""

    kind: Kind

    def run(self, conversation: Conversation) -> str:
        conversation.say("Opening the browser to sign in…")
        conversation.show_url("https://claude.example/authorize?code=true")
        code = conversation.wait_for_code(60)
        if code != CODE:
            raise SignInFailed("That code is not the one that the page showed. Start again.")
        conversation.say("The code is right.")
        return "Signed in as you@example.com."


@dataclass
class StandInSignIns:
    desk: SignInDesk

    def ways(self) -> Sequence[Way]:
        return (
            Way("claude", "Sign in with Claude", "Claude Code opens your browser; its own files keep the sign-in."),
            Way(
                "console",
                "Sign in to the Console",
                "Anthropic's own way for any program, billed to your organisation.",
                warning="A Claude Code without a sign-in of its own will use and bill this profile, too.",
            ),
            Way(
                "oauth",
                "Sign in with my organisation's OAuth app",
                "For organisations with an app of their own.",
                why_not="Set oauth_client_id in the settings first.",
            ),
        )

    def start(self, kind: Kind) -> Progress:
        return self.desk.start(StandInMethod(kind))


class TakenByAnother(ProxyError):
    status, code = 409, "autostart_foreign"
    title = "Start at login could not be changed"


@dataclass
class StandInAutostart:
    on: bool = False
    foreign: bool = False

    def enabled(self) -> bool:
        return self.on

    def enable(self, replace_foreign: bool = False) -> None:
        if self.foreign and not replace_foreign:
            raise TakenByAnother("The file belongs to another program. It is replaced only if you say so.")
        self.on, self.foreign = True, False

    def disable(self) -> None:
        self.on = False


@dataclass
class StandInControls:
    """Notes what was asked of it."""

    asked: list[str] = field(default_factory=list)
    icon_place: str | None = "Its icon is in the menu bar, at the top right of the screen."
    autostart: StandInAutostart | None = field(default_factory=StandInAutostart)
    can_stop: bool = True
    can_open_logs: bool = True
    happened: threading.Event = field(default_factory=threading.Event)

    def restart(self) -> None:
        self._note("restart")

    def stop(self) -> None:
        self._note("stop")

    def open_logs(self) -> None:
        self._note("open logs")

    def quit(self) -> None:
        self._note("quit")

    def _note(self, what: str) -> None:
        self.asked.append(what)
        self.happened.set()


@dataclass(frozen=True)
class Shown:
    proxy: RunningProxy
    desk: SignInDesk
    controls: StandInControls

    def link(self, page: str = "overview") -> str:
        """A fresh one-time link, as `cliproxyapi open` gets it."""
        answer = ask.post(
            f"{self.proxy.root}/api/activate",
            json={"page": page},
            headers={"x-cliproxyapi-token": TOKEN},
        )
        return answer.raise_for_status().json()["url"]

    def session(self) -> dict[str, str]:
        """The header of a session of its own."""
        token = self.link().partition("#token=")[2]
        answer = ask.post(f"{self.proxy.root}/api/session", json={"token": token})
        return {"x-cliproxyapi-session": answer.raise_for_status().json()["session"]}


@contextmanager
def shown_dashboard(
    home: Path, upstream: str | None = None, environ: Mapping[str, str] | None = None, *, feed: str = NOBODY
) -> Iterator[Shown]:
    """The route is free to choose: it is not set by a variable."""
    desk, controls = SignInDesk(), StandInControls()
    variables = {"CLIPROXYAPI_ROUTE": "", **(environ or {})}
    tuning = Tuning(releases_feed=feed)
    parts = {"desk": desk, "sign_ins": StandInSignIns(desk), "controls": controls}
    with running_proxy(home, upstream, environ=variables, tuning=tuning, token=TOKEN, **parts) as proxy:
        yield Shown(proxy, desk, controls)
