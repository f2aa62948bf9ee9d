"""What a server without a screen lets the dashboard do: start anew, and end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from core.dashboard.controls import Autostart


@dataclass(slots=True)
class HeadlessControls:
    """Wishes for the main thread, which waits for them. Any thread may wish."""

    wanted: threading.Event = field(default_factory=threading.Event)
    again: bool = False
    icon_place: str | None = None
    autostart: Autostart | None = None
    # Nobody could start it again: there is no icon.
    can_stop: bool = False
    can_open_logs: bool = False

    def restart(self) -> None:
        self.again = True
        self.wanted.set()

    def stop(self) -> None:
        self.quit()

    def open_logs(self) -> None:
        """There is no file manager to show it."""

    def quit(self) -> None:
        self.again = False
        self.wanted.set()
