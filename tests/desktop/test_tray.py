"""The tray in real panels, with a real pointer, read from the screen."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from tests.desktop.tray_host import Desktop, Host
from tests.tray.tray_program import QUIT, TrayProgram
from tray.entries import SEPARATOR, Appearance, Entry

MakeDesktop = Callable[..., Desktop]

RUNNING = Appearance("running", "CLIProxyAPI: Running", "CLIProxyAPI: running on 127.0.0.1:3456")
LIMIT = Appearance("limit", "CLIProxyAPI: Limit Reached", "CLIProxyAPI: limit reached")
LEFT, RIGHT = 1, 3

# Which button opens the menu. The other one runs the default entry, or does the same.
MENU_BUTTON: dict[Host, int] = {"xfce": LEFT, "lxqt": RIGHT}
EVERY_PANEL = pytest.mark.parametrize(("host", "dark"), [("xfce", False), ("xfce", True), ("lxqt", False)])


def menu(line: str = "Running on 127.0.0.1:3456", route: str = "Automatic") -> list[Entry]:
    routes = ("Automatic", "Demo")
    return [
        Entry(line),
        SEPARATOR,
        Entry("Open Dashboard", "open", default=True),
        Entry("Copy snake_case & more", "copy"),
        Entry("Restart Server", "restart", enabled=False),
        Entry("Route", submenu=tuple(Entry(n, f"route {n}", checked=n == route, radio=True) for n in routes)),
        SEPARATOR,
        Entry("Quit CLIProxyAPI", QUIT),
    ]


@pytest.fixture
def start() -> Iterator[Callable[[Desktop], TrayProgram]]:
    programs: list[TrayProgram] = []

    def start(desktop: Desktop) -> TrayProgram:
        programs.append(TrayProgram(desktop.environment))
        programs[-1].show(RUNNING, menu())
        return programs[-1]

    yield start
    for program in programs:
        program.__exit__()


Start = Callable[[Desktop], TrayProgram]


@EVERY_PANEL
def test_a_person_reads_the_menu_and_clicks(desktop: MakeDesktop, start: Start, host: Host, dark: bool) -> None:
    screen = desktop(host, dark=dark)
    program = start(screen)
    icon = screen.find_icon()

    opened = screen.open_menu(icon, MENU_BUTTON[host])
    for text in ("Running on 127.0.0.1:3456", "Open Dashboard", "Copy snake_case & more", "Restart Server", "Route"):
        assert text in opened
    screen.click(opened["Copy snake_case"])
    assert program.hears("verb") == "copy"

    opened = screen.open_menu(icon, MENU_BUTTON[host])
    screen.click(opened["Restart Server"])
    screen.close_menu()
    routes = screen.open_submenu(screen.open_menu(icon, MENU_BUTTON[host])["Route"])
    screen.click(routes["Demo"])
    assert program.hears("verb") == "route Demo", "a disabled entry did nothing"

    opened = screen.open_menu(icon, MENU_BUTTON[host])
    screen.click(opened["Quit"])
    assert program.hears("verb") == QUIT
    assert program.hears("ended") == "stopped"
    assert program.exit_code() == 0
    assert program.all_complaints() == ""
    assert screen.icon_is_gone()


@EVERY_PANEL
def test_an_open_menu_tells_what_is_new(desktop: MakeDesktop, start: Start, host: Host, dark: bool) -> None:
    screen = desktop(host, dark=dark)
    program = start(screen)
    icon = screen.find_icon()
    opened = screen.open_menu(icon, MENU_BUTTON[host])
    # Over the icon the tooltip would show now, and hide the line.
    screen.move(opened["Copy snake_case"])
    program.show(LIMIT, menu("Limit Reached until 14:05"))
    screen.wait_for(lambda: "Limit Reached until 14:05" in screen.read(opened.box), "the new line")
    screen.click(opened["Open Dashboard"])
    assert program.hears("verb") == "open"


@EVERY_PANEL
def test_the_icon_shows_the_state(desktop: MakeDesktop, start: Start, host: Host, dark: bool) -> None:
    screen = desktop(host, dark=dark)
    program = start(screen)
    icon = screen.find_icon()
    running = screen.picture(icon)
    program.show(LIMIT, menu())
    screen.wait_for(lambda: screen.picture(icon) != running, "another icon")
    program.show(RUNNING, menu())
    screen.wait_for(lambda: screen.picture(icon) == running, "the icon from before")


@pytest.mark.parametrize("host", ["xfce", "lxqt", "tint2"])
def test_the_icon_is_back_when_the_panel_is(desktop: MakeDesktop, start: Start, host: Host) -> None:
    screen = desktop(host)
    program = start(screen)
    screen.find_icon()
    screen.kill_panel()
    screen.start_panel()
    icon = screen.find_icon()
    if host == "xfce":
        screen.click(screen.open_menu(icon)["Open Dashboard"])
    else:
        screen.click(icon)
    assert program.hears("verb") == "open"


def test_a_left_click_runs_the_default_entry_where_it_opens_no_menu(desktop: MakeDesktop, start: Start) -> None:
    screen = desktop("lxqt")
    program = start(screen)
    screen.click(screen.find_icon(), LEFT)
    assert program.hears("verb") == "open"


def test_a_notification_is_on_the_screen(desktop: MakeDesktop, start: Start) -> None:
    screen = desktop("xfce")
    screen.spawn_program("dunst")
    program = start(screen)
    screen.find_icon()
    program.notify("5-hour limit reached", "Requests fail until 14:05 & later")
    screen.wait_for(lambda: "Requests fail until 14:05" in screen.read_screen(), "the notification")


# -- trays of the old kind


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("button", [LEFT, RIGHT])
def test_in_an_old_tray_any_click_runs_the_default_entry(
    desktop: MakeDesktop, start: Start, dark: bool, button: int
) -> None:
    screen = desktop("tint2", dark=dark)
    program = start(screen)
    screen.click(screen.find_icon(), button)
    assert program.hears("verb") == "open"
    program.process.send_signal(signal.SIGTERM)
    assert program.hears("ended") == "stopped"
    assert program.exit_code() == 0
    assert program.all_complaints() == ""
    assert screen.icon_is_gone()


@pytest.mark.parametrize("dark", [False, True])
def test_in_an_old_tray_the_icon_lies_on_the_panel(desktop: MakeDesktop, start: Start, dark: bool) -> None:
    screen = desktop("tint2", dark=dark)
    program = start(screen)
    icon = screen.find_icon()
    panel = screen.screenshot().getpixel((icon.left - 30, icon.middle[1]))
    picture = screen.picture(icon)
    assert picture.getpixel((1, 1)) == panel
    assert share(picture, panel) < 0.7
    program.show(LIMIT, menu())
    screen.wait_for(lambda: screen.picture(icon) != picture, "another icon")


def test_an_old_tray_goes_with_its_display(desktop: MakeDesktop, start: Start) -> None:
    screen = desktop("tint2")
    program = start(screen)
    screen.find_icon()
    screen.kill_display()
    assert program.hears("ended") == "lost"
    assert program.exit_code() == 0
    assert program.all_complaints() == "the display is gone: Display connection closed by server\n"


def share(picture: Image.Image, colour: object) -> float:
    pixels = [picture.getpixel((x, y)) for x in range(picture.width) for y in range(picture.height)]
    return pixels.count(colour) / len(pixels)
