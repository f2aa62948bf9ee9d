"""Whether this desktop shows the icon: shows one for a moment, where there is a tray, and asks the tray for it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping

from .backend import Ended, TrayKind
from .opening import has_screen

# How long a panel may take for an icon, and how long one must stay that nothing can be asked about.
_SECONDS_TO_SHOW, _SECONDS_SHOWN = 15.0, 1.0


class Broken(Exception):
    """A part of the program does not work; the message says what is wrong."""


def show_icon(environ: Mapping[str, str]) -> str:
    """What came of it, as a part of a sentence. Raises Broken. Only the main thread may call."""
    if sys.platform == "linux":
        return _tray_on_linux(environ)
    if not has_screen(environ):
        return f"{_backend_of_this_system()} loads; there is no screen to show it on"
    return _shown_for_a_while(_backend_of_this_system(), "auto")


def _backend_of_this_system() -> str:
    if sys.platform == "darwin":
        from .macos import MenuBarIcon as Backend
    elif sys.platform == "win32":
        from .windows import NotificationAreaIcon as Backend
    else:
        from .linux.status_notifier import StatusNotifierIcon as Backend
    return Backend.__name__


def _tray_on_linux(environ: Mapping[str, str]) -> str:
    from .linux.probe import look

    name, found = _backend_of_this_system(), look(environ)
    if found.watcher:
        return _shown_by_a_panel(name)
    if found.xembed:
        return _shown_for_a_while("XEmbedIcon", "xembed")
    return f"{name} loads; there is no screen with a tray to show it in"


def _shown_by_a_panel(name: str) -> str:
    from .linux.probe import registered_items

    before, taken = registered_items(os.environ), threading.Event()

    def wait() -> None:
        until = time.monotonic() + _SECONDS_TO_SHOW
        while time.monotonic() < until and not taken.is_set():
            if registered_items(os.environ) - before:
                taken.set()
            time.sleep(0.1)

    ended = _show("status-notifier", wait)
    if not taken.is_set():
        raise Broken(f"no panel took the icon of {name} ({ended.value})")
    return f"{name} is shown by this desktop's panel"


def _shown_for_a_while(name: str, kind: TrayKind) -> str:
    ended = _show(kind, lambda: time.sleep(_SECONDS_SHOWN))
    if ended is not Ended.STOPPED:
        raise Broken(f"{name} cannot show the icon ({ended.value})")
    return f"{name} shows the icon"


def _show(kind: TrayKind, meanwhile: Callable[[], None]) -> Ended:
    """Show an icon until `meanwhile`, on a thread of its own, has ended."""
    from .entries import Appearance, Entry
    from .icon import TrayIcon

    icon = TrayIcon("cliproxyapi", lambda _verb: None, kind=kind)
    icon.show(Appearance("running", "CLIProxyAPI", "CLIProxyAPI: self-test"), [Entry("Self-Test")])

    def stop_after() -> None:
        try:
            meanwhile()
        finally:
            icon.stop()

    thread = threading.Thread(target=stop_after, daemon=True)
    thread.start()
    ended = icon.run()
    thread.join()
    return ended
