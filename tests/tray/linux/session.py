"""A session bus of a test's own, and on it what a panel is to a tray icon: a stand-in for the watcher, and a reader."""

# Annotations are D-Bus signatures here, so they are evaluated: no `from __future__ import annotations`.

import asyncio
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusInt32, DBusSignature, DBusStr
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from tests import needs
from tests.tray.tray_program import PATIENCE

WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
NOTIFICATIONS = "org.freedesktop.Notifications"

_Result = TypeVar("_Result")


@dataclass
class SessionBus:
    """A running dbus-daemon."""

    process: subprocess.Popen[bytes]
    address: str

    @property
    def environment(self) -> dict[str, str]:
        return {"DBUS_SESSION_BUS_ADDRESS": self.address}

    def die(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def session_bus(directory: Path) -> Iterator[SessionBus]:
    address = f"unix:path={directory}/bus"
    # Its standard configuration would start services that are installed here, a real notification daemon for instance.
    configuration = directory / "bus.conf"
    configuration.write_text(
        f"<busconfig><type>session</type><listen>{address}</listen>"
        "<policy context='default'><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/>"
        "<allow own='*'/></policy></busconfig>"
    )
    daemon = needs.program("dbus-daemon")
    process = subprocess.Popen([daemon, f"--config-file={configuration}", "--nofork"])
    try:
        wait_until((directory / "bus").exists)
        yield SessionBus(process, address)
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "what the test waits for does not happen"
        time.sleep(0.01)


@dataclass(frozen=True)
class Line:
    """One entry of a menu, as a panel sees it."""

    id: int
    properties: dict[str, Any]
    children: tuple["Line", ...] = ()

    @property
    def label(self) -> str:
        return "---" if self.properties.get("type") == "separator" else self.properties["label"]

    def find(self, label: str) -> "Line":
        return next(line for line in self.walk() if line.id and line.label == label)

    def walk(self) -> Iterator["Line"]:
        yield self
        for child in self.children:
            yield from child.walk()


class _Watcher(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(WATCHER)
        self.paths: list[str] = []

    @dbus_method()
    def RegisterStatusNotifierItem(self, path: DBusStr) -> None:
        self.paths.append(path)

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> DBusBool:
        return True


class _NotificationDaemon(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(NOTIFICATIONS)
        self.shown: list[tuple[str, str]] = []

    @dbus_method()
    def GetCapabilities(self) -> Annotated[list[str], DBusSignature("as")]:
        return ["body", "body-markup"]

    @dbus_method()
    def Notify(
        self,
        program: DBusStr,
        replaces: Annotated[int, DBusSignature("u")],
        icon: DBusStr,
        title: DBusStr,
        body: DBusStr,
        actions: Annotated[list[str], DBusSignature("as")],
        hints: Annotated[dict[str, Variant], DBusSignature("a{sv}")],
        timeout: DBusInt32,
    ) -> Annotated[int, DBusSignature("u")]:
        assert "image-data" in hints
        self.shown.append((title, body))
        return 1


@dataclass
class Panel:
    """Who owns the watcher's name, and talks to the icon that registers. Used from the test's thread."""

    address: str
    signals: list[tuple[str, list[Any]]] = field(default_factory=list)
    _item: str = ""

    def __enter__(self) -> "Panel":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._connect())
        return self

    def __exit__(self, *_: object) -> None:
        self._bus.disconnect()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> None:
        self._bus = await _connected(self.address)
        self._bus.add_message_handler(self._on_message)
        self._watcher, self._daemon = _Watcher(), _NotificationDaemon()
        self._bus.export("/StatusNotifierWatcher", self._watcher)
        self._bus.export("/org/freedesktop/Notifications", self._daemon)
        for interface in (ITEM, MENU):
            rule = f"type='signal',interface='{interface}'"
            await self._call(
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", rule
            )

    # -- the watcher

    def appear(self) -> None:
        """The panel starts."""
        self._do(self._bus.request_name(WATCHER))

    def vanish(self) -> None:
        """The panel ends, and forgets the icons it had."""
        self._do(self._bus.release_name(WATCHER))
        self._watcher.paths.clear()
        self._item = ""

    def wait_for_icon(self) -> None:
        wait_until(lambda: self._watcher.paths)

    @property
    def registered(self) -> list[str]:
        return self._watcher.paths

    def show_notifications(self) -> list[tuple[str, str]]:
        """From now on there is a daemon; the titles and texts that it shows."""
        self._do(self._bus.request_name(NOTIFICATIONS))
        return self._daemon.shown

    # -- the icon and its menu

    def property_of_icon(self, name: str) -> Any:
        path = self.registered[0]
        return self._do(self._get(path, ITEM, name))

    def all_properties_of_icon(self) -> dict[str, Any]:
        values = self._ask(self.registered[0], "org.freedesktop.DBus.Properties", "GetAll", "s", ITEM)[0]
        return {name: variant.value for name, variant in values.items()}

    def menu(self) -> Line:
        """All of the menu, as it is now."""
        return _line(self.ask_menu("GetLayout", "iias", 0, -1, [])[1])

    def click(self, line: Line) -> list[int]:
        """As Xfce does it. The ids that the menu does not know."""
        events = [[line.id, "clicked", Variant("i", 0), 0]]
        return self.ask_menu("EventGroup", "a(isvu)", events)[0]

    def ask_menu(self, member: str, signature: str, *body: Any) -> list[Any]:
        return self._ask(self.property_of_icon("Menu"), MENU, member, signature, *body)

    def ask_icon(self, member: str, signature: str, *body: Any) -> list[Any]:
        return self._ask(self.registered[0], ITEM, member, signature, *body)

    def wait_for_signal(self, name: str) -> list[Any]:
        """The body of the next such signal that has not been looked at."""
        wait_until(lambda: any(signal == name for signal, _ in self.signals))
        index = next(index for index, (signal, _) in enumerate(self.signals) if signal == name)
        return self.signals.pop(index)[1]

    # -- the bus

    def _on_message(self, message: Message) -> None:
        if message.member == "RegisterStatusNotifierItem":
            self._item = message.sender or ""
        elif message.message_type is MessageType.SIGNAL and message.interface in (ITEM, MENU):
            self.signals.append((message.member or "", message.body))

    def _do(self, work: Awaitable[_Result]) -> _Result:
        async def awaited() -> _Result:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(PATIENCE)

    def _ask(self, path: str, interface: str, member: str, signature: str, *body: Any) -> list[Any]:
        return self._do(self._call(self._item, path, interface, member, signature, *body))

    async def _get(self, path: str, interface: str, name: str) -> Any:
        properties = "org.freedesktop.DBus.Properties"
        return (await self._call(self._item, path, properties, "Get", "ss", interface, name))[0].value

    async def _call(
        self, destination: str, path: str, interface: str, member: str, signature: str, *body: Any
    ) -> list[Any]:
        reply = await self._bus.call(
            Message(
                destination=destination,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=list(body),
            )
        )
        assert reply.message_type is not MessageType.ERROR, (reply.error_name, reply.body)
        return reply.body


def _line(node: Any) -> Line:
    id_, properties, children = node
    values = {name: variant.value for name, variant in properties.items()}
    return Line(id_, values, tuple(_line(child.value) for child in children))


async def _connected(address: str) -> MessageBus:
    """A connection to a bus that has just been started, and may not listen yet."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return await MessageBus(address).connect()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
