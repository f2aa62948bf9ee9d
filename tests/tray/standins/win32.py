"""Windows as far as an icon in the notification area touches it: three libraries, one desktop, one person.

pystray's own declarations of structures and functions are used as they are; only what they call is played here.
"""

from __future__ import annotations

import ctypes
import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from PIL import Image

WM_CLOSE_LOOP = 0x0012
WM_LBUTTONUP, WM_RBUTTONUP = 0x0202, 0x0205
WM_TRAY = 0x0400 + 11
MFS_DISABLED, MFS_CHECKED, MFS_DEFAULT = 0x3, 0x8, 0x1000
MFT_SEPARATOR, MFT_RADIOCHECK = 0x800, 0x200
NIM_ADD, NIM_MODIFY, NIM_DELETE = 0, 1, 2
NIF_ICON, NIF_TIP, NIF_INFO = 0x2, 0x4, 0x10

# What Windows answers to a message that a program leaves to it.
DEFAULT_ANSWER = 1


@dataclass
class Line:
    id: int
    text: str
    state: int
    kind: int
    submenu: int | None


@dataclass
class TrayIcon:
    """What the notification area knows of an icon."""

    tip: str = ""
    icon: Image.Image | None = None
    shown: list[tuple[str, str]] = field(default_factory=list)


