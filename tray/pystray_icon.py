"""What all backends share: pystray's icon, told what to show, and changed on the thread of its loop alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from PIL import Image

from .backend import Calls, Ended
from .entries import Appearance, Entry, IconState, default_entry, without_idle_separators

# Without this, importing pystray opens the X display, or loads GTK. The variable is not left to the programs we start.
_chosen = os.environ.get("PYSTRAY_BACKEND")
os.environ["PYSTRAY_BACKEND"] = "dummy"
try:
    import pystray
finally:
    del os.environ["PYSTRAY_BACKEND"]
    if _chosen is not None:
        os.environ["PYSTRAY_BACKEND"] = _chosen


class DrivenIcon(pystray.Icon):
    """A backend, as far as pystray's own ones are alike. Comes before one of them in the list of bases."""

    def __init__(self, name: str, calls: Calls) -> None:
        super().__init__(name)
        self._calls = calls
        self._ended = Ended.STOPPED
        self._appearance: Appearance | None = None
        self._entries: tuple[Entry, ...] = ()

    def serve(self) -> Ended:
        self.run()
        return self._ended

    def post(self, work: Callable[[], None]) -> None:
        raise NotImplementedError

    def draw(self, appearance: Appearance, entries: Sequence[Entry]) -> None:
        before, self._appearance = self._appearance, appearance
        if tuple(entries) != self._entries:
            self._entries = tuple(entries)
            self._draw_menu()
        self.title = self._tooltip(appearance)
        if before is None or before.icon != appearance.icon:
            self.icon = self._picture(appearance.icon)
        self.visible = True

    def tell(self, title: str, text: str) -> None:
        self.notify(text, title)

    def activate(self) -> None:
        """What a click on the icon itself does."""
        if (entry := default_entry(self._entries)) and entry.verb:
            self._calls.on_verb(entry.verb)

    def click(self, verb: str) -> None:
        """What a click in the menu does. An open menu may show what is not there any more."""
        entries = [entry for top in self._entries for entry in (top, *top.submenu)]
        if any(entry.verb == verb and entry.clickable for entry in entries):
            self._calls.on_verb(verb)

    def _picture(self, state: IconState) -> Image.Image:
        raise NotImplementedError

    def _tooltip(self, appearance: Appearance) -> str:
        return appearance.tooltip

    def _label(self, text: str) -> str:
        return text

    def _draw_menu(self) -> None:
        self.menu = self._menu_of(self._entries)

    def __call__(self) -> None:
        # pystray calls the icon when it is clicked, and then looks for the default entry in its own menu.
        self.activate()

    def __del__(self) -> None:
        """pystray's would touch the toolkit on whichever thread this is. Here the end of the loop gives all back."""

    def _mark_ready(self) -> None:
        super()._mark_ready()
        self._calls.on_ready()

    def _start_setup(self, setup: object) -> None:
        # pystray's own thread for this is no daemon, and where the loop cannot start, it waits for ever.
        self._setup_thread = threading.Thread(target=lambda: None)
        self._setup_thread.start()

    def _menu_of(self, entries: Sequence[Entry]) -> pystray.Menu:
        return pystray.Menu(*map(self._menu_item, without_idle_separators(entries)))

    def _menu_item(self, entry: Entry) -> pystray.MenuItem:
        if entry.separator:
            return pystray.Menu.SEPARATOR
        checked, verb = entry.checked, entry.verb
        return pystray.MenuItem(
            self._label(entry.label),
            self._menu_of(entry.submenu) if entry.submenu else lambda: self.click(verb or ""),
            checked=None if checked is None else lambda _item: checked,
            radio=entry.radio,
            default=entry.default,
            enabled=entry.clickable,
        )
