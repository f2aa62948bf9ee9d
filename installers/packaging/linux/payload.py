"""What PyInstaller built for Linux, looked at: whether it is whole, and which systems are new enough for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

PROGRAM = "cliproxyapi"
# https://reproducible-builds.org/specs/source-date-epoch/
BUILD_TIME = "SOURCE_DATE_EPOCH"

# What glibc itself consists of: nothing else is expected of a system.
_OF_GLIBC = re.compile(r"(libc|libm|libdl|libpthread|librt|libresolv|libutil|ld-linux[\w-]*)\.so\.\d+")
_NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
_GLIBC_VERSION = re.compile(r"\bGLIBC_(\d+(?:\.\d+)+)\b")
_ELF = b"\x7fELF"


class NotBuilt(Exception):
    """There is no package; the message says why."""


def check(payload: Path) -> None:
    """Raises NotBuilt."""
    if not (payload / PROGRAM).is_file():
        raise NotBuilt(f"{payload} holds no {PROGRAM}: `python -m installers.packaging.build` makes one.")


def glibc_floor(payload: Path) -> str:
    """The oldest glibc that all programs and libraries of `payload` can be loaded with. Raises NotBuilt, also where one
    needs a library that is neither glibc's nor in there."""
    said = run("readelf", "--wide", "--dynamic", "--version-info", *map(str, _binaries(payload)))
    there = {path.name for path in payload.rglob("*")}
    missing = {name for name in _NEEDED.findall(said) if name not in there and not _OF_GLIBC.fullmatch(name)}
    if missing:
        raise NotBuilt(f"{payload} needs what it does not hold: {', '.join(sorted(missing))}.")
    versions = set(_GLIBC_VERSION.findall(said))
    if not versions:
        raise NotBuilt(f"{payload} was not built for a system with glibc.")
    return max(versions, key=_numbers)


def build_time(environ: Mapping[str, str]) -> int:
    """The time that is written into packages, in seconds since 1970. Raises NotBuilt."""
    given = environ.get(BUILD_TIME)
    if given is None:
        return int(time.time())
    if not given.isdecimal():
        raise NotBuilt(f"{BUILD_TIME} is {given!r}, and not a number of seconds.")
    return int(given)


def run(program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """What a tool of the system says. Raises NotBuilt."""
    found = shutil.which(program)
    if found is None:
        raise NotBuilt(f"{program} is not installed.")
    done = subprocess.run(
        [found, *arguments], env=environ, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise NotBuilt(f"{program} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def in_order(paths: Iterable[Path]) -> Sequence[Path]:
    """Sorted by the name alone, not by this machine's language."""
    return sorted(paths, key=lambda path: path.as_posix().encode())


def _binaries(payload: Path) -> Sequence[Path]:
    return [path for path in in_order(payload.rglob("*")) if path.is_file() and _is_binary(path)]


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
