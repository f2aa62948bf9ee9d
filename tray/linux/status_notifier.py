"""A backend for pystray: StatusNotifierItem, which Plasma, Xfce, LXQt, MATE, waybar and GNOME's extension show.

Pure Python on the session bus. pystray's own two ways there need GTK, close an open menu at each change, and hand the
icon over as a temporary file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence

from dbus_fast import DBusError, Message
from dbus_fast.aio import MessageBus
from PIL import Image

from ..backend import Calls, Ended
from ..entries import Appearance, Entry, IconState
from ..icon_drawing import draw
from ..pystray_icon import DrivenIcon
from . import dbus_menu, status_notifier_item
from .dbus_menu import DBusMenu
from .notifications import notify
from .session_bus import BUS_ERRORS, call, connect, follow_owner, is_owned, new_owner
from .status_notifier_item import StatusNotifierItem

log = logging.getLogger("cliproxyapi")

WATCHER = "org.kde.StatusNotifierWatcher"
WATCHER_PATH = "/StatusNotifierWatcher"

# A panel may take its time at login; then somebody should know where the icon is.
_SECONDS_TO_NO_TRAY = 30.0


class StatusNotifierIcon(DrivenIcon):
    """The icon on the session bus.

    `patience` is how many seconds to wait for the first panel before giving up; without it, any number of them.
    """

    def __init__(self, name: str, calls: Calls, patience: float | None = None) -> None:
        super().__init__(name, calls)
        self._patience = patience
        self._item = StatusNotifierItem(name, self.activate)
        self._menu_on_bus = DBusMenu(calls.on_verb, calls.on_opening)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bus: MessageBus | None = None
        self._end: asyncio.Future[Ended] | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # -- any thread

    def post(self, work: Callable[[], None]) -> None:
        if loop := self._loop:
            # It may just have been closed: then there is nothing left to draw on.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(work)

    def _stop(self) -> None:
        self.post(lambda: self._finish(Ended.STOPPED))

    # -- the thread of the loop

    def _run(self) -> None:
        # Not `asyncio.run`, which would handle Ctrl-C: signals belong to the program.
        loop = asyncio.SelectorEventLoop()
        try:
            self._ended = loop.run_until_complete(self._serve())
        finally:
            self._loop = None
            loop.close()
            self._running = False

    async def _serve(self) -> Ended:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.create_future()
        try:
            bus = await connect()
        except BUS_ERRORS as error:
            log.warning("the session bus cannot be reached: %s", error)
            return Ended.NO_TRAY
        self._bus = bus
        try:
            self._in_background(self._end_with(bus))
            bus.export(status_notifier_item.PATH, self._item)
            bus.export(dbus_menu.PATH, self._menu_on_bus)
            bus.add_message_handler(self._on_message)
            self._mark_ready()
            self._in_background(self._find_watcher(bus))
            return await self._end
        finally:
            await self._leave(bus)

    async def _leave(self, bus: MessageBus) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._bus = None
        if bus.connected:
            bus.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end_with(self, bus: MessageBus) -> None:
        with contextlib.suppress(*BUS_ERRORS):
            await bus.wait_for_disconnect()
        self._finish(Ended.LOST)

    def _finish(self, how: Ended) -> None:
        if self._end and not self._end.done():
            self._end.set_result(how)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the panel

    async def _find_watcher(self, bus: MessageBus) -> None:
        with contextlib.suppress(*BUS_ERRORS):
            await follow_owner(bus, WATCHER)
            if await is_owned(bus, WATCHER):
                await self._register(bus)
                return
        loop = asyncio.get_running_loop()
        if self._patience is None:
            self._waiting = loop.call_later(_SECONDS_TO_NO_TRAY, self._calls.on_no_tray)
        else:
            self._waiting = loop.call_later(self._patience, self._finish, Ended.NO_TRAY)

    def _on_message(self, message: Message) -> None:
        # A panel that starts late and one that starts again are one case.
        if self._bus and new_owner(message, WATCHER):
            self._in_background(self._register(self._bus))

    async def _register(self, bus: MessageBus) -> None:
        if self._waiting:
            self._waiting.cancel()
        try:
            # By path, and the watcher asks the sender. A name of our own on the bus is a race in GNOME's extension.
            member = "RegisterStatusNotifierItem"
            await call(bus, WATCHER, WATCHER_PATH, member, "s", status_notifier_item.PATH)
        except DBusError as error:
            log.warning("the panel did not take the icon: %s", error)
        except BUS_ERRORS:
            return  # `_end_with` says that the bus is gone

    # -- what is shown

    def draw(self, appearance: Appearance, entries: Sequence[Entry]) -> None:
        super().draw(appearance, entries)
        self._item.show(appearance)

    def _picture(self, state: IconState) -> Image.Image:
        # The panel gets all sizes from the item; this one is for whoever asks pystray.
        return draw(state, 64, "grey")

    def _draw_menu(self) -> None:
        self._update_menu()

    def _show(self) -> None:
        """The icon comes with its registration."""

    def _hide(self) -> None:
        """The icon goes with its connection to the bus."""

    def _update_icon(self) -> None:
        self._icon_valid = True

    def _update_title(self) -> None:
        """The item tells its tooltip by itself."""

    def _update_menu(self) -> None:
        self._menu_on_bus.show(self._entries)

    def _notify(self, message: str, title: str | None = None) -> None:
        if self._bus:
            self._in_background(notify(self._bus, title or self.title, message))

    def _remove_notification(self) -> None:
        """The daemon takes it away by itself."""
