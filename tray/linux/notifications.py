"""org.freedesktop.Notifications: a few words in a corner of the screen, where a daemon shows them."""

from __future__ import annotations

import asyncio
import html
import logging
import threading

from dbus_fast import Variant
from dbus_fast.aio import MessageBus

from ..icon_drawing import draw_program
from .session_bus import BUS_ERRORS, call, connect

log = logging.getLogger("cliproxyapi")

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"

_PROGRAM = "CLIProxyAPI"
_PICTURE_SIZE = 64
_AS_THE_DAEMON_LIKES = -1


async def notify(bus: MessageBus, title: str, text: str) -> None:
    """Show it, or log it where nothing shows notifications."""
    try:
        # Desktops start their daemon when the first notification comes.
        capabilities = (await call(bus, NAME, PATH, "GetCapabilities", may_start=True))[0]
        marked_up = isinstance(capabilities, list) and "body-markup" in capabilities
        body = html.escape(text, quote=False) if marked_up else text
        hints = {"image-data": Variant("(iiibiiay)", _picture())}
        buttons: list[str] = []
        arguments = (_PROGRAM, 0, "", title, body, buttons, hints, _AS_THE_DAEMON_LIKES)
        await call(bus, NAME, PATH, "Notify", "susssasa{sv}i", *arguments, may_start=True)
    except BUS_ERRORS as error:
        log.info("notification that this desktop does not show (%s): %s. %s", error, title, text)


def notify_on_own_connection(title: str, text: str) -> threading.Thread:
    """For a tray without a bus of its own: on a thread, since it may take as long as a daemon takes to start."""

    async def connect_and_notify() -> None:
        try:
            bus = await connect()
        except BUS_ERRORS as error:
            log.info("notification that nothing shows (%s): %s. %s", error, title, text)
            return
        try:
            await notify(bus, title, text)
        finally:
            bus.disconnect()

    thread = threading.Thread(target=asyncio.run, args=(connect_and_notify(),), name="notification", daemon=True)
    thread.start()
    return thread


def _picture() -> list[object]:
    """Width, height, bytes in a row, whether it has an alpha channel, bits in a sample, samples in a pixel, pixels."""
    image = draw_program(_PICTURE_SIZE)
    return [image.width, image.height, 4 * image.width, True, 8, 4, image.tobytes()]
