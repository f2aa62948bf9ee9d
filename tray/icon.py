"""The icon and its menu: the one door to whichever toolkit shows them, which is touched on its own thread alone.

`TrayIcon` is made and told what to show on any thread, and runs on the main one, which macOS demands. Nothing of a
toolkit is imported before it runs.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from .backend import Backend, Calls, Ended, TrayKind
from .entries import Appearance, Entry
from .signals import waking_for_signals

# At most twice a second: more than that nobody reads, and panels redraw for it.
_SECONDS_BETWEEN_REDRAWS = 0.5

# What can show the icon, the best first; the next is for when the last one had no tray.
Backends = Callable[[str, Calls, TrayKind], Iterator[Backend]]


class TrayIcon:
    """One icon. What begins with `on_` is called on the toolkit's thread and must hand its work to another:
    `on_opening` when somebody is about to read the menu, `on_no_tray` when the desktop has no place for an icon."""

    def __init__(
        self,
        name: str,
        on_verb: Callable[[str], None],
        *,
        on_opening: Callable[[], None] = lambda: None,
        on_no_tray: Callable[[], None] = lambda: None,
        kind: TrayKind = "auto",
        backends: Backends | None = None,
    ) -> None:
        self._name = name
        self._kind: TrayKind = kind
        self._backends = backends or _backends_of_this_system
        self._on_opening = on_opening
        self._calls = Calls(self._on_ready, on_verb, self._opening, on_no_tray)
        # Whoever holds it may be interrupted by the handler of a signal, which may well call `stop`.
        self._lock = threading.RLock()
        self._backend: Backend | None = None
        # From here on under the lock.
        self._ready = False
        self._stopped = False
        self._wanted: tuple[Appearance, tuple[Entry, ...]] | None = None
        self._shown: tuple[Appearance, tuple[Entry, ...]] | None = None
        self._redraw_is_due = False
        self._drawn_at = float("-inf")
        self._untold: list[tuple[str, str]] = []

    # -- any thread

    def show(self, appearance: Appearance, entries: Sequence[Entry]) -> None:
        """Look like this from now on. Costs nothing where that is what is shown."""
        with self._lock:
            self._wanted = (appearance, tuple(entries))
            wait = self._seconds_to_redraw()
        if wait == 0:
            self._post(self._redraw)
        elif wait is not None:
            timer = threading.Timer(wait, self._post, (self._redraw,))
            timer.daemon = True
            timer.start()

    def notify(self, title: str, text: str) -> None:
        """Say something in a corner of the screen, or in the log where the desktop has no such corner."""
        with self._lock:
            self._untold.append((title, text))
        self._post(self._tell)

    def stop(self) -> None:
        """Have `run` return, also one that has not begun."""
        with self._lock:
            self._stopped = True
            backend = self._backend if self._ready else None
        if backend:
            backend.stop()

    # -- the main thread

    def run(self) -> Ended:
        """Show the icon until `stop` or until the desktop goes away. Python's signal handlers run at once meanwhile."""
        with waking_for_signals(lambda: self._post(_nothing)):
            for backend in self._backends(self._name, self._calls, self._kind):
                if self._is_stopped():
                    break
                if (ended := self._serve(backend)) is not Ended.NO_TRAY:
                    return ended
        return Ended.STOPPED if self._is_stopped() else Ended.NO_TRAY

    def _serve(self, backend: Backend) -> Ended:
        with self._lock:
            self._backend, self._shown = backend, None
        ended = backend.serve()
        with self._lock:
            self._ready = False
        return Ended.STOPPED if self._is_stopped() else ended

    # -- the toolkit's thread

    def _on_ready(self) -> None:
        with self._lock:
            self._ready = True
            stopped = self._stopped
        if stopped and self._backend:
            self._backend.stop()
        self._redraw()
        self._tell()

    def _opening(self) -> None:
        self._on_opening()
        self._redraw()

    def _redraw(self) -> None:
        with self._lock:
            self._redraw_is_due = False
            if self._wanted is None or self._wanted == self._shown or not self._ready:
                return
            self._shown = self._wanted
            self._drawn_at = time.monotonic()
        if self._backend:
            self._backend.draw(*self._shown)

    def _tell(self) -> None:
        with self._lock:
            untold, self._untold = self._untold, []
        if self._backend:
            for title, text in untold:
                self._backend.tell(title, text)

    def _post(self, work: Callable[[], None]) -> None:
        """Before the toolkit is ready there is no need: it takes up what is wanted when it is."""
        with self._lock:
            backend = self._backend if self._ready else None
        if backend:
            backend.post(work)

    def _is_stopped(self) -> bool:
        with self._lock:
            return self._stopped

    def _seconds_to_redraw(self) -> float | None:
        """None where it is not needed, or will happen anyway."""
        if self._redraw_is_due or not self._ready or self._wanted == self._shown:
            return None
        self._redraw_is_due = True
        return max(0.0, self._drawn_at + _SECONDS_BETWEEN_REDRAWS - time.monotonic())


def _nothing() -> None:
    """Python runs the handlers of signals between two of its instructions: these are some."""


def _backends_of_this_system(name: str, calls: Calls, kind: TrayKind) -> Iterator[Backend]:
    if kind == "none":
        return iter(())
    if sys.platform == "darwin":
        from .macos import backends
    elif sys.platform == "win32":
        from .windows import backends
    else:
        from .linux import backends
    return backends(name, calls, kind)
