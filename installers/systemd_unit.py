"""Start at login by systemd: a user unit of the graphical session, and one for a server without a screen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import command, files
from .mechanism import HEADLESS_COMMAND, MARK, AutostartError, AutostartState, damaged, judged
from .program import needs_launcher, startable

UNIT, HEADLESS_UNIT = "cliproxyapi.service", "cliproxyapi-headless.service"

_GRAPHICAL_TARGET = "graphical-session.target"

# No hardening: what implies NoNewPrivileges= would reach the browser that we open, and its sandbox needs privileges.
_GRAPHICAL_UNIT = f"""\
[Unit]
Description=CLIProxyAPI tray and local proxy
PartOf={_GRAPHICAL_TARGET}
After={_GRAPHICAL_TARGET}
ConditionEnvironment=|WAYLAND_DISPLAY
ConditionEnvironment=|DISPLAY
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
ExecStart=%s
Restart=on-failure
RestartSec=3
RestartPreventExitStatus=64 78
KillMode=mixed
TimeoutStopSec=10
Slice=app.slice

[Install]
WantedBy={_GRAPHICAL_TARGET}
"""

# A busy port is tried again twice a minute: any oftener, and the limit of five starts in two minutes would end it.
_HEADLESS_UNIT = """\
[Unit]
Description=CLIProxyAPI local proxy
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
ExecStart=%s
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=64 78
KillMode=mixed
TimeoutStopSec=10
Slice=app.slice

[Install]
WantedBy=default.target
"""

_SYSTEM_UNIT = """\
[Unit]
Description=CLIProxyAPI local proxy of %(user)s
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
User=%(user)s
ExecStart=%(command)s
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=64 78
KillMode=mixed
TimeoutStopSec=10

