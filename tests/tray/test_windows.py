"""The notification area's icon over a stand-in for Windows."""

from __future__ import annotations

import ctypes
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.tray.standins import modules_over, win32
from tray.backend import Ended
from tray.entries import SEPARATOR, Appearance, Entry
from tray.icon import TrayIcon

if sys.platform == "win32":
    pytest.skip("here the real one would answer", allow_module_level=True)

RUNNING = Appearance("running", "CLIProxyAPI: Running", "CLIProxyAPI: running · 5 h 42%")
OPEN = Entry("Open Dashboard", "open", default=True)
STOP = Entry("Stop & Go", "stop")
ROUTE = Entry(
    "Route",
    submenu=(
        Entry("Automatic", "route auto", checked=True, radio=True),
        Entry("Demo", "route demo", checked=False, radio=True),
    ),
)
MENU = [Entry("Running on 127.0.0.1:3456"), SEPARATOR, OPEN, STOP, ROUTE]


class Desk:
    """A tray icon in a notification area, run on a thread."""

    def __init__(self, module: Any, windows: win32.Windows) -> None:
        self.windows = windows
        self.verbs: list[str] = []
        self.icon = TrayIcon("cliproxyapi", self.verbs.append, backends=module.backends)
        self.ended: Ended | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.ended = self.icon.run()

    def __enter__(self) -> Desk:
        self.show(RUNNING, MENU)
        self._thread.start()
        until = time.monotonic() + 30
        while self.windows.area is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self.icon.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def show(self, appearance: Appearance, entries: list[Entry]) -> None:
        self.icon.show(appearance, entries)

    def redraw(self, entries: list[Entry]) -> None:
        """Also where that is too early."""
        self.show(RUNNING, entries)
        self.icon._post(self.icon._redraw)

    @property
    def area(self) -> win32.TrayIcon:
        self.windows.settle()
        assert self.windows.area
        return self.windows.area

    def menu(self) -> list[str]:
        """What a right click opens."""
        seen: list[str] = []

        def look(labels: list[str]) -> None:
            seen.extend(labels)

        self.windows.person = look
        self.windows.right_click()
        return seen

    def click(self, label: str, while_open: Callable[[], None] = lambda: None) -> None:
        def choose(_labels: list[str]) -> str:
            while_open()
            return label

        self.windows.person = choose
        self.windows.right_click()

    def lines(self) -> dict[str, win32.Line]:
        return {line.text: line for menu in self.windows.menus.values() for line in menu}


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> win32.Windows:
    windows = win32.Windows()
    for name, value in windows.patches().items():
        monkeypatch.setattr(ctypes, name, value, raising=False)
    return windows


@pytest.fixture
def module(windows: win32.Windows) -> Iterator[Any]:
    with modules_over({}, "pystray._util.win32", "pystray._win32", "tray.windows") as (*_, module):
        yield module


@pytest.fixture
def desk(module: Any, windows: win32.Windows) -> Iterator[Desk]:
    with Desk(module, windows) as desk:
        yield desk


def test_the_menu_has_the_entries_in_order(desk: Desk) -> None:
    assert desk.menu() == [
        *("Running on 127.0.0.1:3456", "---", "Open Dashboard", "Stop && Go", "Route", "Automatic", "Demo")
    ]
    lines = desk.lines()
    assert lines["Running on 127.0.0.1:3456"].state & win32.MFS_DISABLED
    assert lines["Open Dashboard"].state & win32.MFS_DEFAULT
    assert lines["Automatic"].state & win32.MFS_CHECKED
    assert lines["Automatic"].kind & win32.MFT_RADIOCHECK
    assert not lines["Demo"].state & win32.MFS_CHECKED


def test_a_click_runs_the_verb(desk: Desk) -> None:
    for label in ("Stop && Go", "Demo", "Running on 127.0.0.1:3456", "Open Dashboard"):
        desk.click(label)
    assert desk.verbs == ["stop", "route demo", "open"]


def test_a_left_click_runs_the_default_entry(desk: Desk) -> None:
    desk.windows.left_click()
    assert desk.verbs == ["open"]


def test_a_change_while_the_menu_is_open_does_not_cost_the_click(desk: Desk) -> None:
    desk.click("Stop && Go", while_open=lambda: desk.redraw([Entry("Limit Reached"), *MENU[1:]]))
    assert desk.verbs == ["stop"]
    assert desk.menu()[0] == "Limit Reached"


