"""The manual page, written from the command line itself: it cannot name an option that is not there, nor miss one.

Its language is that of `man(7)`. https://man7.org/linux/man-pages/man7/man.7.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from installers.packaging import identity

# The conventions of the command line, which no option tells.
_EXIT_CODES = (
    ("0", "Done; an end by Ctrl-C, SIGINT or SIGTERM that was asked for, too."),
    ("1", "It failed; one sentence says why, and what to do."),
    ("64", "Wrong usage."),
    ("78", "A setting has a bad value; the sentence names its file and key."),
)
_FILES = (
    ("~/.config/cliproxyapi/config.toml", "The settings; each is also a variable, CLIPROXYAPI_<NAME>."),
    ("~/.local/state/cliproxyapi/log/cliproxyapi.log", "The log. It holds no message and no key."),
    ("~/.local/share/cliproxyapi", "What has to be kept, such as a key where there is no keyring."),
)
_ENVIRONMENT = (
    ("CLIPROXYAPI_PORT, CLIPROXYAPI_HOST, CLIPROXYAPI_ROUTE", "As the options of serve, which win."),
    ("CLIPROXYAPI_CONFIG_DIR, CLIPROXYAPI_DATA_DIR", "Other places for the files above."),
    ("ANTHROPIC_API_KEY", "The last resort where no sign-in is stored."),
    ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "The way to Anthropic."),
)


def render(program: click.Group, version: str, seconds: int) -> str:
    """The page. `seconds` since 1970: the date in its foot."""
    day = datetime.fromtimestamp(seconds, UTC).date().isoformat()
    context = click.Context(program, info_name="cliproxyapi", **program.context_settings)
    lines = [
        f'.TH CLIPROXYAPI 1 "{day}" "{identity.NAME} {_text(version)}" "User Commands"',
        ".SH NAME",
        f"cliproxyapi \\- {_text(identity.SUMMARY)}",
        ".SH SYNOPSIS",
        *_usage(context),
        ".SH DESCRIPTION",
        *_paragraphs(program.help or ""),
        ".PP",
        "Without a command it shows its icon where there is a desktop, and serves; elsewhere it only serves.",
        ".SH OPTIONS",
        *_options(context),
        ".SH COMMANDS",
        *(line for command in commands(context) for line in _section(command)),
        ".SH EXIT STATUS",
        *_list(_EXIT_CODES),
        ".SH FILES",
        *_list(_FILES),
        ".SH ENVIRONMENT",
        *_list(_ENVIRONMENT),
        ".SH SEE ALSO",
        _text(identity.HOMEPAGE),
    ]
    return "\n".join(lines) + "\n"


def commands(context: click.Context) -> Iterator[click.Context]:
    """Each command that a person may call, and those below it; not the groups that do nothing alone."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from commands(below)
        else:
            yield below


def _section(context: click.Context) -> Iterator[str]:
    yield f".SS {_text(context.command_path.partition(' ')[2])}"
    yield from _usage(context)
    yield ".PP"
    yield from _paragraphs(context.command.help or "")
    yield from _options(context)


def _usage(context: click.Context) -> Iterator[str]:
    yield f".B {_text(context.command_path)}"
    for piece in context.command.collect_usage_pieces(context):
        yield _text(piece)


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            yield from _list([record])


def _list(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in entries:
        yield ".TP"
        yield f".B {_text(term)}"
        yield _text(meaning)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    """`text` so that nothing in it is a command of the language."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
