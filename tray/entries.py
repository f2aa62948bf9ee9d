"""What the tray shows, as data: the menu's entries and the icon's appearance. The menu says it, the icon shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

# Each has a shape of its own (`icon_drawing.py`): not everybody tells colours apart, and panels come in all of them.
IconState = Literal[
    "failed", "stopped", "starting", "sign_in_needed", "not_accepted", "unreachable", "limit", "running"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu.

    `verb` names what a click does, and the entry: two entries of one menu never share a verb. An entry with neither a
    verb nor a submenu tells something, and is grey. `checked` is None where there is nothing to check; `radio` says
    that of such entries in a row one is checked. The `default` entry is what a click on the icon itself does where the
    panel opens no menu for it, so it has to be harmless.
    """

    label: str
    verb: str | None = None
    enabled: bool = True
    checked: bool | None = None
    radio: bool = False
    default: bool = False
    submenu: tuple[Entry, ...] = ()
    separator: bool = False

    def __post_init__(self) -> None:
        if any(entry.submenu for entry in self.submenu):
            # GNOME unfolds submenus in place, where a second level is lost.
            raise ValueError(f"{self.label!r} has a submenu within its submenu; a menu has one level of them.")

    @property
    def clickable(self) -> bool:
        """Whether a click on it does or opens something."""
        return self.enabled and bool(self.verb or self.submenu) and not self.separator


SEPARATOR: Final = Entry("", separator=True)


@dataclass(frozen=True, slots=True)
class Appearance:
    """The icon. `title` is its name in a few words, for lists and screen readers; `tooltip` is what hovering shows."""

    icon: IconState
    title: str
    tooltip: str


def default_entry(entries: Sequence[Entry]) -> Entry | None:
    """What a click on the icon itself does, where that opens no menu."""
    return next((entry for entry in entries if entry.default and entry.clickable), None)


def without_idle_separators(entries: Sequence[Entry]) -> list[Entry]:
    """Entries without the separators that would separate nothing: at an end, or next to another one."""
    kept: list[Entry] = []
    for entry in entries:
        if not (entry.separator and (not kept or kept[-1].separator)):
            kept.append(entry)
    if kept and kept[-1].separator:
        kept.pop()
    return kept
