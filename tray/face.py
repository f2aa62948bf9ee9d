"""What the icon shows, kept in step with what is known: the board, the desk and the settings tell that there is news,
and a thread of its own, asleep otherwise, says it to the icon."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.credentials.desk import Progress
from core.errors import ProxyError
from core.status import SignIn, Status
from installers.autostart import Autostart

from .icon import TrayIcon
from .menu import AutostartState, View, appearance, entries
from .notifications import UNREACHABLE_SECONDS, Notifier
from .program import Program
from .supervisor import free_port_after
from .worker import Worker

log = logging.getLogger("cliproxyapi.tray")

# A menu that is opened again and again asks the system only so often.
_SECONDS_BETWEEN_LOOKS = 5.0
# News that come together are shown together.
_SECONDS_BETWEEN_UPDATES = 0.2
_LONGEST_WAIT = 600.0


@dataclass(frozen=True, slots=True)
class _Looked:
    """What only a look at the machine tells."""

    options: tuple[SignIn, ...] = ()
    methods: tuple[str, ...] = ()
    autostart: AutostartState | None = None
    free_port: int | None = None


class Face:
    """The icon's side of the program. Any thread may call."""

    def __init__(self, program: Program, icon: TrayIcon, autostart: Autostart) -> None:
        self._program = program
        self._icon = icon
        self._autostart = autostart
        self._notifier = Notifier()
        self._looked = _Looked()
        self._looked_at = float("-inf")
        self._looks = Worker("looks")
        self._look_is_due = threading.Event()
        self._news = threading.Event()
        self._forget: list[Callable[[], None]] = []
        self._closed = False

    def show(self) -> None:
        """From now on."""
        program = self._program
        self._forget = [
            program.board.listen(self._on_status),
            program.settings.listen(lambda settings: self.look()),
            program.desk.listen(self._on_sign_in),
        ]
        threading.Thread(target=self._run, name="face", daemon=True).start()
        self.look()

    def close(self) -> None:
        self._closed = True
        for forget in self._forget:
            forget()
        self._news.set()

    def opened(self) -> None:
        """Somebody is about to read the menu: as it is now, and as the machine tells a moment later."""
        view = self.view()
        self._icon.show(appearance(view), entries(view))
        if time.monotonic() - self._looked_at > _SECONDS_BETWEEN_LOOKS:
            self.look()

    def look(self) -> None:
        """Ask the machine anew, soon."""
        self._looked_at = time.monotonic()
        if not self._look_is_due.is_set():
            self._look_is_due.set()
            self._looks.submit(self._look)

    def looked_at(self, route: str) -> SignIn | None:
        """How `route` stood at the last look."""
        return next((option for option in self._looked.options if option.route == route), None)

    @property
    def free_port(self) -> int | None:
        """The one that the menu offers in the place of a port in use."""
        return self._looked.free_port

    def view(self) -> View:
        looked, progress, settings = self._looked, self._program.desk.progress, self._program.settings.current
        return View(
            self._program.board.status,
            settings.route,
            options=looked.options,
            methods=looked.methods,
            autostart=looked.autostart,
            free_port=looked.free_port,
            signing_in=progress is not None and not progress.ended,
            mask_account=settings.mask_account,
            now=time.time(),
        )

    # Threads of others

    def _on_status(self, status: Status) -> None:
        looked = self._looked
        port_in_use = status.failure is not None and status.failure.kind == "port_in_use"
        if (status.running and not looked.options) or (port_in_use and looked.free_port is None):
            self.look()
        self._news.set()

    def _on_sign_in(self, progress: Progress) -> None:
        if progress.ended:
            self.look()
            if progress.state == "failed":
                self._icon.notify("The sign-in did not work", progress.message)
        self._news.set()

    # Threads of our own

    def _run(self) -> None:
        pause = threading.Event()
        while not self._closed:
            try:
                self._update()
            except Exception:
                log.exception("the icon cannot show this")
            self._news.wait(self._seconds_to_news())
            self._news.clear()
            pause.wait(_SECONDS_BETWEEN_UPDATES)

    def _update(self) -> None:
        view = self.view()
        self._icon.show(appearance(view), entries(view))
        for note in self._notifier.news(view.status, self._program.settings.current.notifications, view.now):
            self._icon.notify(note.title, note.text)

    def _seconds_to_news(self) -> float | None:
        """None: until somebody tells. What is told only when it lasts becomes news by the clock alone."""
        problem = self._program.board.status.problem
        moment = None
        if problem is not None and problem.kind == "unreachable":
            moment = problem.since + UNREACHABLE_SECONDS
        elif problem is not None:
            moment = problem.until
        left = 0.0 if moment is None else moment - time.time()
        # The machine may sleep meanwhile, and its clock be set.
        return min(left, _LONGEST_WAIT) + 0.1 if left > 0 else None

    def _look(self) -> None:
        program = self._program
        self._look_is_due.clear()
        options = tuple(program.app.look())
        methods = tuple(way.kind for way in program.sign_ins.ways() if way.why_not is None)
        self._looked = _Looked(options, methods, self._autostart_state(), self._free_port())
        self._news.set()

    def _autostart_state(self) -> AutostartState | None:
        try:
            return self._autostart.state().condition
        except (ProxyError, OSError) as error:
            log.warning("start at login cannot be read: %s", error)
            return None

    def _free_port(self) -> int | None:
        status = self._program.board.status
        if status.failure is None or status.failure.kind != "port_in_use" or status.port is None:
            return None
        return free_port_after(status.port, status.address or "127.0.0.1")
