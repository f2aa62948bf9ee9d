"""What a person types, line by line, read on a thread of its own: a sign-in goes on while nobody types."""

from __future__ import annotations

import os
import queue
import sys
import threading

_TICK_SECONDS = 0.2


class Keyboard:
    """Standard input. It is read from the first question on, and never given back."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._ended = False
        self._started = False

    def line(self, timeout: float | None = None) -> str | None:
        """The next line without its end; None where there is none within `timeout` seconds, or none will come."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._read, name="keyboard", daemon=True).start()
        if self._ended:
            return None
        while True:
            try:
                # In short waits, as on Windows a long one cannot be interrupted by Ctrl-C.
                line = self._lines.get(timeout=_TICK_SECONDS if timeout is None else timeout)
            except queue.Empty:
                if timeout is not None:
                    return None
            else:
                self._ended = line is None
                return line

    def _read(self) -> None:
        # Past Python's own buffer, whose lock a thread that still waits would keep until the very end.
        rest = b""
        try:
            descriptor = sys.stdin.fileno()
            while chunk := os.read(descriptor, 4096):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._lines.put(line.decode("utf-8", "replace").strip("\r"))
        except (OSError, ValueError, AttributeError):
            pass  # there is no standard input
        if rest:
            self._lines.put(rest.decode("utf-8", "replace"))
        self._lines.put(None)
