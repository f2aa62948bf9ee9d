"""A backend for the old trays of X (tint2, trayer, i3bar, polybar): an icon without a menu, repaired from pystray's.

pystray's own window never asks for its clicks (https://github.com/moses-palmer/pystray/issues/151), is black around the
icon, and dies with the tray. Importing this module opens the display, and fails where there is none.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from PIL import Image
from pystray import _xorg
from Xlib import X
from Xlib.error import ConnectionClosedError, XError

from ..backend import Calls, Ended
from ..entries import IconState
from ..icon_drawing import draw
from ..pystray_icon import DrivenIcon
from .notifications import notify_on_own_connection

log = logging.getLogger("cliproxyapi")

_EVENTS = X.ButtonPressMask | X.ExposureMask | X.StructureNotifyMask
# The wheel has button numbers as well.
_BUTTONS = (1, 2, 3)
# Before a tray takes it, the window has one pixel.
_SMALLEST = 8
_BLACK = (0, 0, 0)


class XEmbedIcon(DrivenIcon, _xorg.Icon):
    """The icon in a small window, which the tray takes into its own. Any button runs the default entry."""

    def __init__(self, name: str, calls: Calls) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._leaving = False
        super().__init__(name, calls)
        self._display.set_error_handler(self._on_error)
        # Whoever becomes the tray says so to the root window.
        self._display.screen().root.change_attributes(event_mask=X.StructureNotifyMask)
        self._manager = self._display.intern_atom("MANAGER")
        # What is posted comes this way: python-xlib does not bear two threads.
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)

    # -- any thread

    def post(self, work: Callable[[], None]) -> None:
        self._work.put(work)
        # It may be full, and so awake already, or closed, with nothing left to draw on.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _stop(self) -> None:
        self.post(self._leave)

    # -- the thread of the loop

    def _run(self) -> None:
        self._thread = threading.current_thread()
        try:
            self._mark_ready()
            self._mainloop()
        except (ConnectionClosedError, OSError) as error:
            log.warning("the display is gone: %s", error)
            self._ended = Ended.LOST
        finally:
            self._running = False
            self._waker.close()
            self._woken.close()
            with contextlib.suppress(ConnectionClosedError, OSError):
                self._display.close()

    def _mainloop(self) -> None:
        while not self._leaving:
            self._display.flush()
            while self._display.pending_events():
                self._handle(self._display.next_event())
            readable, _, _ = select.select([self._display, self._woken], [], [])
            if self._woken in readable:
                self._woken.recv(4096)
                self._do_work()

    def _handle(self, event: Any) -> None:
        if event.type == X.DestroyNotify and event.window == self._window:
            self._renew_window()
        elif handler := self._message_handlers.get(event.type):
            handler(event)

    def _leave(self) -> None:
        self._leaving = True

    def _do_work(self) -> None:
        while not self._leaving:
            try:
                work = self._work.get_nowait()
            except queue.Empty:
                return
            work()

    # -- the window and the tray

    def _rewrite_implementation(self, *_methods: object) -> None:
        # pystray sends each call to the loop's thread by way of the display and waits for its end, for ever if the loop
        # has ended. Here everything runs on that thread already.
        self._message_handlers[X.ClientMessage] = self._on_client_message

    def _create_window(self) -> Any:
        window = super()._create_window()
        window.change_attributes(event_mask=_EVENTS)
        return window

    def _renew_window(self) -> None:
        """A tray that is killed takes our window along."""
        self._window = self._create_window()
        self._gc = self._window.create_gc()
        self._dock_window()

    def _on_client_message(self, event: Any) -> None:
        if event.client_type == self._manager and event.data[1][1] == self._net_system_tray_sx:
            self._dock_window()

    def _on_destroy_notify(self, event: Any) -> None:
        if self._systray_manager and event.window.id == self._systray_manager.id:
            self._systray_manager = None
            self._dock_window()

    def _on_button_press(self, event: Any) -> None:
        if event.detail in _BUTTONS:
            self.activate()

    def _on_error(self, error: XError, *_request: object) -> None:
        # Windows of others come and go while we speak of them.
        log.debug("X error: %s", error)

    # -- what is shown

    def _show(self) -> None:
        self._dock_window()

    def _hide(self) -> None:
        """The icon goes with its window."""

    def _update_icon(self) -> None:
        self._draw()
        self._icon_valid = True

    def _draw(self) -> None:
        if not self._appearance:
            return
        with contextlib.suppress(XError):
            shape = self._window.get_geometry()
            size = min(shape.width, shape.height)
            if size < _SMALLEST:
                return
            picture = Image.new("RGB", (shape.width, shape.height), self._colour_around(shape.width, shape.height))
            icon = draw(self._appearance.icon, size, "grey")
            picture.paste(icon, ((picture.width - size) // 2, (picture.height - size) // 2), icon)
            self._window.put_pil_image(self._gc, 0, 0, picture)

    def _colour_around(self, width: int, height: int) -> tuple[int, ...]:
        """What most of the tray around the window looks like: such a window cannot be transparent."""
        root = self._display.screen().root
        place = root.translate_coords(self._window, 0, 0)
        screen = root.get_geometry()
        left, top = max(place.x - 1, 0), max(place.y - 1, 0)
        right, bottom = min(place.x + width + 1, screen.width), min(place.y + height + 1, screen.height)
        if left >= right or top >= bottom:
            return _BLACK
        reply = root.get_image(left, top, right - left, bottom - top, X.ZPixmap, 0xFFFFFFFF)
        if len(reply.data) != 4 * (right - left) * (bottom - top):
            return _BLACK
        around = Image.frombytes("RGB", (right - left, bottom - top), reply.data, "raw", "BGRX")
        pixels = [
            around.getpixel((x, y))
            for x in range(around.width)
            for y in range(around.height)
            if not (0 <= left + x - place.x < width and 0 <= top + y - place.y < height)
        ]
        found = Counter(pixels).most_common(1)
        return found[0][0] if found and isinstance(found[0][0], tuple) else _BLACK

    def _picture(self, state: IconState) -> Image.Image:
        return draw(state, 64, "grey")

    def _draw_menu(self) -> None:
        """There is none."""

    def tell(self, title: str, text: str) -> None:
        notify_on_own_connection(title, text)
