"""The packages for Linux, and a clean system to install them in."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from installers.packaging.linux import archive, deb
from tests import needs

SECONDS = 300

# When "now" is, for packages of a test.
TIME = 1_700_000_000

# What apt and dpkg remember of all that was ever there.
_MEMORY = ("var/cache/apt", "var/lib/apt", "var/lib/dpkg", "var/log", "proc", "sys", "dev", "tmp")


@dataclass(frozen=True)
class LinuxPackages:
    deb: Path
    archive: Path


def make_packages(payload: Path, folder: Path) -> LinuxPackages:
    for name in ("dpkg-deb", "readelf"):
        needs.program(name)
    return LinuxPackages(
        deb.build(payload, folder, seconds=TIME),
        archive.build(payload, folder, seconds=TIME),
    )


def small_payload(folder: Path) -> Path:
    """What looks like the program to those who pack it, in a moment."""
    licences = folder / "_internal/core/licences.txt"
    licences.parent.mkdir(parents=True)
    licences.write_text("Licences\n")
    shutil.copy("/bin/true", folder / "cliproxyapi")
    return folder


def unpacked(package: Path, folder: Path) -> Path:
    """The files of a .deb, as they would lie in the system's root."""
    subprocess.run([str(needs.program("dpkg-deb")), "-x", str(package), str(folder)], check=True, timeout=SECONDS)
    return folder


@dataclass(frozen=True)
class CleanRoot:
    """A Debian with nothing but its essentials and what the package depends on."""

    path: Path

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """A script of the shell, by root, with processes that see only each other."""
        command = ["unshare", "--mount", "--fork", "--pid", f"--mount-proc={self.path}/proc", "--kill-child"]
        return subprocess.run(
            [*command, "chroot", str(self.path), "/bin/sh", "-c", script],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def as_person(self, *command: str) -> list[str]:
        """What runs `command` there as somebody who is not root, and has an empty environment but for a home."""
        home = self.path / "home/person"
        home.mkdir(exist_ok=True)
        os.chown(home, 1000, 1000)
        return ["chroot", "--userspec=1000:1000", str(self.path), "/usr/bin/env", "-i", "HOME=/home/person", *command]

    def files(self) -> Mapping[str, tuple[int, int]]:
        """Each file and folder with its kind and its size."""
        found: dict[str, tuple[int, int]] = {}
        for folder, folders, files in os.walk(self.path):
            here = os.path.relpath(folder, self.path)
            folders[:] = [name for name in folders if os.path.normpath(f"{here}/{name}") not in _MEMORY]
            for name in (*folders, *files):
                state = os.lstat(os.path.join(folder, name))
                size = 0 if name in folders else state.st_size
                found[os.path.normpath(f"{here}/{name}")] = (state.st_mode, size)
        return found


def clean_root(folder: Path) -> CleanRoot:
    """Made from the sources of packages that this machine itself uses."""
    if os.geteuid() != 0:
        needs.missing("only root can make a clean system")
    program = needs.program("mmdebstrap")
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    sources = [path for path in _sources() if _is_for(path, codename)]
    if not sources:
        needs.missing("apt's sources do not name the system's own packages")
    command = [str(program), "--variant=apt", "--include=ca-certificates", "--quiet", codename, str(folder)]
    done = subprocess.run(
        [*command, *map(str, sources)], capture_output=True, text=True, timeout=SECONDS * 2, check=False
    )
    assert done.returncode == 0, done.stderr
    return CleanRoot(folder)


def _sources() -> list[Path]:
    folder = Path("/etc/apt")
    return [*folder.glob("sources.list"), *sorted(folder.glob("sources.list.d/*"))]


def _is_for(path: Path, codename: str) -> bool:
    """Whether it names the system's own suite, and not another's with a longer name."""
    suite = re.compile(rf"^(deb\s.*|Suites:.*\s){re.escape(codename)}(\s|$)", re.MULTILINE)
    return path.suffix in (".list", ".sources") and bool(suite.search(path.read_text()))
