"""The whole app in real panels: what a person with a pointer does, and what the server and the system did then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.desktop.test_tray import MENU_BUTTON
from tests.desktop.tray_host import Box, Desktop, Host, Menu
from tests.tray.tray_app import Machine, comes, health

MakeDesktop = Callable[..., Desktop]
MakeMachine = Callable[[Desktop], Machine]


@pytest.fixture
def on(tmp_path: Path) -> Iterator[MakeMachine]:
    machines: list[Machine] = []

    def on(screen: Desktop) -> Machine:
        machines.append(Machine(tmp_path / "home", screen.environment))
        return machines[-1]

    yield on
    for machine in machines:
        machine.__exit__()


class Hand:
    """Opens the menu anew for each click, as a person does."""

    def __init__(self, screen: Desktop, host: Host, icon: Box) -> None:
        self._screen, self._host, self._icon = screen, host, icon

    def menu(self) -> Menu:
        return self._screen.open_menu(self._icon, MENU_BUTTON[self._host])

    def click(self, label: str, *, within: str | None = None) -> None:
        menu = self.menu()
        if within is not None:
            menu = self._screen.open_submenu(menu[within])
        self._screen.click(menu[label])

    def reads(self, text: str) -> Menu:
        """The menu, once it has a line with this text."""

        def found() -> Menu | None:
            menu = self.menu()
            self._screen.close_menu()
            return menu if text in menu else None

        return self._screen.wait_for(found, f"a line {text!r}")


@pytest.mark.parametrize(("host", "dark"), [("xfce", False), ("xfce", True), ("lxqt", False)])
def test_a_person_goes_through_the_menu(desktop: MakeDesktop, on: MakeMachine, host: Host, dark: bool) -> None:
    screen = desktop(host, dark=dark)
    machine = on(screen)
    app = machine.start("--autostarted")
    address = app.address()
    hand = Hand(screen, host, screen.find_icon())
    hand.reads("Sign In with Claude")

    hand.click("Stop Server")
    comes(lambda: health(address) is None)
    hand.click("Start Server")
    assert app.address() == address
    comes(lambda: health(address))

    hand.click("Sign In with Claude")
    assert machine.claude is not None
    comes(lambda: machine.claude.calls)  # pyright: ignore[reportOptionalMemberAccess]
    comes(lambda: f"{address}/dashboard/account" in machine.opened())
    hand.reads("me@example.com")

    hand.click("Demo", within="Route")
    comes(lambda: (health(address) or {}).get("route") == "demo")
    assert 'route = "demo"' in machine.settings_file.read_text()

    hand.click("Start at Login")
    comes(machine.autostart_file.exists)
    hand.click("Start at Login")
    comes(lambda: not machine.autostart_file.exists())

    hand.click("Quit")
    assert app.exit_code() == 0
    assert health(address) is None
    screen.wait_for(screen.icon_is_gone, "a panel without the icon")
    assert "Traceback" not in app.output() + machine.log


def test_in_an_old_tray_a_click_opens_the_dashboard(desktop: MakeDesktop, on: MakeMachine) -> None:
    screen = desktop("tint2")
    machine = on(screen)
    address = machine.start("--autostarted").address()
    screen.click(screen.find_icon())
    comes(machine.opened)
    assert machine.opened() == [f"{address}/"]


def test_the_address_is_in_the_clipboard(desktop: MakeDesktop, on: MakeMachine) -> None:
    screen = desktop("xfce")
    machine = on(screen)
    address = machine.start("--autostarted").address()
    Hand(screen, "xfce", screen.find_icon()).click("Copy Base URL")
    comes(lambda: screen.clipboard() == f"{address}/v1")


def test_a_page_opened_from_the_icon_survives_quit(desktop: MakeDesktop, on: MakeMachine) -> None:
    screen = desktop("xfce")
    machine = on(screen)
    # A browser that stays, as real ones do.
    left = machine.home / "browser"
    browser = machine.home / "browser-program" / "xdg-open"
    browser.write_text(f"#!/bin/sh\necho $$ > {left}\nexec sleep 300\n")
    app = machine.start("--autostarted")
    app.address()
    hand = Hand(screen, "xfce", screen.find_icon())
    hand.click("Open Dashboard")
    comes(left.exists)
    hand.click("Quit")
    assert app.exit_code() == 0
    browsing = Path("/proc") / left.read_text().strip()
    assert "sleep" in (browsing / "cmdline").read_text()
    screen.end_process(int(browsing.name))


def test_no_sign_of_the_account_where_it_is_to_be_hidden(desktop: MakeDesktop, on: MakeMachine) -> None:
    screen = desktop("xfce")
    machine = on(screen)
    machine.write_settings("port = 0\nmask_account = true\n")
    login = {"accessToken": "sk-ant-oat01-s3cr3t-marker-old", "expiresAt": 4_000_000_000_000, "subscriptionType": "max"}
    store = machine.home / ".claude" / ".credentials.json"
    store.parent.mkdir()
    store.write_text(json.dumps({"claudeAiOauth": login}))
    machine.start("--autostarted").address()
    menu = Hand(screen, "xfce", screen.find_icon()).reads("Claude Max")
    assert "me@example.com" not in menu
