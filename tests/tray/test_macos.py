"""The menu bar's icon over a stand-in for AppKit, which minds the main thread."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from tests.tray.standins import appkit, modules_over
from tray.backend import Ended
from tray.entries import SEPARATOR, Appearance, Entry
from tray.icon import TrayIcon

RUNNING = Appearance("running", "CLIProxyAPI: Running", "CLIProxyAPI: running · 5 h 42%")
OPEN = Entry("Open Dashboard", "open", default=True)
STOP = Entry("Stop Server", "stop")


def route(chosen: str) -> Entry:
    names = ("Automatic", "Demo")
    return Entry("Route", submenu=tuple(Entry(n, f"route {n}", checked=n == chosen, radio=True) for n in names))


MENU = [Entry("Running on 127.0.0.1:3456"), SEPARATOR, OPEN, STOP, route("Automatic")]


class Desk:
    """A tray icon in a menu bar. Its application runs on a thread that stands for the main one."""

    def __init__(self, macos: Any, mac: appkit.Mac) -> None:
        self.mac = mac
        self.verbs: list[str] = []
        self.icon = TrayIcon("cliproxyapi", self.verbs.append, backends=macos.backends)
        self.ended: Ended | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.ended = self.icon.run()

    def __enter__(self) -> Desk:
        appkit.Application.thread = self._thread
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.icon.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def show(self, appearance: Appearance, entries: list[Entry]) -> None:
        """And wait until it is seen."""
        self.icon.show(appearance, entries)
        self.on_main(self.icon._redraw)

    def on_main(self, work: Callable[[], object]) -> None:
        done = threading.Event()

        def work_and_tell() -> None:
            work()
            done.set()

        self.mac.application.events.put(work_and_tell)
        assert done.wait(30)

    @property
    def item(self) -> appkit.StatusItem:
        return self.mac.status_bar.items[0]

    @property
    def menu(self) -> appkit.Menu:
        assert self.item.menu
        return self.item.menu

    def click(self, *labels: str, menu: appkit.Menu | None = None) -> None:
        item, menu = None, menu or self.menu
        for label in labels:
            item = next(item for item in menu.items if item.title == label)
            menu = item._submenu or menu
        assert item
        self.on_main(item.click)


@pytest.fixture
def mac() -> appkit.Mac:
    return appkit.Mac()


@pytest.fixture
def macos(mac: appkit.Mac) -> Iterator[Any]:
    with modules_over(mac.modules(), "pystray._darwin", "tray.macos") as (_, macos):
        yield macos


@pytest.fixture
def desk(macos: Any, mac: appkit.Mac) -> Iterator[Desk]:
    with Desk(macos, mac) as desk:
        desk.show(RUNNING, MENU)
        yield desk


def test_the_icon_is_a_template_of_22_points(desk: Desk) -> None:
    button = desk.item.button()
    assert button.image
    assert button.hidden is False
    assert (button.image.size, button.image.template) == ((22, 22), True)
    with Image.open(io.BytesIO(button.image.png)) as image:
        assert image.size == (44, 44)
        assert {pixel[:3] for _, pixel in image.getcolors() or ()} == {(0, 0, 0)}
    assert (button.tooltip, button.label) == (RUNNING.tooltip, RUNNING.title)


def test_the_program_has_no_place_in_the_dock(desk: Desk) -> None:
    assert desk.mac.application.policy == 1


def test_the_menu_has_the_entries_in_order(desk: Desk) -> None:
    assert desk.menu.labels() == ["Running on 127.0.0.1:3456", "---", "Open Dashboard", "Stop Server", "Route"]
    assert [item.enabled for item in desk.menu.items] == [False, True, True, True, True]
    assert [item.state for item in desk.menu.items[4].submenu().items] == [1, 0]


def test_a_click_runs_the_verb(desk: Desk) -> None:
    desk.click("Stop Server")
    desk.click("Route", "Demo")
    assert desk.verbs == ["stop", "route Demo"]


def test_titles_change_in_the_menu_that_is_open(desk: Desk) -> None:
    is_open = desk.menu
    desk.show(
        RUNNING, [Entry("Limit Reached"), SEPARATOR, OPEN, Entry("Stop Server", "stop", enabled=False), route("Demo")]
    )
    assert desk.menu is is_open
    assert desk.item.menus_set == 1
    assert is_open.labels()[0] == "Limit Reached"
    assert is_open.items[3].enabled is False
    assert [item.state for item in is_open.items[4].submenu().items] == [0, 1]


def test_another_structure_is_another_menu(desk: Desk) -> None:
    desk.show(RUNNING, [OPEN, route("Demo")])
    assert desk.menu.labels() == ["Open Dashboard", "Route"]
    desk.click("Route", "Automatic")
    assert desk.verbs == ["route Automatic"]


def test_a_click_in_a_menu_from_before_means_what_it_said(desk: Desk) -> None:
    is_open = desk.menu
    desk.show(RUNNING, [OPEN, Entry("Sign In with Claude…", "sign in"), STOP])
    desk.click("Stop Server", menu=is_open)
    desk.click("Route", "Demo", menu=is_open)
    assert desk.verbs == ["stop"], "the route is not in the menu any more"


def test_another_state_is_another_image(desk: Desk) -> None:
    before = desk.item.button().image
    desk.show(Appearance("limit", "CLIProxyAPI: Limit Reached", "CLIProxyAPI: limit"), MENU)
    after = desk.item.button().image
    assert before
    assert after
    assert after.png != before.png


def test_stopping_takes_the_icon_away(macos: Any, mac: appkit.Mac) -> None:
    desk = Desk(macos, mac)
    with desk:
        desk.show(RUNNING, MENU)
        desk.icon.stop()
    assert desk.ended is Ended.STOPPED
    assert mac.status_bar.items == []


def test_a_stop_before_the_application_runs_stops_it(macos: Any, mac: appkit.Mac) -> None:
    desk = Desk(macos, mac)
    desk.icon.show(RUNNING, MENU)
    desk.icon.stop()
    with desk:
        pass
    assert desk.ended is Ended.STOPPED


def test_a_notification_is_arguments_and_no_program(desk: Desk, macos: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> None:
        commands.append(command)
        started.set()

    monkeypatch.setattr(macos.subprocess, "run", run)
    desk.icon.notify('Say "no"', "it's \\ over")
    assert started.wait(30)
    assert commands[0][0] == "/usr/bin/osascript"
    assert commands[0][-2:] == ["it's \\ over", 'Say "no"']
    assert not any("over" in word for word in commands[0][:-2])
