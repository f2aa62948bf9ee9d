"""A machine that slept is noticed once, and an ordinary correction of the clock is none."""

from __future__ import annotations

from core.sleep import SleepWatch, slept_seconds


def test_a_sleep_is_told_once() -> None:
    clock = [0.0]
    watch = SleepWatch(lambda: clock[0])
    assert not watch.woke()
    clock[0] = 3600.0
    assert watch.woke()
    assert not watch.woke()
    clock[0] = 3605.0
    assert not watch.woke()
    clock[0] = 0.0
    assert watch.woke()


def test_a_machine_that_is_awake_did_not_sleep() -> None:
    before = slept_seconds()
    assert abs(slept_seconds() - before) < 1
