"""The tray on Linux: StatusNotifierItem and its menu over D-Bus, and behind them the old trays of X."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

from ..backend import Backend, Calls, TrayKind
from .probe import attempts, look

log = logging.getLogger("cliproxyapi")


def backends(name: str, calls: Calls, kind: TrayKind) -> Iterator[Backend]:
    """What can show the icon on this desktop."""
    found = look(os.environ)
    log.info("tray: %s", found)
    for attempt in attempts(found, kind):
        if attempt.backend == "status-notifier":
            from .status_notifier import StatusNotifierIcon

            yield StatusNotifierIcon(name, calls, attempt.patience)
        elif backend := _xembed(name, calls):
            yield backend


def _xembed(name: str, calls: Calls) -> Backend | None:
    from Xlib.error import ConnectionClosedError, DisplayError

    try:
        # pystray opens the display to see whether it can, at import.
        from .xembed import XEmbedIcon

        return XEmbedIcon(name, calls)
    except (DisplayError, ConnectionClosedError, OSError, ValueError) as error:
        log.warning("the display cannot be opened: %s", error)
        return None
