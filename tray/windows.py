"""The notification area of Windows: pystray's backend, repaired.

A menu is never changed while it is shown, texts have the lengths that Windows takes, messages that nobody knows are
answered as Windows would, and a log-off is waited for instead of vetoed.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image
from pystray import _win32
from pystray._util import win32

from .backend import Backend, Calls, TrayKind
from .entries import Appearance, IconState
from .icon_drawing import Ink, draw
from .pystray_icon import DrivenIcon

WM_QUERYENDSESSION = 0x0011
WM_ENDSESSION = 0x0016
WM_SETTINGCHANGE = 0x001A
_WM_POSTED = win32.WM_USER + 12

_SM_CXSMICON = 49

# UTF-16 units, without the zero that ends each.
TOOLTIP_UNITS, TITLE_UNITS, TEXT_UNITS = 127, 63, 255

# Windows ends a process when its window has answered, or after five seconds.
_SECONDS_TO_LEAVE = 4.0

_Handler = Callable[[int, int], int | None]


def backends(name: str, calls: Calls, kind: TrayKind) -> Iterator[Backend]:
    """What can show the icon on Windows."""
    yield NotificationAreaIcon(name, calls)


class NotificationAreaIcon(DrivenIcon, _win32.Icon):
    """The icon in the notification area."""

    def __init__(self, name: str, calls: Calls) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._menu_handle = None
        self._menu_is_stale = True
        self._leaving = threading.Event()
        super().__init__(name, calls)
        self._ink: Ink = _ink_of_taskbar()
        self._message_handlers = _Handlers(self._answer_like_windows, self._message_handlers)
        self._message_handlers[_WM_POSTED] = self._on_posted
        self._message_handlers[WM_QUERYENDSESSION] = lambda _word, _long: 1
        self._message_handlers[WM_ENDSESSION] = self._on_end_of_session
        self._message_handlers[WM_SETTINGCHANGE] = self._on_setting_change

    # -- any thread

    def post(self, work: Callable[[], None]) -> None:
        self._work.put(work)
        # The window may just have been destroyed: then there is nothing left to draw on.
        with contextlib.suppress(OSError):
            win32.PostMessage(self._hwnd, _WM_POSTED, 0, 0)

    def _stop(self) -> None:
        self._leaving.set()
        super()._stop()

    # -- the thread of the loop

    def _run(self) -> None:
        try:
            super()._run()
        finally:
            self._running = False
            self._release_icon()

    def _mark_ready(self) -> None:
        self._thread = threading.current_thread()
        super()._mark_ready()

    def _on_posted(self, _word: int, _long: int) -> None:
        while True:
            try:
                work = self._work.get_nowait()
            except queue.Empty:
                return
            work()

    def _on_end_of_session(self, ends: int, _long: int) -> None:
        """The process is ended after the answer, so the answer waits until the program has cleaned up."""
        if not ends:
            return
        leave = signal.getsignal(signal.SIGTERM)
        if callable(leave):
            leave(signal.SIGTERM, None)
            self._leaving.wait(_SECONDS_TO_LEAVE)

    def _on_setting_change(self, _word: int, _long: int) -> None:
        if (ink := _ink_of_taskbar()) != self._ink and self._appearance:
            self._ink = ink
            self.icon = self._picture(self._appearance.icon)

    def _answer_like_windows(self, message: int, word: int, long: int) -> int:
        return win32.DefWindowProc(self._hwnd, message, word, long)

    # -- the menu

    def _update_menu(self) -> None:
        # A menu that is rebuilt while it is shown loses the click that is coming.
        self._menu_is_stale = True

    def _on_notify(self, word: int, long: int) -> None:
        if long == win32.WM_RBUTTONUP:
            self._calls.on_opening()
            if self._menu_is_stale:
                super()._update_menu()
                self._menu_is_stale = False
        super()._on_notify(word, long)

    def _label(self, text: str) -> str:
        # One alone would underline what follows it.
        return text.replace("&", "&&")

    # -- the icon

    def _picture(self, state: IconState) -> Image.Image:
        return draw(state, _small_icon_size(), self._ink)

    def _assert_icon_handle(self) -> None:
        """pystray would load the size of a desktop's icon, which the taskbar makes smaller, and blurred."""
        if self._icon_handle:
            return
        size = self.icon.width
        with tempfile.TemporaryDirectory() as directory:
            path = str(Path(directory) / "icon.ico")
            # Of sizes that are not named, Pillow leaves out all but a few.
            self.icon.save(path, "ICO", sizes=[(size, size)])
            self._icon_handle = win32.LoadImage(None, path, win32.IMAGE_ICON, size, size, win32.LR_LOADFROMFILE)

    def _tooltip(self, appearance: Appearance) -> str:
        return clipped(appearance.tooltip, TOOLTIP_UNITS)

    def tell(self, title: str, text: str) -> None:
        self.notify(clipped(text, TEXT_UNITS), clipped(title, TITLE_UNITS))


class _Handlers(dict[int, _Handler]):
    """pystray answers 0 to every message that it does not know, which vetoes a log-off among other things."""

    def __init__(self, answer: Callable[[int, int, int], int], handlers: dict[int, _Handler]) -> None:
        super().__init__(handlers)
        self._answer = answer

    def get(self, message: int, _default: object = None) -> _Handler:
        return self[message] if message in self else partial(self._answer, message)


def clipped(text: str, units: int) -> str:
    """As much of it as fits into so many UTF-16 units."""
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * units:
        return text
    return encoded[: 2 * (units - 1)].decode("utf-16-le", errors="ignore") + "…"


def _small_icon_size() -> int:
    return int(win32.windll.user32.GetSystemMetrics(_SM_CXSMICON)) or 16


def _ink_of_taskbar() -> Ink:
    """Light on a dark taskbar, which is what Windows begins with."""
    if sys.platform == "win32":
        import winreg

        path = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
        with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_CURRENT_USER, path) as key:
            return "dark" if winreg.QueryValueEx(key, "SystemUsesLightTheme")[0] else "light"
    return "light"
