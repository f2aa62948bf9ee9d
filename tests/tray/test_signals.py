"""Signals reach their handlers while something else has the main thread."""

from __future__ import annotations

import queue
import signal
import sys
import threading

import pytest

from tray.signals import waking_for_signals


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one thread")
def test_a_signal_that_another_thread_gets_wakes_the_main_one() -> None:
    handled: list[int] = []
    loop: queue.SimpleQueue[None] = queue.SimpleQueue()
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: handled.append(number))
    try:
        with waking_for_signals(lambda: loop.put(None)):
            thread = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1))
            thread.start()
            loop.get(timeout=30)
            thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert handled == [signal.SIGUSR1]


def test_a_loop_on_another_thread_leaves_signals_alone() -> None:
    ended: list[bool] = []

    def run() -> None:
        with waking_for_signals(lambda: None):
            ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == [True]
