"""Noticing that the machine slept, without a timer: whoever begins something looks at the clocks.

After a sleep the network's other ends have forgotten their connections, and the sign-in may be another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Clocks are set by a few seconds now and then; a sleep is longer.
_JUMP_SECONDS = 30.0


def slept_seconds() -> float:
    """How long this machine has slept since it started, as far as its clocks tell; only differences mean something."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    if boot is not None:
        # Linux: one clock goes on while the machine sleeps, and nobody can set it.
        return time.clock_gettime(boot) - time.monotonic()
    return time.time() - time.monotonic()


class SleepWatch:
    """Tells each of its owners once that the machine slept since they last asked."""

    def __init__(self, slept: Callable[[], float] = slept_seconds) -> None:
        self._slept = slept
        self._known = slept()

    def woke(self) -> bool:
        """Whether a sleep, or a jump of the clock, lies between this question and the one before."""
        slept = self._slept()
        jumped = abs(slept - self._known) > _JUMP_SECONDS
        self._known = slept
        return jumped
