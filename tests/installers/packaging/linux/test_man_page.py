"""The manual page has every command and every option, and nothing in it is taken for a command of its language."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from installers.packaging.linux import man_page
from tray.cli import cli

PAGE = man_page.render(cli, "1.2.3", 1_700_000_000)


def options(command: click.Command, *path: str) -> Iterator[tuple[str, str]]:
    """Each command that can be called, and its visible options, read without the code that writes the page."""
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield from ((" ".join(path), flag) for flag in (*parameter.opts, *parameter.secondary_opts))
    for name, below in getattr(command, "commands", {}).items():
        yield " ".join([*path, name]), "--help"
        yield " ".join([*path, name]), "-h"
        yield from options(below, *path, name)


def section(path: str) -> str:
    """What the page says of a command."""
    if not path:
        return PAGE.partition(".SH OPTIONS")[2].partition(".SH COMMANDS")[0]
    return PAGE.partition(f".SS {path}\n".replace("-", "\\-"))[2].partition("\n.S")[0]


@pytest.mark.parametrize(("path", "flag"), [pair for pair in options(cli) if pair[0] != "autostart"])
def test_every_option_of_every_command_is_there(path: str, flag: str) -> None:
    words = section(path).replace("\\-", "-").replace(",", " ").split()
    assert flag in words


def test_what_is_hidden_is_not_there() -> None:
    assert "autostarted" not in PAGE


def test_text_is_no_command() -> None:
    @click.group()
    def program() -> None:
        """'quoted \\fB and
        .TH too"""

    page = man_page.render(program, "1", 0)
    assert "\n\\&'quoted \\efB and .TH too\n" in page


def test_its_head_says_version_and_day() -> None:
    assert PAGE.startswith('.TH CLIPROXYAPI 1 "2023-11-14" "CLIProxyAPI 1.2.3" "User Commands"\n')
