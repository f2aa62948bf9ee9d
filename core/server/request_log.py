"""What is noted of a request: metadata only, never a header, never a body."""

from __future__ import annotations

import logging
import time

from ..status import RequestNote
from .downstream import Downstream

log = logging.getLogger("cliproxyapi.requests")


def note_of(path: str, downstream: Downstream) -> RequestNote:
    """The note of an exchange that has ended."""
    total = downstream.age()
    first = None if downstream.first_write is None else downstream.first_write - downstream.opened_at
    return RequestNote(
        at=time.time() - total,
        method=downstream.scope["method"],
        path=path[:80],
        status=downstream.status,
        route=downstream.route,
        model=downstream.model,
        first_ms=None if first is None else first * 1000,
        total_ms=total * 1000,
        input_tokens=downstream.usage.get("input_tokens"),
        output_tokens=downstream.usage.get("output_tokens"),
        error=downstream.error or (None if downstream.finished else "broken_off"),
    )


def write(note: RequestNote, *, whole: bool) -> None:
    """One line of the log. `whole`: the answer was sent to its end."""
    log.info(
        "%s %s %s route=%s model=%s first_ms=%s total_ms=%.0f input_tokens=%s output_tokens=%s%s",
        note.method,
        note.path,
        note.status or "-",
        note.route or "-",
        note.model or "-",
        "-" if note.first_ms is None else f"{note.first_ms:.0f}",
        note.total_ms,
        "-" if note.input_tokens is None else note.input_tokens,
        "-" if note.output_tokens is None else note.output_tokens,
        "" if whole else " broken off",
    )
