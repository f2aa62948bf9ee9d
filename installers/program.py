"""Which program the system should start at login: a path that is still there after the next upgrade."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath

from core.paths import LAUNCHER

_NAME = "cliproxyapi"
_WINDOWS_PROGRAM = "CLIProxyAPI.exe"

# What a unit's `ExecStart` or a desktop entry's `Exec` cannot carry, however it is escaped (seen with systemd 252 and
# GLib 2.74): such a program is reached through a link.
_NOT_IN_A_COMMAND = frozenset("'\"%\\\n")


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
        quiet = program.with_name(_WINDOWS_PROGRAM)
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


def passing_place(program: PurePath, *, macos: bool = sys.platform == "darwin") -> str | None:
    """Why `program` will not be there at the next login, and what to do; None where it will."""
    path = program.as_posix()
    if macos and "/AppTranslocation/" in path:
        return (
            "macOS runs CLIProxyAPI from a temporary place until you move it: drag it into Applications in the Finder "
            "(not with mv), open it from there, and try again."
        )
    if macos and path.startswith("/Volumes/"):
        return (
            "CLIProxyAPI runs from a disk image or another disk: drag it into Applications in the Finder, open it from "
            "there, and try again."
        )
    if {".cache", "Caches"} & set(PurePosixPath(path).parts):
        return (
            f"{program} lies in a cache, which may be emptied: install CLIProxyAPI, for instance with `pipx install` or "
            "`uv tool install`, and try again."
        )
    return None


def needs_launcher(program: PurePath) -> bool:
    return bool(_NOT_IN_A_COMMAND & set(str(program)))


def startable(program: Path, launcher: Path) -> Path:
    """The path by which a unit or a desktop entry starts `program`: its own, or that of the link `launcher`. Raises
    ValueError where neither will do."""
    if not needs_launcher(program):
        return program
    if needs_launcher(launcher):
        raise ValueError(
            f"No start at login can carry the path {program}, nor {launcher.parent}: move the program to a folder "
            "without quotes, percent signs and backslashes in its path, or set CLIPROXYAPI_DATA_DIR to one."
        )
    return launcher
