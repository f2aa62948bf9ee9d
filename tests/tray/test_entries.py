"""The menu as data."""

from __future__ import annotations

import pytest

from tray.entries import SEPARATOR, Entry, default_entry, without_idle_separators

OPEN = Entry("Open Dashboard", "open", default=True)
QUIT = Entry("Quit", "quit")


@pytest.mark.parametrize(
    ("entry", "clickable"),
    [
        (OPEN, True),
        (Entry("Route", submenu=(QUIT,)), True),
        (Entry("Running on 127.0.0.1:3456"), False),
        (Entry("Stop Server", "stop", enabled=False), False),
        (SEPARATOR, False),
    ],
)
def test_what_does_something_can_be_clicked(entry: Entry, clickable: bool) -> None:
    assert entry.clickable is clickable


def test_a_menu_has_one_level_of_submenus() -> None:
    with pytest.raises(ValueError, match="'Account' has a submenu within its submenu"):
        Entry("Account", submenu=(Entry("More", submenu=(QUIT,)),))


def test_separators_that_separate_nothing_are_left_out() -> None:
    entries = [SEPARATOR, OPEN, SEPARATOR, SEPARATOR, QUIT, SEPARATOR]
    assert without_idle_separators(entries) == [OPEN, SEPARATOR, QUIT]


def test_a_click_on_the_icon_runs_only_what_can_be_clicked() -> None:
    assert default_entry([QUIT, OPEN]) is OPEN
    assert default_entry([QUIT, Entry("Open Dashboard", "open", enabled=False, default=True)]) is None
