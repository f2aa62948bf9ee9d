"""The menu bar of macOS: pystray's backend, repaired.

AppKit is touched on the main thread alone. A menu that keeps its structure gets new titles in place, also while it is
open. The icon is a template, which the system tints. Not a word of this has run on a Mac here: it is tested against a
stand-in for AppKit, and written from Apple's documentation and pystray's source.
"""

from __future__ import annotations

import io
import logging
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import AppKit
import Foundation
import pystray
from PIL import Image
from PyObjCTools import AppHelper
from pystray import _darwin

from .backend import Backend, Calls, TrayKind
from .entries import Appearance, Entry, IconState, without_idle_separators
from .icon_drawing import draw
from .pystray_icon import DrivenIcon

log = logging.getLogger("cliproxyapi")

# The menu bar's icons are so high, and twice as fine on most screens.
_POINTS = 22
_PIXELS = 2 * _POINTS

# Texts come as arguments, so that no quotation mark in them becomes a program.
_NOTIFY = (
    "on run argv",
    "display notification (item 1 of argv) with title (item 2 of argv)",
    "end run",
)

# What cannot be changed in place: the entries in their order, by verb or as what they are.
Structure = tuple[object, ...]


def backends(name: str, calls: Calls, kind: TrayKind) -> Iterator[Backend]:
    """What can show the icon on a Mac."""
    yield MenuBarIcon(name, calls)


class MenuBarIcon(DrivenIcon, _darwin.Icon):
    """The icon in the menu bar."""

    def __init__(self, name: str, calls: Calls) -> None:
        super().__init__(name, calls)
        self._menu_handle = None
        self._menu_structure: Structure = ()
        # What the tags of menu items stand for. It only grows: a menu that is open keeps its old tags.
        self._callbacks: list[Callable[..., None]] = []

    # -- any thread

    def post(self, work: Callable[[], None]) -> None:
        AppHelper.callAfter(work)

    def _stop(self) -> None:
        self.post(super()._stop)

    # -- the main thread

    def _run(self) -> None:
        # No place in the Dock, no menu bar of our own.
        self._app.setActivationPolicy_(AppKit.NSApplicationActivationPolicyAccessory)
        try:
            self._mark_ready()
            self._app.run()
        finally:
            self._running = False
            self._status_bar.removeStatusItem_(self._status_item)

    # -- what is shown

    def draw(self, appearance: Appearance, entries: Sequence[Entry]) -> None:
        super().draw(appearance, entries)
        self._status_item.button().setAccessibilityLabel_(appearance.title)

    def _picture(self, state: IconState) -> Image.Image:
        return draw(state, _PIXELS, "template")

    def _assert_image(self) -> None:
        png = io.BytesIO()
        self.icon.save(png, "png")
        image = AppKit.NSImage.alloc().initWithData_(
            Foundation.NSData.dataWithBytes_length_(png.getvalue(), len(png.getvalue()))
        )
        image.setSize_((_POINTS, _POINTS))
        image.setTemplate_(True)
        self._icon_image = image
        self._status_item.button().setImage_(image)

    def _update_menu(self) -> None:
        structure = _structure(self._entries)
        if self._menu_handle and structure == self._menu_structure:
            self._retitle(self._menu_handle[0], self._entries)
        elif self.menu:
            self._menu_structure = structure
            menu = self._create_menu(self.menu, self._callbacks)
            self._menu_handle = (menu, self._callbacks)
            self._status_item.setMenu_(menu)

    def _menu_item(self, entry: Entry) -> pystray.MenuItem:
        # pystray would write it in bold letters. A click on the icon always opens the menu here.
        return super()._menu_item(replace(entry, default=False))

    def _retitle(self, menu: AppKit.NSMenu, entries: Sequence[Entry]) -> None:
        for index, entry in enumerate(without_idle_separators(entries)):
            if entry.separator:
                continue
            item = menu.itemAtIndex_(index)
            item.setTitle_(entry.label)
            item.setEnabled_(entry.clickable)
            if entry.checked is not None:
                item.setState_(AppKit.NSOnState if entry.checked else AppKit.NSOffState)
            if entry.submenu:
                self._retitle(item.submenu(), entry.submenu)

    def tell(self, title: str, text: str) -> None:
        # It takes a while, and nothing waits for it.
        threading.Thread(target=_notify, args=(title, text), name="notification", daemon=True).start()


def _structure(entries: Sequence[Entry]) -> Structure:
    return tuple(
        (entry.separator, entry.verb, entry.checked is None, _structure(entry.submenu))
        for entry in without_idle_separators(entries)
    )


def _notify(title: str, text: str) -> None:
    script = [word for line in _NOTIFY for word in ("-e", line)]
    try:
        subprocess.run(["/usr/bin/osascript", *script, text, title], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        log.info("notification that is not shown (%s): %s. %s", error, title, text)
