"""Start at login by the desktop itself: an entry in `~/.config/autostart`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from . import files
from .mechanism import MARK, AutostartError, AutostartState, damaged, judged
from .program import needs_launcher, startable

# The delays and wishes let a panel be there before the icon; a desktop ignores those of the others.
_ENTRY = """\
[Desktop Entry]
Type=Application
Name=CLIProxyAPI
Exec=%s
Icon=cliproxyapi
Terminal=false
X-GNOME-Autostart-enabled=true
X-GNOME-Autostart-Delay=2
X-KDE-autostart-after=panel
X-LXQt-Need-Tray=true
"""

_GROUP = "[Desktop Entry]"
# Inside the quotes of `Exec` these need a backslash; and a backslash in any value is written twice.
_ESCAPED = re.compile(r"([\"`$\\])")
_WORD = re.compile(r'"((?:\\.|[^"\\])*)"|(\S+)')


def render_entry(program: Path) -> str:
    quoted = _ESCAPED.sub(r"\\\1", str(program))
    words = f'"{quoted}" {MARK}'
    return _ENTRY % words.replace("\\", "\\\\")


def parse_entry(text: str) -> dict[str, str]:
    """The keys of the entry, without those of its other groups."""
    keys: dict[str, str] = {}
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == _GROUP
        elif inside and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            keys[name.strip()] = value.strip()
    return keys


def parse_command(value: str) -> list[str]:
    """The words of a value of `Exec`."""
    words: list[str] = []
    for quoted, bare in _WORD.findall(value.replace("\\\\", "\\")):
        words.append(re.sub(r"\\(.)", r"\1", quoted) if quoted else bare)
    return words


class XdgAutostart:
    """The entry for desktops that systemd does not start, and for systems without systemd."""

    name = "autostart entry"
    headless = False

    def __init__(self, environ: Mapping[str, str], home: Path, launcher: Path) -> None:
        self._launcher = launcher
        self._file = Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "autostart", "cliproxyapi.desktop")

    @property
    def place(self) -> str:
        return str(self._file)

    def usable(self) -> bool:
        return True

    def read(self, program: Path | None) -> AutostartState:
        text = files.read_text(self._file)
        if text is None:
            return AutostartState("off", self.name, self.place)
        keys = parse_entry(text)
        words = parse_command(keys.get("Exec", ""))
        if not words:
            return damaged(self, text)
        if words[0] == str(self._launcher) and self._launcher.is_symlink():
            words[0] = os.readlink(self._launcher)
        return judged(self, words, program, switched_off=_why_not(keys))

    def render(self, program: Path) -> str:
        try:
            return render_entry(startable(program, self._launcher))
        except ValueError as error:
            raise AutostartError(str(error)) from None

    def write(self, program: Path) -> None:
        text = self.render(program)
        if needs_launcher(program):
            files.point(self._launcher, program)
        files.write_text(self._file, text)

    def remove(self) -> None:
        files.remove(self._file)

    def start(self) -> None:
        raise AutostartError("A desktop starts its entries at login only: start CLIProxyAPI from its menu.")

    def advice(self) -> str | None:
        return None


def _why_not(keys: Mapping[str, str]) -> str | None:
    """Why a desktop passes the entry over; that is how their own switches are stored."""
    for name, value in (("Hidden", "true"), ("X-GNOME-Autostart-enabled", "false")):
        if keys.get(name, "").lower() == value:
            return f"it was switched off in the desktop's own settings ({name}={value})"
    return None
