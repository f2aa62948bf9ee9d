"""The menu as panels want it: numbered, and told as what changed. No D-Bus in here.

An id belongs to one entry and its kind, and is never used again. Panels keep an open menu on the screen while ours
changes, so a click may come for what stood there before: it must not hit something else. And Plasma, for one, does not
turn an entry that it knows into a separator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from ..entries import Entry, without_idle_separators

ROOT = 0

Kind = Literal["plain", "check", "radio", "submenu", "separator"]
# Names and values as com.canonical.dbusmenu has them.
Properties = dict[str, str | bool | int]
# What makes an entry the same entry in the next menu: its parent's id, its kind, its verb, and which one of such it is.
_Identity = tuple[int, Kind, str, int]


@dataclass(frozen=True, slots=True)
class Node:
    """An entry with its id."""

    id: int
    entry: Entry
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Change:
    """What to tell about a new menu: which nodes have other properties, and whether the order or number of entries is
    another one. Only that makes panels read the whole menu again."""

    changed: tuple[Node, ...] = ()
    structure: bool = False


class MenuLayout:
    """The menu that is shown now."""

    def __init__(self) -> None:
        self.revision = 1
        self.root = Node(ROOT, Entry(""))
        self._nodes: dict[int, Node] = {ROOT: self.root}
        self._ids: dict[_Identity, int] = {}
        self._new_ids = count(1)

    def replace(self, entries: Sequence[Entry]) -> Change:
        """Show `entries` from now on."""
        before, structure_before = self._nodes, _structure(self.root)
        known, self._ids = self._ids, {}
        self.root = Node(ROOT, Entry(""), self._numbered(without_idle_separators(entries), ROOT, known))
        self._nodes = {node.id: node for node in self.root.walk()}
        changed = tuple(
            node
            for node in self._nodes.values()
            if node.id in before and properties(node) != properties(before[node.id])
        )
        structure = _structure(self.root) != structure_before
        self.revision += structure
        return Change(changed, structure)

    def node(self, node_id: int) -> Node | None:
        return self._nodes.get(node_id)

    def siblings(self, node_id: int) -> tuple[Node, ...]:
        """The node and those beside it."""
        for node in self._nodes.values():
            if any(child.id == node_id for child in node.children):
                return node.children
        return ()

    def _numbered(self, entries: Sequence[Entry], parent: int, known: dict[_Identity, int]) -> tuple[Node, ...]:
        seen: Counter[tuple[Kind, str]] = Counter()
        nodes: list[Node] = []
        for entry in entries:
            what = (kind(entry), _name(entry))
            identity = (parent, *what, seen[what])
            seen[what] += 1
            node_id = known[identity] if identity in known else next(self._new_ids)
            self._ids[identity] = node_id
            children = self._numbered(without_idle_separators(entry.submenu), node_id, known)
            nodes.append(Node(node_id, entry, children))
        return tuple(nodes)


def kind(entry: Entry) -> Kind:
    """What panels cannot change about an entry that they know."""
    if entry.separator:
        return "separator"
    if entry.submenu:
        return "submenu"
    if entry.checked is None:
        return "plain"
    return "radio" if entry.radio else "check"


def properties(node: Node, names: Collection[str] = ()) -> Properties:
    """What a panel is told about one entry, all of it or what it asks for."""
    found = _all_properties(node)
    return {name: value for name, value in found.items() if name in names} if names else found


def _all_properties(node: Node) -> Properties:
    entry = node.entry
    if node.id == ROOT:
        return {"children-display": "submenu"}
    if entry.separator:
        return {"type": "separator"}
    found: Properties = {"label": entry.label.replace("_", "__"), "enabled": entry.clickable}
    if node.children:
        found["children-display"] = "submenu"
    if entry.checked is not None:
        found["toggle-type"] = "radio" if entry.radio else "checkmark"
        found["toggle-state"] = int(entry.checked)
    return found


def _name(entry: Entry) -> str:
    # A line that only tells something is the same line when it tells something else.
    return entry.verb or (entry.label if entry.submenu else "")


def _structure(node: Node) -> tuple[object, ...]:
    return (node.id, *(_structure(child) for child in node.children))
