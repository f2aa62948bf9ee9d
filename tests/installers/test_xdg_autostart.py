"""The desktop's autostart entry as text. What desktops make of it: tests/desktop."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installers.xdg_autostart import parse_command, parse_entry, render_entry

ENTRY = """\
[Desktop Entry]
Type=Application
Name=CLIProxyAPI
Exec="/home/ada/.local/bin/cliproxyapi" --autostarted
Icon=cliproxyapi
Terminal=false
X-GNOME-Autostart-enabled=true
X-GNOME-Autostart-Delay=2
X-KDE-autostart-after=panel
X-LXQt-Need-Tray=true
"""


def test_the_entry() -> None:
    assert render_entry(Path("/home/ada/.local/bin/cliproxyapi")) == ENTRY


def test_a_dollar_is_escaped_for_the_command_and_that_for_the_file() -> None:
    assert r'Exec="/opt/a\\$b" --autostarted' in render_entry(Path("/opt/a$b"))


PRINTABLE = st.characters(exclude_characters="%/", exclude_categories=["Cc", "Cs", "Zl", "Zp"])


@given(st.text(PRINTABLE, min_size=1))
def test_a_path_is_read_back_as_it_was(name: str) -> None:
    program = Path("/opt") / name / "cliproxyapi"
    assert parse_command(parse_entry(render_entry(program))["Exec"]) == [str(program), "--autostarted"]


def test_only_the_entrys_own_group_counts() -> None:
    text = "[Other]\nExec=no\n\n[Desktop Entry]\n# Exec=comment\n Exec = yes \n[Desktop Action x]\nExec=no\n"
    assert parse_entry(text) == {"Exec": "yes"}


@pytest.mark.parametrize(
    ("value", "words"),
    [("sh -c true", ["sh", "-c", "true"]), ("", []), (r'"a \\"b\\"" c', ['a "b"', "c"])],
)
def test_other_peoples_commands_are_read_too(value: str, words: list[str]) -> None:
    assert parse_command(value) == words
