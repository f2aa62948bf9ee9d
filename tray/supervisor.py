"""Keeps the server as the person wants it: running or stopped, started again after a crash, on the port that is free.

Any thread may call; the board tells what became of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from core.server.app import App
from core.server.thread import PortUnavailable, ServerThread
from core.settings import SettingsStore
from core.status import Failure, StatusBoard

log = logging.getLogger("cliproxyapi.supervisor")

# Seconds before each try after a crash; then it stays off. A crash after ten healthy minutes is the first one again.
PAUSES = (1.0, 5.0, 25.0)
_HEALTHY_SECONDS = 600.0
_HIGHEST_PORT = 65_535
_PORTS_TO_TRY = 50


class Supervisor:
    """Owns the one `ServerThread`. `listening` is called, on the thread that started it, with the port of every server
    that listens, and None when it stops: the lock file follows it."""

    def __init__(
        self,
        app: App,
        settings: SettingsStore,
        board: StatusBoard,
        *,
        listening: Callable[[int | None], None] = lambda port: None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._app = app
        self._settings = settings
        self._board = board
        self._listening = listening
        self._pauses = pauses
        self._lock = threading.RLock()
        self._server: ServerThread | None = None
        self._started_at = 0.0
        self._crashes = 0
        self._wanted = False
        # Where any free port will do, the same one serves until the end of the program.
        self._any_port = 0
        self._closed = threading.Event()

    @property
    def running(self) -> bool:
        server = self._server
        return server is not None and server.alive

    @property
    def tries_again(self) -> bool:
        """Whether a server that does not run is about to be started again by itself."""
        return self._wanted

    def start(self) -> bool:
        """Serve; False, with the reason on the board, where that is not possible."""
        with self._lock:
            if self._closed.is_set():
                return False
            self._wanted, self._crashes = True, 0
            return self._start()

    def stop(self) -> None:
        """Stop, and stay so. Open answers end with an error that says why."""
        with self._lock:
            self._wanted = False
            self._stop()
            self._board.post(server="stopped", failure=None)

    def restart(self) -> bool:
        """Stop and start anew, on the host and port of the last edit of the settings."""
        with self._lock:
            self._stop()
            return self.start()

    def move_to(self, port: int) -> bool:
        """Write another port into the settings and serve there. Raises SettingsError and OSError, and then nothing
        changed."""
        with self._lock:
            self._settings.change(port=port)
            return self.restart()

    def close(self) -> None:
        """Stop for good: no crash brings it back."""
        self._closed.set()
        self.stop()

    def _start(self) -> bool:
        if self.running:
            return True
        self._board.post(server="starting", failure=None)
        server = None
        try:
            server = self._bound()
            server.start()
        except PortUnavailable as error:
            self._wanted = False
            message = f"{(error.strerror or str(error)).removesuffix(' with --port')}."
            failure = Failure("port_in_use", message[:1].upper() + message[1:], error.holder)
            self._board.post(server="failed", failure=failure)
            log.warning("not started: %s", error.strerror)
            return False
        except Exception as error:
            self._wanted = False
            if server is not None:
                server.stop()
            log.exception("the server did not start")
            self._board.post(server="failed", failure=Failure("crashed", f"It did not start: {type(error).__name__}."))
            return False
        self._server, self._started_at = server, time.monotonic()
        self._listening(server.port)
        self._board.post(server="running", failure=None)
        return True

    def _bound(self) -> ServerThread:
        self._settings.take_up_address()
        settings = self._settings.current
        self._board.post(address=settings.host, port=settings.port)

        def crashed(error: BaseException | None) -> None:
            log.error("the server ended by itself", exc_info=error)
            threading.Thread(target=self._come_back, args=(server,), name="comeback", daemon=True).start()

        server = ServerThread(self._app, settings.host, settings.port or self._any_port, on_crash=crashed)
        if settings.port == 0:
            self._any_port = server.port
        self._board.post(address=settings.host, port=server.port)
        return server

    def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            self._listening(None)

    def _come_back(self, crashed: ServerThread) -> None:
        with self._lock:
            # Somebody may have started another one meanwhile.
            if not self._wanted or self._server is not crashed:
                return
            self._stop()
            if time.monotonic() - self._started_at > _HEALTHY_SECONDS:
                self._crashes = 0
            self._crashes += 1
            crashes = self._crashes
            if crashes > len(self._pauses):
                self._wanted = False
                off = Failure("crashed", f"It was restarted {len(self._pauses)} times and stays off now.")
                self._board.post(server="failed", failure=off)
                return
            again = Failure("crashed", f"Restarted ({crashes} of {len(self._pauses)}).")
            self._board.post(server="failed", failure=again)
        if self._closed.wait(self._pauses[crashes - 1]):
            return
        with self._lock:
            if self._wanted:
                self._start()


def free_port_after(port: int, host: str) -> int | None:
    """The next port above `port` that nobody has; None where none of the next fifty is free."""
    from core.server.thread import bind

    for candidate in range(port + 1, min(port + _PORTS_TO_TRY, _HIGHEST_PORT) + 1):
        try:
            sockets = bind(host, candidate)
        except PortUnavailable:
            continue
        for taken in sockets:
            taken.close()
        return candidate
    return None
