"""What a click in the menu does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from core import __version__
from core.credentials.desk import Progress
from core.dashboard.account import ConsentNeeded
from core.errors import ProxyError
from core.paths import write_private
from core.status import Status
from installers.autostart import Autostart

from .clipboard import Clipboard
from .face import Face
from .opening import open_for_person
from .program import Program

log = logging.getLogger("cliproxyapi.tray")

Tell = Callable[[str, str], None]


class Verbs:
    """Each verb of `menu.entries`. A click is handed to the program's worker; `tell` shows a title and a text."""

    def __init__(self, program: Program, face: Face, autostart: Autostart, tell: Tell) -> None:
        self._program = program
        self._face = face
        self._autostart = autostart
        self._tell = tell
        self._clipboard = Clipboard()
        self._plain: Mapping[str, Callable[[], object]] = {
            "open_dashboard": lambda: self.open_page("overview"),
            "open_account": lambda: self.open_page("account"),
            "open_settings": lambda: self.open_page("settings"),
            "open_about": lambda: self.open_page("about"),
            "choose_route": lambda: self.open_page("account"),
            "see_limits": lambda: self.open_page("overview"),
            "copy_base_url": self._copy_base_url,
            "start_server": self._started,
            "stop_server": program.supervisor.stop,
            "restart_server": program.supervisor.restart,
            "change_port": self._change_port,
            "open_config": self._open_config,
            "check_again": self._check_again,
            "unlock": self._check_again,
            "check_connection": self._check_connection,
            "cancel_sign_in": program.desk.cancel,
            "toggle_autostart": self._toggle_autostart,
            "repair_autostart": autostart.repair,
            "open_log_folder": lambda: self._open(str(program.paths.log_dir)),
            "copy_diagnostics": self._copy_diagnostics,
            "check_updates": self._check_updates,
        }
        self._named: Mapping[str, Callable[[str], object]] = {
            "route": self._choose_route,
            "sign_in": self._sign_in,
            "open_account": lambda why: self.open_page("account"),
            "open_settings": lambda why: self.open_page("settings"),
            "remedy": self._do,
        }
        program.desk.listen(self._on_sign_in)

    def click(self, verb: str) -> None:
        """Returns at once."""
        if verb == "quit":
            self._program.quit()
        else:
            self._program.worker.submit(lambda: self._carry_out(verb))

    def close(self) -> None:
        self._clipboard.close()

    def open_page(self, name: str) -> None:
        """A page of the dashboard, which needs the server: it is started where it is off."""
        status = self._program.board.status
        if not status.running and not self._started():
            return
        status = self._program.board.status
        link = self._program.app.dashboard.link(status.address or "127.0.0.1", status.port or 0, name)
        if not open_for_person(link, self._program.environ):
            self._tell("No browser could be opened", f"The dashboard is at {self._program.root}/")

    def _carry_out(self, verb: str) -> None:
        try:
            self._do(verb)
        except ProxyError as error:
            self._tell(error.title, error.message)
        except (OSError, ValueError) as error:
            self._tell("That did not work", str(error))
        except Exception:
            log.exception("click on %s", verb)
            self._tell("That did not work", "CLIProxyAPI made a mistake; the log has the details.")
        self._face.look()

    def _do(self, verb: str) -> None:
        name, _, detail = verb.partition(":")
        if detail:
            self._named[name](detail)
        else:
            self._plain[name]()

    def _started(self) -> bool:
        """Whether the server runs now; the person is told why not, also where they were told before."""
        return self._told_of(self._program.start())

    def _told_of(self, runs: bool) -> bool:
        failure = self._program.board.status.failure
        if not runs and failure is not None:
            self._tell("The server does not run", failure.message)
        return runs

    # The clipboard

    def _copy_base_url(self) -> None:
        self._copy(self._program.base_url)

    def _copy_diagnostics(self) -> None:
        from core.dashboard.diagnostics import report

        program = self._program
        text = report(program.settings.current, program.board.status, program.app.look(), program.paths)
        if self._copy(text):
            self._tell("Diagnostics copied", "They hold no secret and nothing that was said")

    def _copy(self, text: str) -> bool:
        copied = self._clipboard.copy(text)
        if not copied:
            shown = text if len(text) < 100 else "The dashboard's page About has them"
            self._tell("This desktop has no clipboard for us", shown)
        return copied

    # The server and the network

    def _change_port(self) -> None:
        port = self._face.free_port
        if port is None:
            self._tell("No free port was found", "Choose one in config.toml: port = …")
            return
        if self._told_of(self._program.supervisor.move_to(port)):
            self._tell(f"Port {port} it is", f"Tell your apps the new address: {self._program.base_url}")

    def _open_config(self) -> None:
        path = self._program.paths.config_file
        if not path.exists():
            write_private(path, b"")
        self._open(str(path))

    def _open(self, target: str) -> None:
        if not open_for_person(target, self._program.environ):
            self._tell("Nothing opens that here", target)

    def _check_connection(self) -> None:
        from core.doctor import upstream

        findings = upstream(self._program.settings.current.upstream_url, self._program.environ)
        wrong = next((finding for finding in findings if finding.verdict == "problem"), None)
        if wrong is not None:
            self._tell("Cannot reach Claude", " ".join(filter(None, (wrong.said, wrong.todo))))
            return
        self._program.board.change(_reachable)
        self._tell("Claude can be reached", "Requests should work again")

    def _check_updates(self) -> None:
        """Raises UpdatesUnknown, whose message tells why."""
        newer = self._program.app.dashboard.updates.check_now()
        if newer is None:
            self._tell("This is the newest version", f"CLIProxyAPI {__version__}")
        else:
            self._tell(f"Version {newer.version} is out", newer.url)

    # Accounts

    def _choose_route(self, route: str) -> None:
        try:
            self._program.app.dashboard.account.choose(route, consent=False)
        except ConsentNeeded:
            # The page has the words that a person should read first.
            self.open_page("account")

    def _sign_in(self, kind: str) -> None:
        way = next(way for way in self._program.sign_ins.ways() if way.kind == kind)
        if way.warning:
            self.open_page("account")
        else:
            self._program.sign_ins.start(way.kind)

    def _on_sign_in(self, progress: Progress) -> None:
        settings = self._program.settings.current
        if progress.kind == "claude" and progress.state == "succeeded" and not settings.direct_consent:
            # How this sign-in may be used is the person's to say, once.
            self.click("open_account")

    def _check_again(self) -> None:
        self._program.stores.look_again()
        self._program.app.look()

    # Start at login

    def _toggle_autostart(self) -> None:
        if self._autostart.enabled():
            self._autostart.disable()
        else:
            self._autostart.enable()


def _reachable(status: Status) -> Status:
    """Somebody looked, and the way is free; whether Claude answers, the next request tells."""
    if status.problem is None or status.problem.kind != "unreachable":
        return status
    return replace(status, problem=None, failures=0, failing_since=None)