class Windows:
    """One desktop. `person` sees a menu that has opened, and says which entry to click, or none."""

    def __init__(self) -> None:
        self.small_icon = 20
        self.area: TrayIcon | None = None
        self.menus: dict[int, list[Line]] = {}
        self.person: Callable[[list[str]], str | None] = lambda _labels: None
        self.answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[tuple[int, int, int, int]] = queue.SimpleQueue()
        self._classes: dict[int, Any] = {}
        self._windows: dict[int, Any] = {}
        self._icons: dict[int, Image.Image] = {}
        self._numbers = iter(range(100, 100_000))
        self._opened = 0

    # -- a person and the system

    def send(self, message: int, word: int = 0, long: int = 0) -> int:
        """A message to the icon's window, from another thread. The answer."""
        self._messages.put((min(self._windows), message, word, long))
        while True:
            answered = self.answers.get(timeout=30)
            if answered != -1:
                return answered

    def right_click(self) -> None:
        self.send(WM_TRAY, 0, WM_RBUTTONUP)

    def left_click(self) -> None:
        self.send(WM_TRAY, 0, WM_LBUTTONUP)

    def settle(self) -> None:
        """Until what has been posted so far is done."""
        self.send(0)

    # -- the three libraries

    def library(self, _name: str, *_: object) -> Any:
        return _Library(self)

    def RegisterClassExW(self, declared: Any) -> int:
        atom = next(self._numbers)
        self._classes[atom] = declared.lpfnWndProc
        return atom

    def CreateWindowExW(self, _style: int, atom: int, *_: object) -> int:
        window = next(self._numbers)
        self._windows[window] = self._classes[atom]
        return window

    def DestroyWindow(self, window: int) -> int:
        del self._windows[window]
        return 1

    def PostMessageW(self, window: int, message: int, word: int, long: int) -> int:
        if window not in self._windows:
            raise OSError(1400, "Invalid window handle")
        self._messages.put((window, message, word, long))
        return 1

    def PostQuitMessage(self, code: int) -> None:
        self._messages.put((0, WM_CLOSE_LOOP, code, 0))

    def GetMessageW(self, place: Any, *_: object) -> int:
        window, message, word, long = self._messages.get()
        place.hWnd, place.message = window, message
        place.wParam, place.lParam = word, long
        return int(message != WM_CLOSE_LOOP)

    def DispatchMessageW(self, place: Any) -> int:
        taken = place
        answer = self._windows[taken.hWnd](taken.hWnd, taken.message, taken.wParam or 0, taken.lParam or 0)
        # pystray's own messages are posted by the program itself, and nobody waits for an answer.
        own = taken.message >= 0x0400 and taken.message != WM_TRAY
        self.answers.put(-1 if own else answer)
        return 0

    def DefWindowProcW(self, _window: int, _message: int, _word: int, _long: int) -> int:
        return DEFAULT_ANSWER

    def GetSystemMetrics(self, index: int) -> int:
        assert index == 49
        return self.small_icon

    def RegisterWindowMessageW(self, _name: str) -> int:
        return 0xC000

    def CreatePopupMenu(self) -> int:
        menu = next(self._numbers)
        self.menus[menu] = []
        return menu

    def InsertMenuItemW(self, menu: int, index: int, _by_position: bool, declared: Any) -> int:
        item = declared
        line = Line(item.wID, item.dwTypeData or "---", item.fState, item.fType, item.hSubMenu)
        self.menus[menu].insert(index, line)
        return 1

    def DestroyMenu(self, menu: int) -> int:
        if menu not in self.menus:
            raise OSError(1401, "Invalid menu handle")
        for line in self.menus.pop(menu):
            if line.submenu:
                self.DestroyMenu(line.submenu)
        return 1

    def TrackPopupMenuEx(self, menu: int, *_: object) -> int:
        """While a menu is open its thread goes on with its messages, as here with those that wait."""
        lines = list(self._walk(menu))
        wanted = self.person([line.text for line in lines])
        while not self._messages.empty():
            window, message, word, long = self._messages.get()
            self._windows[window](window, message, word, long)
        if menu not in self.menus:
            return 0
        return next((line.id for line in lines if line.text == wanted and not line.state & MFS_DISABLED), 0)

    def _walk(self, menu: int) -> list[Line]:
        lines: list[Line] = []
        for line in self.menus[menu]:
            lines += [line, *(self._walk(line.submenu) if line.submenu else ())]
        return lines

    def LoadImageW(self, _instance: None, path: str, _kind: int, width: int, height: int, _flags: int) -> int:
        handle = next(self._numbers)
        with Image.open(path) as icon:
            assert (width, height) in icon.info["sizes"]
            icon.size = (width, height)
            icon.load()
            self._icons[handle] = icon.convert("RGBA")
        return handle

    def DestroyIcon(self, handle: int) -> int:
        del self._icons[handle]
        return 1

    @property
    def icons_loaded(self) -> int:
        return len(self._icons)

    def Shell_NotifyIconW(self, what: int, data: Any) -> int:
        if what == NIM_DELETE:
            self.area = None
            return 1
        if what == NIM_ADD:
            self.area = TrayIcon()
        if self.area is None:
            return 0
        if data.uFlags & NIF_TIP:
            self.area.tip = data.szTip
        if data.uFlags & NIF_ICON:
            self.area.icon = self._icons[data.hIcon]
        if data.uFlags & NIF_INFO:
            self.area.shown.append((data.szInfoTitle, data.szInfo))
        return 1

    def patches(self) -> dict[str, Any]:
        """What `ctypes` has on Windows."""
        return {
            "WinDLL": self.library,
            "WINFUNCTYPE": ctypes.CFUNCTYPE,
            "HRESULT": ctypes.c_long,
            "WinError": lambda: OSError("a call failed"),
        }


class _Library:
    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def __getattr__(self, name: str) -> Any:
        function = _Function(getattr(self._windows, name, lambda *_: 1))
        setattr(self, name, function)
        return function


class _Function:
    """One that can be given argument types, as `ctypes` has it."""

    argtypes: Any = None
    restype: Any = None
    errcheck: Any = None

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        # A structure, or a reference to one.
        return self._function(*(getattr(argument, "_obj", argument) for argument in arguments))


def registry(light_taskbar: int | None) -> ModuleType:
    """`winreg`, with the one value that is read."""
    module: Any = ModuleType("winreg")

    class Key:
        def __enter__(self) -> Key:
            return self

        def __exit__(self, *_: object) -> None: ...

    def open_key(_root: object, path: str) -> Key:
        assert path == r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
        if light_taskbar is None:
            raise FileNotFoundError(path)
        return Key()

    module.HKEY_CURRENT_USER = object()
    module.OpenKey = open_key
    module.QueryValueEx = lambda _key, name: (light_taskbar, 4) if name == "SystemUsesLightTheme" else None
    return module
