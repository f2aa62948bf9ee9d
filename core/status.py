"""What is going on, as one frozen value: `/health`, the command line and the tray all show the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot. Times are seconds since 1970; errors are codes, never texts, so that nothing private is in here."""

    running: bool = False
    # The route that served the last request, or None before the first one.
    route: str | None = None
    last_ok: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    # Web pages that were turned away, by origin, each named once.
    refused_pages: tuple[str, ...] = ()


class StatusBoard:
    """Holds the one current `Status`. Any thread posts; listeners are called on the thread that posted."""

    def __init__(self) -> None:
        self._status = Status()
        self._listeners: list[Callable[[Status], None]] = []
        self._lock = threading.Lock()

    @property
    def status(self) -> Status:
        return self._status

    def post(self, **changes: Any) -> None:
        """Replace the named fields and tell the listeners."""
        with self._lock:
            self._status = replace(self._status, **changes)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(self._status)

    def listen(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Call `listener` with every later status; the returned function ends that."""
        with self._lock:
            self._listeners.append(listener)

        def forget() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return forget
