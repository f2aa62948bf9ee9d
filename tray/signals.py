"""Signals while a toolkit has the main thread.

Python runs handlers on the main thread, between two instructions; a toolkit that waits for a click executes none, for
hours. So a signal has to wake it. This works for all of them alike, and leaves the handlers to the program.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator


@contextlib.contextmanager
def waking_for_signals(wake: Callable[[], None]) -> Generator[None]:
    """`wake` is called, on a thread of its own, when a signal has come that Python handles."""
    if threading.current_thread() is not threading.main_thread():
        # Signals are not this thread's affair.
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    thread = threading.Thread(target=_wake, args=(reader, wake), name="signals", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        writer.close()
        thread.join()
        reader.close()


def _wake(reader: socket.socket, wake: Callable[[], None]) -> None:
    while reader.recv(64):
        wake()
