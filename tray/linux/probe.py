"""Which tray this desktop has, and so which backends to try."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..backend import TrayKind

# Looking never takes longer, whatever hangs.
_SECONDS = 2.0

# Where a desktop has an old tray, a new one may still be starting; it is the better one.
_PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a desktop offers: a session bus, a StatusNotifierWatcher on it, a tray of the old kind on its display."""

    bus: bool = False
    watcher: bool = False
    xembed: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A backend to run, and how many seconds its first panel may take; None is for ever."""

    backend: Literal["status-notifier", "xembed"]
    patience: float | None = None


def attempts(found: Found, kind: TrayKind = "auto") -> tuple[Attempt, ...]:
    """What to try, one after the other; nothing where no tray can come."""
    if kind == "none":
        return ()
    if kind != "auto":
        return (Attempt(kind),)
    if not found.bus:
        return (Attempt("xembed"),) if found.xembed else ()
    if found.xembed and not found.watcher:
        return (Attempt("status-notifier", _PATIENCE), Attempt("xembed"))
    return (Attempt("status-notifier"),)


def look(environment: Mapping[str, str]) -> Found:
    """See what is there now, in two seconds at most."""
    has_xembed: list[bool] = []
    # Its client library knows no time limit.
    display = threading.Thread(target=lambda: has_xembed.append(_has_xembed_tray(environment)), daemon=True)
    display.start()
    bus, watcher = asyncio.run(_bus_and_watcher(environment))
    display.join(_SECONDS)
    return Found(bus, watcher, any(has_xembed))


def registered_items(environment: Mapping[str, str]) -> frozenset[str]:
    """The icons that the watcher knows, of all programs; none where it does not answer."""
    return asyncio.run(_registered_items(environment))


async def _registered_items(environment: Mapping[str, str]) -> frozenset[str]:
    from .session_bus import BUS_ERRORS, connect, read_property
    from .status_notifier import WATCHER, WATCHER_PATH

    with contextlib.suppress(*BUS_ERRORS):
        async with asyncio.timeout(_SECONDS):
            bus = await connect(environment)
            try:
                items = await read_property(bus, WATCHER, WATCHER_PATH, "RegisteredStatusNotifierItems")
                return frozenset(map(str, items))
            finally:
                bus.disconnect()
    return frozenset()


async def _bus_and_watcher(environment: Mapping[str, str]) -> tuple[bool, bool]:
    from .session_bus import BUS_ERRORS, connect, is_owned
    from .status_notifier import WATCHER

    with contextlib.suppress(*BUS_ERRORS):
        async with asyncio.timeout(_SECONDS):
            bus = await connect(environment)
            try:
                return True, await is_owned(bus, WATCHER)
            finally:
                bus.disconnect()
    return False, False


def _has_xembed_tray(environment: Mapping[str, str]) -> bool:
    name = environment.get("DISPLAY")
    if not name:
        return False
    from Xlib import X, display
    from Xlib.error import ConnectionClosedError, DisplayError

    try:
        connection = display.Display(name)
    except (DisplayError, ConnectionClosedError, OSError, ValueError):
        return False
    try:
        selection = connection.intern_atom(f"_NET_SYSTEM_TRAY_S{connection.get_default_screen()}")
        return connection.get_selection_owner(selection) != X.NONE
    except (ConnectionClosedError, OSError):
        return False
    finally:
        connection.close()
