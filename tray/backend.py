"""What a tray is to the rest of the program, whichever toolkit shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from .entries import Appearance, Entry

# What a setting can force; "auto" looks at what the desktop has.
TrayKind = Literal["auto", "status-notifier", "xembed", "none"]


class Ended(Enum):
    """Why a tray is not shown any more."""

    STOPPED = "stopped"
    # The session's bus or display is gone, as when somebody logs out.
    LOST = "lost"
    # There was nothing to show it in.
    NO_TRAY = "no tray"


@dataclass(frozen=True, slots=True)
class Calls:
    """What a backend calls, each on the thread of its loop, so none of it may take long."""

    # It shows what it is told from now on; `Backend.post` works.
    on_ready: Callable[[], None]
    # A verb was clicked.
    on_verb: Callable[[str], None]
    # The menu is about to be seen: last chance to bring it up to date.
    on_opening: Callable[[], None]
    # Nothing has offered a place for the icon so far. It is taken as soon as there is one.
    on_no_tray: Callable[[], None]


class Backend(Protocol):
    """One toolkit. `run` belongs to the main thread, `post` and `stop` to any, the others to posted work."""

    def serve(self) -> Ended: ...

    def post(self, work: Callable[[], None]) -> None: ...

    def stop(self) -> None: ...

    def draw(self, appearance: Appearance, entries: Sequence[Entry]) -> None: ...

    def tell(self, title: str, text: str) -> None: ...
