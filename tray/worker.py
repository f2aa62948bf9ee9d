"""Work that must not be done where it was asked for: a toolkit's thread and the server's wait for nobody."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger("cliproxyapi.tray")


class Worker:
    """One thread that does what it is given, one after the other. Any thread may give."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[[], object]) -> None:
        self._work.put(work)

    def _run(self) -> None:
        while True:
            work = self._work.get()
            try:
                work()
            except Exception:
                log.exception("work that was asked for")
