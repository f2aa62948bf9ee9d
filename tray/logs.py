"""Reading the log while it is being written, and replaced when it is full."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

# A person reads along; nobody waits for the millisecond.
_LOOK_SECONDS = 0.3


def follow_lines(path: Path) -> Iterator[str]:
    """Lines that are written from now on, for ever; the file may be replaced, or not be there yet."""
    position, identity = _end(path)
    pending = ""
    while True:
        with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as log:
            now = path.stat().st_ino
            if now != identity or path.stat().st_size < position:
                position, identity, pending = 0, now, ""
            log.seek(position)
            *complete, pending_now = (pending + log.read()).split("\n")
            position, pending = log.tell(), pending_now
            yield from complete
        time.sleep(_LOOK_SECONDS)


def _end(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError:
        return 0, -1
    return state.st_size, state.st_ino
