"""The desktop's app: the icon on the main thread, the server on its own, and what a first start shows."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path

from installers.autostart import Autostart

from .backend import Ended
from .face import Face
from .headless import Announce, wait
from .icon import TrayIcon
from .program import Program, end_in_time
from .single_instance import OnlyTray
from .verbs import Verbs

log = logging.getLogger("cliproxyapi.tray")

_ICON_PLACES = {
    "darwin": "Its icon is in the menu bar, at the top right of the screen.",
    "win32": "Its icon is at the right end of the taskbar, perhaps behind the arrow there.",
}
_IN_A_PANEL = "Its icon is in the panel, among those of other programs."


class DesktopApp:
    """One run of it. `interactive`: a person started it, and may be shown something."""

    def __init__(self, program: Program, autostart: Autostart, announce: Announce, *, interactive: bool) -> None:
        self._program = program
        self._announce = announce
        self._interactive = interactive
        self._icon = TrayIcon(
            "cliproxyapi",
            self._clicked,
            on_opening=self._opened,
            on_no_tray=self._no_tray,
            kind=program.settings.current.tray,
        )
        self._face = Face(program, self._icon, autostart)
        self._verbs = Verbs(program, self._face, autostart, self._icon.notify)
        program.icon_place = _ICON_PLACES.get(sys.platform, _IN_A_PANEL)
        program.can_stop = program.can_open_logs = True
        program.on_leaving = self._leave
        program.on_serving = lambda: announce(
            f"CLIProxyAPI serves on {program.base_url}, and has an icon. Stop it with Quit or Ctrl-C."
        )

    def run(self, only: OnlyTray) -> int:
        """Until somebody quits. The exit code."""
        only.on_activation = lambda: self._program.worker.submit(lambda: self._verbs.open_page("overview"))
        only.on_quit = self._program.quit
        self._face.show()
        self._program.worker.submit(self._start)
        if self._program.leaving:
            # The signal came before there was an icon to end.
            self._leave()
        ended = self._icon.run()
        if ended is not Ended.STOPPED and not self._program.leaving:
            return self._go_on_without(ended)
        self._program.close()
        return 0

    def _start(self) -> None:
        program = self._program
        if not program.start():
            failure = program.board.status.failure
            self._announce(f"Not serving: {failure.message if failure else 'the server did not start.'}")
            return
        if self._interactive and _is_first_start(program.paths.welcomed_file):
            self._icon.notify("CLIProxyAPI is running", "Click its icon to copy the address")
            self._verbs.open_page("welcome")

    def _clicked(self, verb: str) -> None:
        self._verbs.click(verb)

    def _opened(self) -> None:
        self._face.opened()

    def _no_tray(self) -> None:
        """The icon comes when a place for it comes; until then a person has to know where to look."""
        self._program.worker.submit(self._tell_no_tray)

    def _tell_no_tray(self) -> None:
        where = f"The dashboard is at {self._program.root}/"
        log.warning("no tray on this desktop")
        self._program.icon_place = None
        self._icon.notify("No tray on this desktop", where)
        self._announce(f"This desktop has no place for an icon. {where}: `cliproxyapi open` opens it.")

    def _go_on_without(self, ended: Ended) -> int:
        """The desktop went away, or has no tray: what is served goes on."""
        log.warning("no icon any more: %s", ended.value)
        program = self._program
        program.icon_place, program.can_stop, program.can_open_logs = None, False, False
        program.on_leaving = end_in_time
        self._face.close()
        if ended is Ended.NO_TRAY:
            self._announce(f"No icon can be shown here. The dashboard is at {program.root}/: `cliproxyapi open`.")
        # The start may still be under way, and decides whether there is anything to wait for.
        return wait(program, self._announce)

    def _leave(self) -> None:
        """Quit: open answers end with an error, then the icon goes."""
        end_in_time()
        self._face.close()
        self._verbs.close()
        self._program.close()
        self._icon.stop()


def _is_first_start(mark: Path) -> bool:
    """True once in the life of this person's files; never where that cannot be remembered."""
    with contextlib.suppress(OSError):
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return True
    return False
