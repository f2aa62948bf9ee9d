"""The archive for people without root: installed, upgraded and removed in a home whose path is no plain word."""

from __future__ import annotations

import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import __version__
from installers.packaging.linux import archive
from tests import needs
from tests.packages.executables import serving
from tests.packages.linux import SECONDS, TIME, LinuxPackages, small_payload

ON_PATH = "is not on your PATH"


@dataclass(frozen=True)
class Person:
    """Somebody who unpacked the archive."""

    home: Path
    unpacked: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}

    @property
    def library(self) -> Path:
        return self.home / ".local/lib/cliproxyapi"

    @property
    def link(self) -> Path:
        return self.home / ".local/bin/cliproxyapi"

    @property
    def entry(self) -> Path:
        return self.home / ".local/share/applications/cliproxyapi.desktop"

    def run(self, program: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), *arguments],
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def install(self, **more: str) -> str:
        done = self.run(self.unpacked / "install.sh", **more)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def uninstall(self, *arguments: str) -> str:
        done = self.run(self.library / "uninstall.sh", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*"))


@pytest.fixture
def person(linux_packages: LinuxPackages, tmp_path: Path) -> Person:
    home = tmp_path / "a person's home & more"
    home.mkdir()
    with tarfile.open(linux_packages.archive) as opened:
        opened.extractall(tmp_path / "un packed", filter="tar")
    (unpacked,) = (tmp_path / "un packed").iterdir()
    return Person(home, unpacked)


def test_the_scripts_are_plain_shell() -> None:
    shellcheck = needs.program("shellcheck")
    scripts = sorted(Path(archive.__file__).parent.glob("*.sh"))
    done = subprocess.run([str(shellcheck), "--shell=sh", *map(str, scripts)], capture_output=True, text=True)
    assert len(scripts) == 2
    assert (done.returncode, done.stdout) == (0, "")


def test_the_same_payload_makes_the_same_archive(tmp_path: Path) -> None:
    payload = small_payload(tmp_path / "payload")
    one, other = (archive.build(payload, tmp_path / name, seconds=TIME) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_a_person_installs_runs_and_removes_it(person: Person) -> None:
    said = person.install()
    assert said.startswith(f"cliproxyapi {__version__} is installed.")
    assert f"{person.link.parent} {ON_PATH}" in said
    assert person.run(person.link, "--version").stdout == f"cliproxyapi {__version__}\n"
    assert (person.home / ".local/share/icons/hicolor/48x48/apps/cliproxyapi.png").is_file()
    assert f"run {person.library}/uninstall.sh" in person.run(person.link, "uninstall").stdout

    said = person.uninstall()
    assert said.endswith("CLIProxyAPI is removed.\n")
    assert "To remove the program" not in said
    assert person.files() == []


def test_it_says_nothing_of_a_path_that_is_right(person: Person) -> None:
    assert ON_PATH not in person.install(PATH=f"/usr/bin:/bin:{person.link.parent}")


def test_the_menu_starts_it(person: Person) -> None:
    validate, gio = needs.program("desktop-file-validate"), needs.program("gio")
    person.install()
    checked = subprocess.run([str(validate), str(person.entry)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")
    # A stand-in in its place: what a menu starts without a screen would go on for ever.
    called = person.home / "called"
    program = person.library / "cliproxyapi"
    program.unlink()
    program.write_text(f'#!/bin/sh\necho "called $#" >"{called}.new" && mv "{called}.new" "{called}"\n')
    program.chmod(0o755)
    subprocess.run([str(gio), "launch", str(person.entry)], env=person.environ, check=True, timeout=SECONDS)
    subprocess.run(["timeout", "30", "sh", "-c", f'until [ -e "{called}" ]; do sleep 0.1; done'], check=True)
    assert called.read_text() == "called 0\n"


def test_an_upgrade_replaces_what_runs_and_leaves_nothing_of_the_older_version(person: Person) -> None:
    person.install()
    old = person.library / "_internal/of/an older version.so"
    old.parent.mkdir()
    old.write_text("")
    with (person.library / "files").open("a") as files:
        files.write(f"{old.relative_to(person.library)}\n")
    with serving(person.link, person.environ) as (process, _):
        said = person.install()
        assert process.wait(SECONDS) == 0
    assert "has quit" in said
    assert not old.parent.exists()
    assert person.run(person.link, "--version").returncode == 0
    person.uninstall("--purge")
    assert person.files() == []


def test_a_persons_own_files_stay(person: Person) -> None:
    person.install()
    own = [person.library / "notes.txt", person.home / ".local/share/icons/hicolor/48x48/apps/other.png"]
    for path in own:
        path.write_text("mine")
    said = person.uninstall("--purge")
    assert f"Left: {person.library}: other files are in it." in said
    assert [path.read_text() for path in own] == ["mine", "mine"]
    assert {path for path in person.home.rglob("*") if path.is_file()} == set(own)


def test_a_folder_of_another_name_for_what_desktops_read(person: Person, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    person.install(XDG_DATA_HOME=str(elsewhere))
    assert (elsewhere / "applications/cliproxyapi.desktop").is_file()
    assert not (person.home / ".local/share").exists()
    # Nobody has to remember where that was.
    person.uninstall("--purge")
    assert not elsewhere.exists()


def test_another_program_of_that_name_stays_what_it_is(person: Person) -> None:
    person.link.parent.mkdir(parents=True)
    person.link.write_text("of pipx")
    done = person.run(person.unpacked / "install.sh")
    assert done.returncode == 1
    assert f"{person.link} is there already, and is another program" in done.stdout
    assert person.link.read_text() == "of pipx"
    assert not person.library.exists()


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "$HOME", "50%", "two\nlines"])
def test_a_home_that_no_menu_can_name_is_told(person: Person, name: str) -> None:
    done = person.run(person.unpacked / "install.sh", HOME=str(person.home / name))
    assert done.returncode == 1
    assert "no menu can start a program in" in done.stdout
    assert person.files() == []
