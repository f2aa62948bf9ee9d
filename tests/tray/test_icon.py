"""The icon's side that every thread may use, over a toolkit that only writes down what it is told."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tray.backend import Backend, Calls, Ended, TrayKind
from tray.entries import Appearance, Entry
from tray.icon import TrayIcon

RUNNING = Appearance("running", "CLIProxyAPI: Running", "CLIProxyAPI: running")
STOPPED = Appearance("stopped", "CLIProxyAPI: Stopped", "CLIProxyAPI: stopped")
QUIT = [Entry("Quit", "quit")]


class Paper:
    """A toolkit: what is posted runs in its loop, and each picture is kept."""

    def __init__(self, calls: Calls, end: Ended = Ended.STOPPED) -> None:
        self.calls = calls
        self.end = end
        self.pictures: list[tuple[Appearance, tuple[Entry, ...]]] = []
        self.told: list[tuple[str, str]] = []
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def serve(self) -> Ended:
        self._thread = threading.current_thread()
        if self.end is not Ended.NO_TRAY:
            self.calls.on_ready()
            while work := self._work.get():
                work()
        return self.end

    def post(self, work: Callable[[], None]) -> None:
        self._work.put(work)

    def stop(self) -> None:
        self._work.put(None)

    def draw(self, appearance: Appearance, entries: Sequence[Entry]) -> None:
        assert threading.current_thread() is self._thread
        self.pictures.append((appearance, tuple(entries)))

    def tell(self, title: str, text: str) -> None:
        assert threading.current_thread() is self._thread
        self.told.append((title, text))


class Desk:
    """A tray icon on paper, run on a thread."""

    def __init__(self, *ends: Ended) -> None:
        self.papers: list[Paper] = []
        self._ends = ends or (Ended.STOPPED,)
        self.ready = threading.Event()
        self.icon = TrayIcon("cliproxyapi", lambda _verb: None, backends=self._backends)
        self.ended: Ended | None = None
        self._thread = threading.Thread(target=self._run)

    def _backends(self, _name: str, calls: Calls, _kind: TrayKind) -> Iterator[Backend]:
        for end in self._ends:
            self.papers.append(Paper(calls, end))
            yield self.papers[-1]

    def _run(self) -> None:
        self.ended = self.icon.run()

    def start(self) -> None:
        self._thread.start()

    def settle(self) -> None:
        """Until everything posted so far is done."""
        done = threading.Event()
        self.papers[-1].post(done.set)
        assert done.wait(30)

    def wait_for_picture(self, appearance: Appearance) -> None:
        until = time.monotonic() + 30
        while not (self.papers and self.papers[-1].pictures and self.papers[-1].pictures[-1][0] == appearance):
            assert time.monotonic() < until, "the picture does not come"
            time.sleep(0.005)

    def stop(self) -> Ended | None:
        self.icon.stop()
        self._thread.join(30)
        return self.ended


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.icon.show(STOPPED, QUIT)
    desk.start()
    desk.wait_for_picture(STOPPED)
    yield desk
    assert desk.stop() is Ended.STOPPED


def test_what_was_shown_before_the_toolkit_ran_is_drawn_when_it_runs(desk: Desk) -> None:
    assert desk.papers[0].pictures == [(STOPPED, tuple(QUIT))]


def test_what_is_shown_already_is_not_drawn_again(desk: Desk) -> None:
    for _ in range(20):
        desk.icon.show(STOPPED, list(QUIT))
    desk.settle()
    assert len(desk.papers[0].pictures) == 1


def test_it_is_drawn_at_most_twice_a_second_and_ends_with_the_last(desk: Desk) -> None:
    begun = time.monotonic()
    for number in range(200):
        desk.icon.show(RUNNING, [Entry(f"Running on 127.0.0.1:{number}"), *QUIT])
    desk.icon.show(Appearance("limit", "", "at last"), QUIT)
    desk.wait_for_picture(Appearance("limit", "", "at last"))
    pictures = desk.papers[0].pictures
    assert len(pictures) <= 2 + (time.monotonic() - begun) / 0.5
    assert len(pictures) < 200


def test_a_menu_that_opens_is_drawn_at_once(desk: Desk) -> None:
    desk.icon.show(RUNNING, QUIT)
    desk.papers[0].post(desk.papers[0].calls.on_opening)
    desk.wait_for_picture(RUNNING)


def test_a_notification_waits_for_the_toolkit() -> None:
    desk = Desk()
    desk.icon.notify("CLIProxyAPI is running", "Click its icon to copy the address")
    desk.start()
    while not (desk.papers and desk.papers[0].told):
        time.sleep(0.005)
    desk.icon.notify("Cannot reach Claude", "Requests are failing")
    desk.settle()
    assert [title for title, _ in desk.papers[0].told] == ["CLIProxyAPI is running", "Cannot reach Claude"]
    assert desk.stop() is Ended.STOPPED


def test_a_stop_before_it_runs_is_a_stop() -> None:
    desk = Desk()
    desk.icon.stop()
    desk.start()
    assert desk.stop() is Ended.STOPPED
    assert not desk.papers[0].pictures


def test_stopping_twice_is_stopping(desk: Desk) -> None:
    desk.icon.stop()
    desk.icon.stop()


def test_where_one_toolkit_has_no_tray_the_next_is_tried() -> None:
    desk = Desk(Ended.NO_TRAY, Ended.STOPPED)
    desk.icon.show(RUNNING, QUIT)
    desk.start()
    desk.wait_for_picture(RUNNING)
    assert len(desk.papers) == 2
    assert desk.stop() is Ended.STOPPED


def test_where_none_has_a_tray_it_says_so() -> None:
    desk = Desk(Ended.NO_TRAY, Ended.NO_TRAY)
    assert desk.icon.run() is Ended.NO_TRAY


def test_a_desktop_that_goes_away_is_told() -> None:
    desk = Desk(Ended.LOST)
    desk.start()
    while not desk.papers:
        time.sleep(0.005)
    desk.papers[0].stop()
    desk._thread.join(30)
    assert desk.ended is Ended.LOST
    desk.icon.show(RUNNING, QUIT)
    desk.icon.notify("", "")


def test_a_setting_can_do_without_a_tray() -> None:
    assert TrayIcon("cliproxyapi", lambda _verb: None, kind="none").run() is Ended.NO_TRAY


def test_no_toolkit_is_loaded_before_it_runs() -> None:
    heavy = ("PIL", "pystray", "dbus_fast", "Xlib", "asyncio")
    code = f"import sys, tray.icon, tray.entries; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
