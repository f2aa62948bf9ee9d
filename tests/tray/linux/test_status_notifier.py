"""The icon as a panel sees it, over a real bus: no screen, and a stand-in for the panel."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tray.tray_program import QUIT, TrayProgram
from tray.backend import Calls, Ended
from tray.entries import SEPARATOR, Appearance, Entry

if sys.platform != "linux":
    pytest.skip("the session bus is Linux's", allow_module_level=True)

from tests.tray.linux.session import Line, Panel, SessionBus, session_bus, wait_until
from tray.linux import status_notifier
from tray.linux.status_notifier import StatusNotifierIcon

RUNNING = Appearance("running", "CLIProxyAPI: Running", "CLIProxyAPI: running · 5 h 42%")
OPEN = Entry("Open Dashboard", "open", default=True)
STOP = Entry("Stop Server", "stop")
QUIT_ENTRY = Entry("Quit", QUIT)
ROUTE = Entry(
    "Route",
    submenu=(
        Entry("Automatic", "route auto", checked=True, radio=True),
        Entry("Claude Code (not installed)", "route claude-code", enabled=False, checked=False, radio=True),
        Entry("Demo", "route demo", checked=False, radio=True),
    ),
)
MENU = [Entry("Running on 127.0.0.1:3456"), SEPARATOR, OPEN, STOP, ROUTE, SEPARATOR, QUIT_ENTRY]


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionBus]:
    with session_bus(tmp_path_factory.mktemp("bus")) as running:
        yield running


@pytest.fixture(scope="module")
def module_panel(bus: SessionBus) -> Iterator[Panel]:
    with Panel(bus.address) as panel:
        panel.appear()
        yield panel


@pytest.fixture(scope="module")
def module_program(bus: SessionBus, module_panel: Panel) -> Iterator[TrayProgram]:
    with TrayProgram(bus.environment) as program:
        program.show(RUNNING, MENU)
        module_panel.wait_for_icon()
        yield program
        program.stop()
        assert program.hears("ended") == "stopped"
        assert program.exit_code() == 0
        assert program.all_complaints() == ""


@pytest.fixture
def panel(module_panel: Panel, module_program: TrayProgram) -> Panel:
    """One icon for most of the tests, and the same menu before each."""
    module_program.show(RUNNING, MENU)
    wait_until(lambda: labels(opened(module_panel)) == labels_of(MENU))
    wait_until(lambda: module_panel.property_of_icon("ToolTip")[2] == RUNNING.tooltip)
    module_panel.signals.clear()
    return module_panel


def opened(panel: Panel) -> Line:
    """The menu, as it is when it opens: what was too early to be redrawn by itself is in it."""
    panel.ask_menu("AboutToShow", "i", 0)
    return panel.menu()


@pytest.fixture
def program(panel: Panel, module_program: TrayProgram) -> TrayProgram:
    return module_program


def labels(line: Line) -> list[str]:
    return [child.label for child in line.children]


def labels_of(entries: list[Entry]) -> list[str]:
    return ["---" if entry.separator else entry.label for entry in entries]


# -- the icon


def test_the_icon_says_what_hosts_read(panel: Panel) -> None:
    icon = panel.all_properties_of_icon()
    assert icon["Id"] == "cliproxyapi"
    assert icon["Title"] == RUNNING.title
    assert icon["ToolTip"][2] == RUNNING.tooltip
    assert (icon["Status"], icon["Category"]) == ("Active", "ApplicationStatus")
    assert icon["ItemIsMenu"] is True


def test_the_icon_comes_as_pixels_in_all_usual_sizes(panel: Panel) -> None:
    pixmaps = panel.property_of_icon("IconPixmap")
    assert [(width, height) for width, height, _ in pixmaps] == [(n, n) for n in (16, 22, 24, 32, 48, 64)]
    width, _, pixels = pixmaps[1]
    assert len(pixels) == 4 * width * width
    # Alpha comes first. In the corner there is nothing, and left of the sign there is grey.
    assert pixels[0] == 0
    alpha, *colours = pixels[4 * (11 * width + 4) :][:4]
    assert alpha == 255
    assert len(set(colours)) == 1


def test_another_state_is_another_icon(panel: Panel, program: TrayProgram) -> None:
    before = panel.property_of_icon("IconPixmap")
    program.show(Appearance("limit", "CLIProxyAPI: Limit Reached", "CLIProxyAPI: limit reached"), MENU)
    panel.wait_for_signal("NewIcon")
    panel.wait_for_signal("NewTitle")
    panel.wait_for_signal("NewToolTip")
    assert panel.property_of_icon("IconPixmap") != before
    assert panel.property_of_icon("Title") == "CLIProxyAPI: Limit Reached"


def test_another_tooltip_leaves_the_icon_alone(panel: Panel, program: TrayProgram) -> None:
    program.show(replace(RUNNING, tooltip="CLIProxyAPI: running · 5 h 43%"), MENU)
    panel.wait_for_signal("NewToolTip")
    assert not [name for name, _ in panel.signals if name in ("NewIcon", "LayoutUpdated")]


# -- the menu


def test_the_menu_has_the_entries_in_order(panel: Panel) -> None:
    assert labels(panel.menu()) == labels_of(MENU)
    assert labels(panel.menu().find("Route")) == ["Automatic", "Claude Code (not installed)", "Demo"]


def test_a_submenu_says_which_of_its_entries_is_chosen(panel: Panel) -> None:
    route = panel.menu().find("Route")
    assert route.properties["children-display"] == "submenu"
    assert [child.properties["toggle-type"] for child in route.children] == ["radio"] * 3
    assert [child.properties["toggle-state"] for child in route.children] == [1, 0, 0]


def test_a_click_runs_the_verb(panel: Panel, program: TrayProgram) -> None:
    assert panel.click(panel.menu().find("Stop Server")) == []
    assert program.hears("verb") == "stop"


def test_a_click_of_a_host_without_groups_runs_the_verb(panel: Panel, program: TrayProgram) -> None:
    from dbus_fast import Variant

    panel.ask_menu("Event", "isvu", panel.menu().find("Stop Server").id, "clicked", Variant("i", 0), 0)
    assert program.hears("verb") == "stop"


def test_a_choice_in_a_submenu_runs_its_verb(panel: Panel, program: TrayProgram) -> None:
    panel.click(panel.menu().find("Demo"))
    assert program.hears("verb") == "route demo"
    # The panel may have moved the mark by itself; nothing is chosen yet.
    (told, _removed) = panel.wait_for_signal("ItemsPropertiesUpdated")
    assert [values["toggle-state"].value for _, values in told] == [1, 0, 0]


def test_a_disabled_entry_runs_nothing(panel: Panel, program: TrayProgram) -> None:
    menu = panel.menu()
    for label in ("Claude Code (not installed)", "Running on 127.0.0.1:3456", "Route"):
        panel.click(menu.find(label))
    panel.click(menu.find("Stop Server"))
    assert program.hears("verb") == "stop"
    assert program.has_said_nothing()


def test_a_click_on_what_is_gone_runs_nothing(panel: Panel, program: TrayProgram) -> None:
    stop = panel.menu().find("Stop Server")
    program.show(RUNNING, [OPEN, QUIT_ENTRY])
    panel.wait_for_signal("LayoutUpdated")
    assert panel.click(stop) == [stop.id]
    assert program.has_said_nothing()


def test_a_label_changes_in_the_open_menu(panel: Panel, program: TrayProgram) -> None:
    line = panel.menu().children[0]
    program.show(RUNNING, [Entry("Running: Limit Reached"), *MENU[1:]])
    ((node_id, values),), _removed = panel.wait_for_signal("ItemsPropertiesUpdated")
    assert (node_id, values["label"].value) == (line.id, "Running: Limit Reached")
    assert not [name for name, _ in panel.signals if name == "LayoutUpdated"], "an open menu would close"


def test_an_entry_more_is_another_layout(panel: Panel, program: TrayProgram) -> None:
    revision = panel.ask_menu("GetLayout", "iias", 0, 0, [])[0]
    program.show(RUNNING, [*MENU[:3], Entry("Copy Base URL", "copy"), *MENU[3:]])
    assert panel.wait_for_signal("LayoutUpdated") == [revision + 1, 0]
    assert "Copy Base URL" in labels(panel.menu())


def test_opening_the_menu_brings_it_up_to_date(panel: Panel, program: TrayProgram) -> None:
    for entries in ([OPEN, QUIT_ENTRY], [STOP, QUIT_ENTRY], [QUIT_ENTRY]):
        program.show(RUNNING, entries)
    wait_until(lambda: labels(opened(panel)) == ["Quit"])


def test_opening_says_whether_the_menu_has_to_be_read_again(panel: Panel) -> None:
    assert panel.ask_menu("AboutToShow", "i", 0) == [False]
    assert panel.ask_menu("AboutToShowGroup", "ai", [0, 4711]) == [[], [4711]]


def test_a_panel_reads_as_much_of_the_menu_as_it_asks_for(panel: Panel) -> None:
    _revision, (_id, properties, children) = panel.ask_menu("GetLayout", "iias", 0, 0, [])
    assert (properties["children-display"].value, children) == ("submenu", [])
    _revision, (_id, _properties, children) = panel.ask_menu("GetLayout", "iias", 0, 1, ["label"])
    assert children[0].value[1].keys() == {"label"}
    assert all(not child.value[2] for child in children)
    stop = panel.menu().find("Stop Server")
    assert panel.ask_menu("GetProperty", "is", stop.id, "label")[0].value == "Stop Server"
    ((node_id, values),) = panel.ask_menu("GetGroupProperties", "aias", [stop.id, 4711], ["enabled"])[0]
    assert (node_id, values["enabled"].value) == (stop.id, True)


def test_a_click_on_the_icon_runs_the_default_entry(panel: Panel, program: TrayProgram) -> None:
    panel.ask_icon("Activate", "ii", 0, 0)
    assert program.hears("verb") == "open"
    panel.ask_icon("SecondaryActivate", "ii", 0, 0)
    panel.ask_icon("Scroll", "is", 1, "vertical")
    assert program.has_said_nothing()


def test_the_icon_is_back_when_the_panel_is(panel: Panel, program: TrayProgram) -> None:
    panel.vanish()
    panel.appear()
    panel.wait_for_icon()
    assert panel.registered == ["/StatusNotifierItem"]
    assert labels(panel.menu()) == labels_of(MENU)
    panel.click(panel.menu().find("Stop Server"))
    assert program.hears("verb") == "stop"


def test_a_notification_goes_over_the_same_bus(panel: Panel, program: TrayProgram) -> None:
    shown = panel.show_notifications()
    program.notify("5-hour limit reached", "Requests fail until 14:05 & then <work>")
    wait_until(lambda: shown)
    # The daemon reads marks in the text, so there are none.
    assert shown == [("5-hour limit reached", "Requests fail until 14:05 &amp; then &lt;work&gt;")]


# -- how it begins and ends


@contextmanager
def on_a_bus(tmp_path: Path) -> Iterator[tuple[SessionBus, Panel]]:
    with session_bus(tmp_path) as bus, Panel(bus.address) as panel:
        yield bus, panel


def test_the_icon_comes_when_the_panel_comes_late(tmp_path: Path) -> None:
    with on_a_bus(tmp_path) as (bus, panel), TrayProgram(bus.environment) as program:
        program.show(RUNNING, MENU)
        program.notify("CLIProxyAPI is running", "Nothing shows this")
        panel.appear()
        panel.wait_for_icon()
        panel.click(panel.menu().find("Quit"))
        assert program.hears("verb") == QUIT
        assert program.hears("ended") == "stopped"
        assert program.exit_code() == 0
        assert program.all_complaints() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with on_a_bus(tmp_path) as (bus, panel), TrayProgram(bus.environment) as program:
        panel.appear()
        panel.wait_for_icon()
        program.process.send_signal(number)
        program.process.send_signal(number)
        assert program.hears("ended") == "stopped"
        assert program.exit_code() == 0
        assert program.all_complaints() == ""


def test_it_ends_with_its_bus(tmp_path: Path) -> None:
    with on_a_bus(tmp_path) as (bus, panel), TrayProgram(bus.environment) as program:
        panel.appear()
        program.show(RUNNING, MENU)
        panel.wait_for_icon()
        bus.die()
        assert program.hears("ended") == "lost"
        assert program.exit_code() == 0
        assert program.all_complaints() == ""


def test_without_bus_and_display_there_is_no_tray(tmp_path: Path) -> None:
    with TrayProgram({"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}) as program:
        assert program.hears("ended") == "no tray"
        assert program.exit_code() == 0
        assert program.all_complaints() == ""


def test_a_bus_that_is_not_there_is_no_bus(tmp_path: Path) -> None:
    with TrayProgram({"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/none", "DISPLAY": "nonsense"}) as program:
        assert program.hears("ended") == "no tray"
        assert program.all_complaints() == ""


def calls(**changes: object) -> Calls:
    nothing = {
        "on_ready": lambda: None,
        "on_verb": lambda _: None,
        "on_opening": lambda: None,
        "on_no_tray": lambda: None,
    }
    return Calls(**{**nothing, **changes})  # type: ignore[arg-type]


def test_a_missing_panel_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_notifier, "_SECONDS_TO_NO_TRAY", 0.01)
    said: list[str] = []

    def no_tray() -> None:
        said.append("no tray")
        threading.Thread(target=icon.stop).start()

    with session_bus(tmp_path) as bus:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
        icon = StatusNotifierIcon("cliproxyapi", calls(on_no_tray=no_tray))
        assert icon.serve() is Ended.STOPPED
    assert said == ["no tray"]


def test_patience_for_the_first_panel_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with session_bus(tmp_path) as bus:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
        assert StatusNotifierIcon("cliproxyapi", calls(), patience=0.01).serve() is Ended.NO_TRAY


def test_a_panel_within_that_patience_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_bus(tmp_path) as (bus, panel):
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
        icon = StatusNotifierIcon("cliproxyapi", calls(), patience=3600)

        def appear_and_stop() -> None:
            panel.appear()
            panel.wait_for_icon()
            icon.stop()

        desktop = threading.Thread(target=appear_and_stop)
        desktop.start()
        assert icon.serve() is Ended.STOPPED
        desktop.join()
