"""Other people's programs: where `claude` and `ant` are installed, and the environment that a child of ours gets.

A program that launchd, systemd or a start menu started knows no shell profile, so its `PATH` is short; npm, Homebrew
and the version managers install elsewhere.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# What PyInstaller's loader sets for the frozen program: a child with these would load our libraries, or take itself
# for a part of us.
_FROZEN_PREFIX = "_PYI_"
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_VERSION_SECONDS = 5.0

_PLACES = (
    "~/.local/bin",
    "~/.claude/local",
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/home/linuxbrew/.linuxbrew/bin",
    "~/.npm-global/bin",
    "~/.volta/bin",
    "~/.bun/bin",
    "~/.asdf/shims",
    "~/.local/share/mise/shims",
    "~/.local/share/pnpm",
    "~/Library/pnpm",
    "~/.yarn/bin",
    "~/.nix-profile/bin",
    "/run/current-system/sw/bin",
    "/snap/bin",
)
_NODE_VERSIONS = "~/.nvm/versions/node/*/bin"
_WINDOWS_PLACES = (
    r"%USERPROFILE%\.local\bin",
    r"%LOCALAPPDATA%\Microsoft\WinGet\Links",
    r"%APPDATA%\npm",
    r"%USERPROFILE%\scoop\shims",
)


def child_environment(environ: Mapping[str, str], *, program: Path | None = None) -> dict[str, str]:
    """`environ` for a child: without what the frozen program's loader added, and with the directory of `program` in
    its `PATH`, because a program that npm installed needs the `node` beside it."""
    environment = {name: value for name, value in environ.items() if not name.startswith(_FROZEN_PREFIX)}
    for name in _LIBRARY_PATHS:
        original = environment.pop(f"{name}_ORIG", None)
        if original is not None:
            environment[name] = original
        elif getattr(sys, "frozen", False):
            environment.pop(name, None)
    if program is not None:
        directory = str(program.parent)
        known = environment.get("PATH", os.defpath).split(os.pathsep)
        if directory not in known:
            environment["PATH"] = os.pathsep.join([directory, *known])
    return environment


def candidates(name: str, environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Where `name` is installed: on the `PATH` first, then where installers put it. Each only once."""
    seen: set[Path] = set()
    for directory in [*environ.get("PATH", "").split(os.pathsep), *_directories(environ, home)]:
        found = shutil.which(name, path=directory) if directory else None
        if found is not None and (path := Path(found).absolute()) not in seen:
            seen.add(path)
            yield path


def find_program(
    name: str, environ: Mapping[str, str], home: Path, *, named: str | None = None
) -> tuple[Path, str] | None:
    """The program `name` and what it answers to `--version`: the one that the person `named`, else the first that
    answers within five seconds. None where there is none. May take seconds: never on an event loop."""
    paths = [Path(named).expanduser()] if named else candidates(name, environ, home)
    for path in paths:
        version = program_version(path, environ)
        if version is not None:
            return path, version
    return None


def program_version(path: Path, environ: Mapping[str, str]) -> str | None:
    """What `path --version` prints, its first line; None where it does not run."""
    try:
        done = subprocess.run(
            [str(path), "--version"],
            env=child_environment(environ, program=path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=False,
            creationflags=NO_WINDOW,
        )
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0][:100] if done.returncode == 0 and lines else None


# On Windows a console program started by one without a console would open a window for a moment.
NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def _directories(environ: Mapping[str, str], home: Path) -> Iterator[str]:
    if sys.platform == "win32":
        for place in _WINDOWS_PLACES:
            yield re.sub("%([A-Z]+)%", lambda match: environ.get(match[1], ""), place)
        return
    for place in _PLACES:
        yield place.replace("~", str(home), 1)
    # The newest first: 22.1 comes after 9.3 as numbers, not as text.
    versions = glob.glob(_NODE_VERSIONS.replace("~", glob.escape(str(home)), 1))
    yield from sorted(versions, key=lambda path: [int(part) for part in re.findall(r"\d+", path)], reverse=True)
