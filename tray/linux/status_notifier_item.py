"""org.kde.StatusNotifierItem: the icon as panels ask for it. Hosts differ in what they read, so all of it is there."""

# Annotations are D-Bus signatures here, so they are evaluated: no `from __future__ import annotations`.

from collections.abc import Callable
from typing import Annotated

from dbus_fast.annotations import DBusBool, DBusInt32, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from ..entries import Appearance
from . import dbus_menu
from .pixmaps import Pixmap, pixmaps

INTERFACE = "org.kde.StatusNotifierItem"
PATH = "/StatusNotifierItem"

_READ = PropertyAccess.READ
_Pixmaps = Annotated[list[Pixmap], DBusSignature("a(iiay)")]
_ToolTip = Annotated[tuple[str, list[Pixmap], str, str], DBusSignature("(sa(iiay)ss)")]


class StatusNotifierItem(ServiceInterface):
    """One icon. All of it happens on the thread of the loop."""

    def __init__(self, name: str, on_activate: Callable[[], None]) -> None:
        super().__init__(INTERFACE)
        self._name = name
        self._on_activate = on_activate
        self._appearance: Appearance | None = None
        self._pixmaps: list[Pixmap] = []

    def show(self, appearance: Appearance) -> None:
        """Look like this from now on."""
        before, self._appearance = self._appearance, appearance
        if before is None or before.icon != appearance.icon:
            self._pixmaps = pixmaps(appearance.icon)
            self.NewIcon()
        if before is None or before.title != appearance.title:
            self.NewTitle()
        if before is None or before.tooltip != appearance.tooltip:
            self.NewToolTip()

    # -- what panels ask

    @dbus_property(access=_READ)
    def Category(self) -> DBusStr:
        return "ApplicationStatus"

    @dbus_property(access=_READ)
    def Id(self) -> DBusStr:
        return self._name

    @dbus_property(access=_READ)
    def Title(self) -> DBusStr:
        return self._appearance.title if self._appearance else self._name

    @dbus_property(access=_READ)
    def Status(self) -> DBusStr:
        return "Active"

    @dbus_property(access=_READ)
    def WindowId(self) -> DBusInt32:
        return 0

    # No name of a file: the icon is drawn here, in the state that it has.
    @dbus_property(access=_READ)
    def IconName(self) -> DBusStr:
        return ""

    @dbus_property(access=_READ)
    def IconThemePath(self) -> DBusStr:
        return ""

    @dbus_property(access=_READ)
    def IconPixmap(self) -> _Pixmaps:
        return self._pixmaps

    @dbus_property(access=_READ)
    def ToolTip(self) -> _ToolTip:
        return "", [], self._appearance.tooltip if self._appearance else "", ""

    @dbus_property(access=_READ)
    def ItemIsMenu(self) -> DBusBool:
        return True

    @dbus_property(access=_READ)
    def Menu(self) -> DBusObjectPath:
        return dbus_menu.PATH

    # LXQt, MATE and Plasma call this for a left click, whatever `ItemIsMenu` says.
    @dbus_method()
    def Activate(self, x: DBusInt32, y: DBusInt32) -> None:
        self._on_activate()

    @dbus_method()
    def SecondaryActivate(self, x: DBusInt32, y: DBusInt32) -> None:
        """The middle button does nothing."""

    @dbus_method()
    def ContextMenu(self, x: DBusInt32, y: DBusInt32) -> None:
        """Panels draw the menu themselves."""

    @dbus_method()
    def Scroll(self, delta: DBusInt32, orientation: DBusStr) -> None:
        """The wheel does nothing."""

    # -- what we tell panels

    @dbus_signal()
    def NewIcon(self) -> None:
        """Read the pictures again."""

    @dbus_signal()
    def NewTitle(self) -> None:
        """Read the title again."""

    @dbus_signal()
    def NewToolTip(self) -> None:
        """Read the tooltip again."""
