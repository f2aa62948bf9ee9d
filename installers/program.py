"""Which program the system should start at login: a path that is still there after the next upgrade."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath

from core.paths import LAUNCHER

_NAME = "cliproxyapi"
WINDOWS_PROGRAM = "CLIProxyAPI.exe"

# What a unit's `ExecStart` or a desktop entry's `Exec` cannot carry, however it is escaped (seen with systemd 252 and
# GLib 2.74): such a program is reached through a link. A dollar and a backtick are fine in a unit, but the units that
# systemd makes of desktop entries have them wrong.
_NOT_IN_A_COMMAND = frozenset("'\"%\\\n$`")

# OpenClaw takes what is started at login and has this word in it for its own.
OPENCLAWS_WORD = "gateway"


def this_program(
    environ: Mapping[str, str],
    *,
    called: str = sys.argv[0],
    executable: str = sys.executable,
    frozen: bool = bool(getattr(sys, "frozen", False)),
    windows: bool = sys.platform == "win32",
) -> Path | None:
    """Where this program was started from. Unresolved: behind a link there may be a tool's private folder, which its
    next upgrade removes. None for a checkout without an installed script."""
    if frozen:
        program = Path(executable)
        # A terminal that is an AppImage itself leaves its own APPIMAGE to whatever is started in it.
        image, mounted = environ.get("APPIMAGE"), environ.get("APPDIR")
        if image and mounted and program.is_relative_to(mounted):
            return Path(image)
        # The command line is a second executable there; what starts at login is the one without a console.
        quiet = program.with_name(WINDOWS_PROGRAM)
        return quiet if windows and quiet.exists() else program
    suffix = ".exe" if windows else ""
    beside = Path(executable).parent / f"{_NAME}{suffix}"
    for path in (_script(called, suffix, environ), beside):
        if path is not None and path.exists():
            return path
    return None


def _script(called: str, suffix: str, environ: Mapping[str, str]) -> Path | None:
    path = PurePath(called)
    if path.name == LAUNCHER and os.path.islink(called):
        return Path(os.readlink(called))
    if path.stem.lower() != _NAME and path.name.lower() != _NAME:
        return None  # `python -m tray`, or a test
    found = called if path.parent.name else shutil.which(called, path=environ.get("PATH")) or called
    absolute = Path(os.path.abspath(found))
    # The wrapper that pip writes on Windows drops its own suffix.
    return absolute if not suffix or absolute.suffix.lower() == suffix else absolute.with_name(absolute.name + suffix)


def same_program(one: Path, other: Path) -> bool:
    """Whether both paths lead to one file."""
    try:
        return one == other or os.path.samefile(one, other)
    except OSError:
        return False


def in_a_cache(program: PurePath) -> bool:
    """Whether a tool that runs programs without installing them (`uvx`, `pipx run`) put it there for a while."""
    return bool({".cache", "Caches"} & set(program.parts))


def needs_launcher(program: PurePath) -> bool:
    return bool(_NOT_IN_A_COMMAND & set(str(program))) or OPENCLAWS_WORD in str(program).lower()


def startable(program: Path, launcher: Path) -> Path:
    """The path by which a unit or a desktop entry starts `program`: its own, or that of the link `launcher`. Raises
    ValueError where neither will do."""
    if not needs_launcher(program):
        return program
    if needs_launcher(launcher):
        raise ValueError(
            f"No start at login can carry the path {program}, nor {launcher.parent}: move the program to a folder "
            f"without quotes, dollars, percent signs, backslashes and the word {OPENCLAWS_WORD} in its path, or set "
            "CLIPROXYAPI_DATA_DIR to one."
        )
    return launcher
