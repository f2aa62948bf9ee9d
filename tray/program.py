"""Where the parts meet: everything that one process of ours holds, for the tray and for `serve` alike."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping

from core.credentials.desk import SignInDesk
from core.credentials.stores import Stores
from core.dashboard.controls import Autostart
from core.dashboard.sign_ins import OfferedSignIns
from core.instance import announced, new_token
from core.paths import Paths
from core.server.app import App
from core.settings import SettingsError, SettingsStore
from core.status import Failure, StatusBoard

from .opening import open_for_person, page_opener
from .supervisor import Supervisor
from .worker import Worker

log = logging.getLogger("cliproxyapi")

_SECONDS_TO_QUIT = 3.0
_SIGN_IN_SECONDS = 1.5


class Program:
    """The proxy and what surrounds it. It is also what the dashboard may do with it (`Controls`): a server without an
    icon is started anew and ended; whoever shows an icon says so in `icon_place` and the two `can_…`.

    Any thread may call. What takes long happens on a worker of its own, one after the other.
    """

    def __init__(
        self,
        settings: SettingsStore,
        paths: Paths,
        environ: Mapping[str, str],
        *,
        autostart: Autostart | None = None,
        wrong_settings: SettingsError | None = None,
    ) -> None:
        """`wrong_settings`: those that are in force are not the person's, so nothing is served until they are."""
        self.settings = settings
        self.paths = paths
        self.environ = environ
        self.autostart = autostart
        self.icon_place: str | None = None
        # Without an icon, nobody could start it again.
        self.can_stop = self.can_open_logs = False
        self.board = StatusBoard()
        self.desk = SignInDesk()
        self.stores = Stores.open(paths, environ, lambda: settings.current)
        self.sign_ins = OfferedSignIns(self.desk, self.stores, settings, environ, page_opener(environ))
        self._token = new_token()
        self.app = App(
            settings,
            self.stores,
            self.board,
            paths,
            token=self._token,
            desk=self.desk,
            sign_ins=self.sign_ins,
            controls=self,
        )
        self.worker = Worker("worker")
        self.supervisor = Supervisor(self.app, settings, self.board, listening=self._announce)
        self._announcement = contextlib.ExitStack()
        self._wrong_settings = wrong_settings
        self._leaving = threading.Event()
        self._end_is_wanted = False
        # Not the other worker, which may be busy.
        self._leaver = Worker("leaver")
        # Called when the server listens, after each start, and when somebody wants an end.
        self.on_serving: Callable[[], None] = lambda: None
        self.on_leaving: Callable[[], None] = lambda: None

    @property
    def root(self) -> str:
        """Where the server is reached from this machine, as far as it listens."""
        status = self.board.status
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(status.address or "", status.address)  # noqa: S104
        host = host or self.settings.current.host
        return f"http://{f'[{host}]' if ':' in host else host}:{status.port or self.settings.current.port}"

    @property
    def base_url(self) -> str:
        """What OpenAI's clients are told."""
        return f"{self.root}/v1"

    # The server

    def start(self) -> bool:
        """Serve; False, with the reason on the board, where that is not possible."""
        if self._wrong_settings is not None and not self._take_up_corrected():
            self.board.post(server="failed", failure=Failure("settings", str(self._wrong_settings)))
            return False
        return self.supervisor.start()

    def _take_up_corrected(self) -> bool:
        try:
            self.settings.reload()
        except SettingsError as error:
            self._wrong_settings = error
            return False
        self._wrong_settings = None
        return True

    def reload(self) -> None:
        """Take up an edited settings file; a bad edit is logged and changes nothing."""
        try:
            self.settings.reload()
            logging.getLogger("cliproxyapi").setLevel(self.settings.current.log_level.upper())
        except SettingsError as error:
            log.error("settings not taken up: %s", error)

    def _announce(self, port: int | None) -> None:
        """Other programs of the person find the server by a file that is there while it listens."""
        self._announcement.close()
        if port is not None:
            log.info("serving on %s, route %s", self.base_url, self.settings.current.route)
            self._announcement.enter_context(announced(self.paths, self.settings.current.host, port, self._token))
            self.on_serving()
        else:
            log.info("stopped")

    # The end

    @property
    def leaving(self) -> bool:
        return self._end_is_wanted

    def wait(self) -> None:
        """Until somebody wants it to end. Signal handlers run meanwhile."""
        if sys.platform == "win32":
            # There a wait without a limit cannot be interrupted by Ctrl-C.
            while not self._leaving.wait(1):
                pass
        else:
            self._leaving.wait()

    def close(self) -> None:
        """End the server, each open answer with an error that says why, and what it started."""
        self._end_is_wanted = True
        self._leaving.set()
        self.desk.cancel()
        self.supervisor.close()
        # What the sign-in started is ended by its own thread.
        self.desk.wait(_SIGN_IN_SECONDS)

    # What the dashboard may do: at once for whoever asks, a moment later in truth

    def restart(self) -> None:
        self.worker.submit(self.supervisor.restart)

    def stop(self) -> None:
        self.worker.submit(self.supervisor.stop)

    def open_logs(self) -> None:
        self.worker.submit(lambda: open_for_person(str(self.paths.log_dir), self.environ))

    def quit(self) -> None:
        """Safe in the handler of a signal: it takes no lock, which the interrupted thread may hold."""
        if not self._end_is_wanted:
            self._end_is_wanted = True
            self._leaver.submit(self._leave)

    def _leave(self) -> None:
        self._leaving.set()
        self.on_leaving()


def obey_signals(program: Program) -> None:
    """SIGINT and SIGTERM end it, SIGHUP takes up edited settings. Only the main thread may call."""

    def end(*_: object) -> None:
        program.quit()

    def reload(*_: object) -> None:
        # The signal arrives between two instructions of the main thread, which may hold the log's lock.
        program.worker.submit(program.reload)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, reload)


def end_in_time(code: int = 0) -> None:
    """Whoever quits gets their end: in three seconds the process is gone, whatever hangs."""

    def end() -> None:
        log.warning("what was still open after %.0f s was cut", _SECONDS_TO_QUIT)
        os._exit(code)

    timer = threading.Timer(_SECONDS_TO_QUIT, end)
    timer.daemon = True
    timer.start()