def test_what_is_gone_when_it_is_clicked_runs_nothing(desk: Desk) -> None:
    desk.click("Stop && Go", while_open=lambda: desk.redraw([OPEN]))
    assert desk.verbs == []


def test_the_menu_is_fresh_when_it_opens(desk: Desk) -> None:
    desk.menu()
    for number in range(5):
        desk.show(RUNNING, [Entry(f"Running on 127.0.0.1:{number}"), OPEN])
    # Four of these were too early to be drawn by themselves.
    assert desk.menu() == ["Running on 127.0.0.1:4", "Open Dashboard"]
    assert len(desk.windows.menus) == 1, "the old menus are given back"


def test_the_icon_has_the_size_of_the_taskbar(desk: Desk) -> None:
    icon = desk.area.icon
    assert icon
    assert icon.size == (20, 20)
    assert desk.windows.icons_loaded == 1


def test_another_state_is_another_icon(desk: Desk) -> None:
    before = desk.area.icon
    desk.show(Appearance("limit", "CLIProxyAPI: Limit Reached", "CLIProxyAPI: limit"), MENU)
    desk.menu()
    after = desk.area.icon
    assert before
    assert after
    assert after.tobytes() != before.tobytes()
    assert desk.area.tip == "CLIProxyAPI: limit"
    assert desk.windows.icons_loaded == 1


def test_texts_have_the_lengths_that_windows_takes(desk: Desk) -> None:
    desk.show(Appearance("running", "", "t" * 200), MENU)
    desk.icon.notify("T" * 100, "x" * 300)
    desk.menu()
    assert desk.area.tip == "t" * 126 + "…"
    assert desk.area.shown == [("T" * 62 + "…", "x" * 254 + "…")]


def test_a_letter_is_not_cut_in_two(module: Any) -> None:
    # One that takes two units.
    assert module.clipped("\N{PARTY POPPER}" * 3, 6) == "\N{PARTY POPPER}" * 3
    assert module.clipped("\N{PARTY POPPER}" * 4, 6) == "\N{PARTY POPPER}" * 2 + "…"


def test_messages_that_nobody_knows_are_answered_as_windows_does(desk: Desk) -> None:
    assert desk.windows.send(0x0084) == win32.DEFAULT_ANSWER


def test_a_log_off_is_not_vetoed(desk: Desk) -> None:
    assert desk.windows.send(0x0011) == 1


def test_the_end_of_the_session_waits_until_the_program_has_cleaned_up(desk: Desk) -> None:
    steps: queue.SimpleQueue[str] = queue.SimpleQueue()

    def leave() -> None:
        steps.put("cleaned up")
        desk.icon.stop()

    before = signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=leave).start())
    try:
        desk.windows.send(0x0016, 0)  # it does not end after all
        assert steps.empty()
        desk.windows.send(0x0016, 1)
        assert steps.get(timeout=0) == "cleaned up"
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("light_taskbar", "ink"), [(1, "dark"), (0, "light"), (None, "light")])
def test_the_icon_stands_out_from_the_taskbar(
    module: Any, monkeypatch: pytest.MonkeyPatch, light_taskbar: int | None, ink: str
) -> None:
    monkeypatch.setattr(module, "sys", type("sys", (), {"platform": "win32"}))
    monkeypatch.setitem(sys.modules, "winreg", win32.registry(light_taskbar))
    assert module._ink_of_taskbar() == ink


def test_another_theme_is_another_icon(desk: Desk, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = desk.area.icon
    monkeypatch.setattr(module, "_ink_of_taskbar", lambda: "dark")
    desk.windows.send(0x001A)
    after = desk.area.icon
    assert before
    assert after
    assert before.getpixel((3, 10)) == (255, 255, 255, 255)
    assert after.getpixel((3, 10)) == (31, 31, 31, 255)


def test_stopping_takes_the_icon_away(module: Any, windows: win32.Windows) -> None:
    with Desk(module, windows) as desk:
        desk.menu()
    assert desk.ended is Ended.STOPPED
    assert windows.area is None
    assert windows.menus == {}
    assert windows.icons_loaded == 0
    desk.show(RUNNING, [OPEN])
