"""com.canonical.dbusmenu: panels read the menu here, draw it themselves, and say what was clicked."""

# Annotations are D-Bus signatures here, so they are evaluated: no `from __future__ import annotations`.

from collections.abc import Callable, Collection, Iterable
from typing import Annotated

from dbus_fast import DBusError, ErrorType, Variant
from dbus_fast.annotations import DBusBool, DBusInt32, DBusSignature, DBusStr, DBusUInt32, DBusVariant
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from ..entries import Entry
from .menu_layout import Change, MenuLayout, Node, properties

INTERFACE = "com.canonical.dbusmenu"
PATH = "/MenuBar"

# Structs are lists here: dbus-fast takes either, and panels' replies come as lists.
Struct = list[object]
Variants = dict[str, Variant]
_Numbers = Annotated[list[int], DBusSignature("ai")]
_Names = Annotated[list[str], DBusSignature("as")]

_READ = PropertyAccess.READ
_SIGNATURES = {str: "s", bool: "b", int: "i"}


class DBusMenu(ServiceInterface):
    """The menu of one icon. All of it happens on the thread of the loop."""

    def __init__(self, on_verb: Callable[[str], None], on_opening: Callable[[], None]) -> None:
        super().__init__(INTERFACE)
        self._layout = MenuLayout()
        self._on_verb = on_verb
        self._on_opening = on_opening

    def show(self, entries: Iterable[Entry]) -> None:
        """Show these entries from now on, in a menu that is open as well."""
        self._tell(self._layout.replace(tuple(entries)))

    def _tell(self, change: Change) -> None:
        if change.changed:
            self.ItemsPropertiesUpdated([[node.id, _variants(node)] for node in change.changed], [])
        if change.structure:
            self.LayoutUpdated(self._layout.revision, 0)

    def _known(self, node_id: int) -> Node:
        if node := self._layout.node(node_id):
            return node
        raise DBusError(ErrorType.INVALID_ARGS, f"There is no menu entry {node_id}.")

    def _opened(self) -> bool:
        """Bring the menu up to date. Whether a panel has to read it again."""
        revision = self._layout.revision
        self._on_opening()
        return self._layout.revision != revision

    def _event(self, node_id: int, event: str) -> bool:
        """Whether there is such an entry."""
        node = self._layout.node(node_id)
        if node and event == "clicked" and node.entry.clickable and node.entry.verb:
            self._on_verb(node.entry.verb)
            self._correct_checks(node)
        return node is not None

    def _correct_checks(self, node: Node) -> None:
        # Some panels move the check mark by themselves. It is ours to say what is checked, once it is.
        checked = [node for node in self._layout.siblings(node.id) if node.entry.checked is not None]
        if node.entry.checked is not None:
            self._tell(Change(tuple(checked)))

    # -- what panels call

    @dbus_property(access=_READ)
    def Version(self) -> DBusUInt32:
        return 3

    @dbus_property(access=_READ)
    def TextDirection(self) -> DBusStr:
        return "ltr"

    @dbus_property(access=_READ)
    def Status(self) -> DBusStr:
        return "normal"

    @dbus_property(access=_READ)
    def IconThemePath(self) -> _Names:
        return []

    @dbus_method()
    def GetLayout(
        self, parent: DBusInt32, depth: DBusInt32, names: _Names
    ) -> Annotated[Struct, DBusSignature("u(ia{sv}av)")]:
        return [self._layout.revision, _tree(self._known(parent), depth, names)]

    @dbus_method()
    def GetGroupProperties(self, ids: _Numbers, names: _Names) -> Annotated[list[Struct], DBusSignature("a(ia{sv})")]:
        nodes = map(self._layout.node, ids) if ids else self._layout.root.walk()
        return [[node.id, _variants(node, names)] for node in nodes if node]

    @dbus_method()
    def GetProperty(self, node_id: DBusInt32, name: DBusStr) -> DBusVariant:
        found = _variants(self._known(node_id), (name,))
        if name not in found:
            raise DBusError(ErrorType.INVALID_ARGS, f"Menu entry {node_id} has no property {name}.")
        return found[name]

    @dbus_method()
    def AboutToShow(self, node_id: DBusInt32) -> DBusBool:
        self._known(node_id)
        return self._opened()

    @dbus_method()
    def AboutToShowGroup(self, ids: _Numbers) -> Annotated[list[list[int]], DBusSignature("aiai")]:
        changed = self._opened()
        return [ids if changed else [], [node_id for node_id in ids if not self._layout.node(node_id)]]

    @dbus_method()
    def Event(self, node_id: DBusInt32, event: DBusStr, data: DBusVariant, timestamp: DBusUInt32) -> None:
        self._event(node_id, event)

    @dbus_method()
    def EventGroup(self, events: Annotated[list[tuple[int, str, Variant, int]], DBusSignature("a(isvu)")]) -> _Numbers:
        # Xfce sends its clicks only here, and does not fall back to `Event`.
        return [node_id for node_id, event, _data, _time in events if not self._event(node_id, event)]

    # -- what we tell panels

    @dbus_signal()
    def ItemsPropertiesUpdated(
        self, changed: list[Struct], removed: list[Struct]
    ) -> Annotated[list[list[Struct]], DBusSignature("a(ia{sv})a(ias)")]:
        return [changed, removed]

    @dbus_signal()
    def LayoutUpdated(self, revision: int, parent: int) -> Annotated[list[int], DBusSignature("ui")]:
        return [revision, parent]


def _tree(node: Node, depth: int, names: Collection[str]) -> Struct:
    below = node.children if depth else ()
    children = [Variant("(ia{sv}av)", _tree(child, depth - 1, names)) for child in below]
    return [node.id, _variants(node, names), children]


def _variants(node: Node, names: Collection[str] = ()) -> Variants:
    found = properties(node, names)
    return {name: Variant(_SIGNATURES[type(value)], value) for name, value in found.items()}