[Install]
WantedBy=multi-user.target
"""

_WORD = re.compile(r'"([^"]*)"|(\S+)')
# What may stand before a program's path in `ExecStart=`.
_PREFIXES = "@-:+!|"


def render_unit(program: Path) -> str:
    """The unit of the graphical session."""
    return _GRAPHICAL_UNIT % _command(program)


def render_headless_unit(program: Path) -> str:
    return _HEADLESS_UNIT % _command(program, HEADLESS_COMMAND)


def render_system_unit(program: Path, user: str) -> str:
    """A unit for /etc/systemd/system: a server of `user` from boot on. Raises ValueError."""
    if needs_launcher(program):
        raise ValueError(f"No unit can carry the path {program}: move the program to a plainer one.")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*\$?", user):
        raise ValueError(f"{user!r} is no name of a user.")
    return _SYSTEM_UNIT % {"user": user, "command": _command(program, HEADLESS_COMMAND)}


def _command(program: Path, *arguments: str) -> str:
    return " ".join([f'"{program}"', MARK, *arguments])


def parse_command(unit: str) -> list[str]:
    """The words of the last `ExecStart=` of a unit; none where there is none."""
    words: list[str] = []
    for line in unit.replace("\\\n", " ").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "ExecStart":
            found = _WORD.findall(value.strip().lstrip(_PREFIXES))
            words = [(quoted or bare).replace("%%", "%") for quoted, bare in found]
    return words


class SystemdUnit:
    """A unit of this person's own systemd. What it will do is told by files, so reading it needs no running systemd."""

    name = "systemd user unit"

    def __init__(self, environ: Mapping[str, str], home: Path, launcher: Path, *, headless: bool) -> None:
        self.headless = headless
        self._environ = environ
        self._launcher = launcher
        self._unit = HEADLESS_UNIT if headless else UNIT
        config = environ.get("XDG_CONFIG_HOME") or home / ".config"
        data = environ.get("XDG_DATA_HOME") or home / ".local/share"
        self._own_directory = Path(config, "systemd/user")
        # Where packages put units, in systemd's order; one that is switched on has a link in one of the first two.
        self._directories = [
            self._own_directory,
            Path("/etc/systemd/user"),
            Path(data, "systemd/user"),
            Path("/usr/local/lib/systemd/user"),
            Path("/usr/lib/systemd/user"),
        ]

    @property
    def place(self) -> str:
        return str(self._found() or self._own_file)

    @property
    def _own_file(self) -> Path:
        return self._own_directory / self._unit

    def _found(self) -> Path | None:
        """The file that systemd reads: the first of that name, also where it is a link that leads nowhere."""
        return next((path for path in self._candidates() if os.path.lexists(path)), None)

    def _candidates(self) -> Iterator[Path]:
        for directory in self._directories:
            yield directory / self._unit

    def _links(self) -> list[Path]:
        """The links that make a target start the unit, also those that lead nowhere."""
        folders = [folder for directory in self._directories[:2] for folder in directory.glob("*.*")]
        links = [folder / self._unit for folder in folders if folder.suffix in (".wants", ".requires")]
        return [link for link in links if os.path.lexists(link)]

    def usable(self) -> bool:
        if not self._answers():
            return False
        return self.headless or self._systemctl("is-active", "--quiet", _GRAPHICAL_TARGET).ok

    def _answers(self) -> bool:
        """Whether a systemd of this person runs and can be reached."""
        return self._systemctl("show-environment").ok

    def read(self, program: Path | None) -> AutostartState:
        path = self._found()
        if path is None:
            return AutostartState("off", self.name, str(self._own_file))
        if path.is_symlink() and os.path.realpath(path) == os.devnull:
            masked = "it is masked, which `systemctl --user unmask` undoes"
            return AutostartState("switched_off", self.name, str(path), note=masked)
        enabled = bool(self._links())
        text = files.read_text(path) or ""
        words = parse_command(text)
        if not words:
            return damaged(self, text, enabled=enabled)
        if words[0] == str(self._launcher) and self._launcher.is_symlink():
            words[0] = os.readlink(self._launcher)
        switched_off = self._why_not() if enabled and MARK in words else None
        return judged(self, words, program, enabled=enabled, switched_off=switched_off)

    def _why_not(self) -> str | None:
        """Why this desktop would not start a unit that is switched on. Without a desktop nobody can tell."""
        has_desktop = self._environ.get("DISPLAY") or self._environ.get("WAYLAND_DISPLAY")
        if self.headless or not has_desktop or self.usable():
            return None
        return f"this desktop does not begin systemd's {_GRAPHICAL_TARGET}: switch it off and on again"

    def render(self, program: Path) -> str:
        try:
            path = startable(program, self._launcher)
        except ValueError as error:
            raise AutostartError(str(error)) from None
        return render_headless_unit(path) if self.headless else render_unit(path)

    def write(self, program: Path) -> None:
        text = self.render(program)
        if not self._answers():
            raise AutostartError(
                "systemd does not answer for this person: log in as yourself (not with su or sudo) and try again."
            )
        if needs_launcher(program):
            files.point(self._launcher, program)
        if not self._comes_with_the_package(program):
            files.write_text(self._own_file, text)
        self._require("daemon-reload")
        # Not only `enable`: links that another program of our name left, to a target that comes too early, have to go.
        self._require("reenable", self._unit)

    def _comes_with_the_package(self, program: Path) -> bool:
        path = self._found()
        return path is not None and path != self._own_file and self.read(program).condition in ("on", "off")

    def remove(self) -> None:
        answers = self._answers()
        if answers and self._found() is not None:
            self._systemctl("disable", self._unit)
        files.remove(self._own_file)
        for link in self._links():
            if link.is_relative_to(self._own_directory):
                files.remove(link)
        if answers:
            self._systemctl("daemon-reload")
            self._systemctl("reset-failed", self._unit)

    def start(self) -> None:
        self._require("start", self._unit)

    def advice(self) -> str | None:
        if not self.headless or self._lingers():
            return None
        return (
            "It starts when you log in and ends when you log out. To have it from boot on: "
            "`loginctl enable-linger`, which your administrator may have to allow."
        )

    def _lingers(self) -> bool:
        user = str(os.getuid()) if hasattr(os, "getuid") else ""
        done = command.run(["loginctl", "show-user", user, "--property=Linger", "--value"], self._environ)
        return done.ok and done.said == "yes"

    def _require(self, *arguments: str) -> None:
        done = self._systemctl(*arguments)
        if not done.ok:
            raise AutostartError(f"`systemctl --user {' '.join(arguments)}` failed: {done.said}")

    def _systemctl(self, *arguments: str) -> command.Outcome:
        return command.run(["systemctl", "--user", *arguments], self._environ)
