"""What is in the built executables: nothing that nobody needs, and nothing of the machine that built them."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from PyInstaller.archive.readers import CArchiveReader

from installers.packaging.build import OF_THE_SYSTEM
from tests import needs
from tests.packages.executables import Executables

MEGABYTE = 1_000_000
MOST_MEGABYTES = 30

# What has come along in other programs, and in builds of this one before it was excluded.
PASSENGERS = {
    *("PIL._avif", "PIL._imagingcms", "PIL._imagingft", "PIL._imagingmath", "PIL._imagingmorph", "PIL._imagingtk"),
    *("PIL._webp", "IPython", "PyInstaller", "_pytest", "curses", "doctest", "ensurepip", "gi", "idlelib", "jinja2"),
    *("lib2to3", "matplotlib", "mypy", "numpy", "pandas", "pdb", "pip", "psutil", "pydoc", "pygments", "pytest"),
    *("rich", "setuptools", "test", "tkinter", "trio", "tzdata", "unittest", "watchfiles", "websockets", "wheel"),
    "yaml",
}

# What is large and has a reason. Another name here is a question: who needs it?
LARGE = {
    "PIL": "draws the icons",
    "Xlib": "old trays",
    "aiohttp": "talks to Claude",
    "anyio": "FastAPI's",
    "asyncio": "Python's",
    "base_library": "Python's",
    "click": "the command line",
    "core": "ours",
    "cryptography": "what the Secret Service sends is encrypted",
    "dbus_fast": "the tray",
    "fastapi": "the dashboard",
    "libcrypto": "TLS",
    "libpython3": "Python",
    "libssl": "TLS",
    "libstdc++": "of extensions in C++",
    "msgspec": "JSON",
    "pillow": "Pillow's libraries",
    "pydantic": "FastAPI's",
    "pydantic_core": "FastAPI's",
    "python3": "Python's extensions",
    "tray": "ours",
    "uvicorn": "the server",
    "uvloop": "the server's loop",
}
LOOKED_AT = 20


@pytest.fixture(scope="module")
def inside(executables: Executables) -> dict[str, int]:
    """Every module and file in the single file, and the bytes that it takes there."""
    archive = CArchiveReader(str(executables.path("single file")))
    sizes = {name: entry[1] for name, entry in archive.toc.items() if name != "PYZ.pyz"}
    modules = archive.open_embedded_archive("PYZ.pyz")
    return sizes | {name: entry[2] for name, entry in modules.toc.items()}


def package(name: str) -> str:
    return name.split("/")[0].split(".")[0]


def test_it_is_small(executables: Executables) -> None:
    assert executables.path("single file").stat().st_size < MOST_MEGABYTES * MEGABYTE


def test_what_is_large_has_a_reason(inside: dict[str, int]) -> None:
    sizes: Counter[str] = Counter()
    for name, size in inside.items():
        sizes[package(name)] += size
    largest = sizes.most_common(LOOKED_AT)
    print(*(f"{size / MEGABYTE:6.2f} MB  {name}" for name, size in largest), sep="\n")
    assert [name for name, _ in largest if name not in LARGE] == []


def test_nobody_came_along(inside: dict[str, int]) -> None:
    modules = {name.split(".cpython")[0].replace("/", ".") for name in inside}
    packages = {package(name) for name in modules}
    assert PASSENGERS & (modules | packages) == set()


def test_the_trays_of_other_systems_stay_at_home(inside: dict[str, int]) -> None:
    assert {"tray.linux.status_notifier", "pystray._xorg", "pystray._dummy"} <= set(inside)
    assert {"tray.macos", "tray.windows", "pystray._win32", "pystray._darwin"} & set(inside) == set()


def test_it_loads_libraries_from_nowhere_but_its_own_folder(executables: Executables) -> None:
    if executables.python != OF_THE_SYSTEM:
        needs.missing(f"{OF_THE_SYSTEM} cannot build it")
    readelf = needs.program("readelf")
    libraries = [path for path in executables.folder.rglob("*") if path.is_file() and is_elf(path)]
    assert len(libraries) > 20
    done = subprocess.run([str(readelf), "-d", *map(str, libraries)], capture_output=True, text=True, check=True)
    paths = [line for line in done.stdout.splitlines() if "RUNPATH" in line or "RPATH" in line]
    assert [line for line in paths if "[$ORIGIN" not in line] == []


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
