"""The Windows installer under Wine: installed, upgraded and removed, silently, as winget does it; the files and the
registry are compared with what was there before. Its payload are stand-ins for the program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

import pytest

from core.paths import Paths
from installers.packaging import identity
from installers.packaging.windows.installer import COMMAND, DATA_FOLDER, SIGN, NotBuilt, build, windows_paths
from installers.program import WINDOWS_PROGRAM
from installers.windows_run import APPROVED, RUN, VALUE, render_command
from tests import needs
from tests.packages.wine import SECONDS, Wine, wine_in

STAND_IN = Path(__file__).with_name("standin.nsi")
UNINSTALL = rf"Software\Microsoft\Windows\CurrentVersion\Uninstall\{identity.NAME}"


@dataclass(frozen=True)
class Machine:
    """A Windows with a person on it."""

    wine: Wine
    started: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    @property
    def profile(self) -> Path:
        return next(path for path in (self.wine.drive / "users").iterdir() if path.name != "Public")

    @property
    def local(self) -> Path:
        return self.profile / "AppData/Local"

    @property
    def installed(self) -> Path:
        return self.local / "Programs" / identity.NAME

    @property
    def link(self) -> Path:
        return self.profile / f"AppData/Roaming/Microsoft/Windows/Start Menu/Programs/{identity.NAME}.lnk"

    @property
    def calls(self) -> list[str]:
        path = self.profile / "calls.txt"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def running(self) -> bool:
        return (self.profile / "running.txt").exists()

    def windows_path(self, path: Path) -> PureWindowsPath:
        return PureWindowsPath("C:\\", path.relative_to(self.wine.drive))

    def files(self) -> set[Path]:
        """All of them, but for those of the stand-ins and of the system's own services."""
        found = (path for path in self.wine.drive.rglob("*") if not path.is_dir() and "Temp" not in path.parts)
        return {path for path in found if path.parent != self.profile and "windows" not in path.parts}

    def folders(self) -> set[Path]:
        found = (path for path in self.wine.drive.rglob("*") if path.is_dir() and "Temp" not in path.parts)
        return {path for path in found if "windows" not in path.parts}

    def registry(self) -> set[tuple[str, str]]:
        """Each value of the person's registry, as (key, line of the export)."""
        export = self.wine.drive / "export.reg"
        assert self.wine.run("regedit", "/E", r"C:\export.reg", "HKEY_CURRENT_USER").returncode == 0
        text = export.read_bytes().decode("utf-16").replace("\\\r\n", "").replace("\r\n", "\n")
        export.unlink()
        values: set[tuple[str, str]] = set()
        for block in text.split("\n\n"):
            key, *lines = block.strip().split("\n")
            # What the desktop notes for itself.
            if key.startswith("[") and not re.search(
                r"\\(Console|Wine|Volatile Environment|Explorer\\(?!StartupApproved))", key
            ):
                values |= {(key, ""), *((key, line) for line in lines)}
        return values

    def value(self, key: str, name: str) -> str | None:
        said = self.wine.run("reg", "query", rf"HKCU\{key}", "/v", name).stdout
        found = re.search(rf"^ +{name} +REG_\w+ +(.*)$", said, re.MULTILINE)
        return found[1] if found else None

    def add(self, key: str, name: str, kind: str, data: str) -> None:
        assert self.wine.run("reg", "add", rf"HKCU\{key}", "/v", name, "/t", kind, "/d", data, "/f").returncode == 0

    def install(self, installer: Path, *arguments: str) -> int:
        return self.wine.run(str(installer), "/S", *arguments).returncode

    def uninstall(self, *arguments: str, folder: Path | None = None) -> None:
        """Waits: the uninstaller works on from a copy of itself."""
        uninstaller = (folder or self.installed) / "uninstall.exe"
        assert self.wine.run(str(uninstaller), "/S", *arguments).returncode == 0
        self.until(lambda: not uninstaller.exists())
        self.until(lambda: not self.wine.runs("_?="))

    def start(self, program: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["wine", str(program)],
            env=self.wine.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.started.append(process)
        self.until(lambda: self.running)
        return process

    def quit(self) -> None:
        for name in ("running.txt", "deaf.txt"):
            (self.profile / name).unlink(missing_ok=True)
        for process in self.started:
            process.wait(SECONDS)

    def until(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not happened():
            assert time.monotonic() < end, "it does not happen"
            time.sleep(0.1)


@dataclass(frozen=True)
class Installers:
    """An old version with a file that the new one has not."""

    old: Path
    new: Path


@pytest.fixture(scope="module")
def installers(tmp_path_factory: pytest.TempPathFactory) -> Installers:
    makensis = needs.program("makensis")
    folder = tmp_path_factory.mktemp("installers")
    stand_in = folder / "stand-in.exe"
    subprocess.run([str(makensis), "-V2", f"-DOUTPUT={stand_in}", str(STAND_IN)], check=True)
    built: dict[str, Path] = {}
    for version, library in (("0.9.0", "old.dll"), ("1.0.0", "new.dll")):
        payload = folder / version
        (payload / "_internal/core/Größe $x").mkdir(parents=True)
        for name in (WINDOWS_PROGRAM, COMMAND):
            shutil.copy(stand_in, payload / name)
        (payload / "_internal" / library).write_text(version)
        (payload / "_internal/core/Größe $x/both.txt").write_text(version)
        built[version] = folder / f"CLIProxyAPI-{version}.exe"
        build(payload, built[version], version=version)
    return Installers(built["0.9.0"], built["1.0.0"])


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    with wine_in(tmp_path_factory.mktemp("wine")) as wine:
        yield wine


@pytest.fixture
def machine(wine: Wine) -> Iterator[Machine]:
    """Without the program, before the test and after it."""
    machine = Machine(wine)
    (machine.profile / "calls.txt").unlink(missing_ok=True)
    yield machine
    machine.quit()
    if (machine.installed / "uninstall.exe").exists():
        machine.uninstall("/PURGE")


def test_what_is_installed_is_upgraded_and_removed_without_a_trace(machine: Machine, installers: Installers) -> None:
    files, folders, registry = machine.files(), machine.folders(), machine.registry()

    assert machine.install(installers.old) == 0
    inside = {path.relative_to(machine.installed).as_posix() for path in machine.files() - files - {machine.link}}
    both = {WINDOWS_PROGRAM, COMMAND, "uninstall.exe", "_internal/core/Größe $x/both.txt"}
    assert inside == {*both, "_internal/old.dll"}
    assert machine.link.exists()
    assert machine.value(UNINSTALL, "DisplayVersion") == "0.9.0"
    assert machine.value(UNINSTALL, "Publisher") == identity.PUBLISHER
    assert machine.value(RUN, VALUE) is None, "start at login was not asked for"

    assert machine.install(installers.new) == 0
    inside = {path.relative_to(machine.installed).as_posix() for path in machine.files() - files - {machine.link}}
    assert inside == {*both, "_internal/new.dll"}
    assert (machine.installed / "_internal/core/Größe $x/both.txt").read_text() == "1.0.0"
    assert machine.value(UNINSTALL, "DisplayVersion") == "1.0.0"

    machine.uninstall()
    assert machine.files() == files
    # Where programs are installed is the person's, not ours.
    assert machine.folders() - folders <= {machine.installed.parent}
    after = machine.registry()
    assert registry <= after
    # The key that holds those of all programs is the system's.
    assert {key for key, _ in after - registry} <= {rf"[HKEY_CURRENT_USER\{UNINSTALL.rpartition(chr(92))[0]}]"}


def test_a_program_that_runs_is_asked_to_quit_and_runs_again_after_the_upgrade(
    machine: Machine, installers: Installers
) -> None:
    assert machine.install(installers.old) == 0
    process = machine.start(machine.installed / WINDOWS_PROGRAM)
    assert machine.install(installers.new) == 0
    assert process.wait(SECONDS) == 0
    machine.until(lambda: machine.running)
    assert machine.calls == [f"{WINDOWS_PROGRAM} ", f"{COMMAND} quit", f"{WINDOWS_PROGRAM} --autostarted"]
    machine.uninstall()
    machine.until(lambda: not machine.running)
    assert not machine.installed.exists()


def test_a_program_that_does_not_quit_is_neither_replaced_nor_removed(machine: Machine, installers: Installers) -> None:
    assert machine.install(installers.old) == 0
    (machine.profile / "deaf.txt").touch()
    process = machine.start(machine.installed / WINDOWS_PROGRAM)
    before = machine.files()
    assert machine.install(installers.new) != 0
    assert machine.files() == before
    assert machine.value(UNINSTALL, "DisplayVersion") == "0.9.0"
    machine.quit()
    assert process.wait(SECONDS) == 0


def test_the_start_at_login_outlives_an_upgrade_also_into_another_folder(
    machine: Machine, installers: Installers
) -> None:
    assert machine.install(installers.old) == 0
    program = machine.installed / WINDOWS_PROGRAM
    machine.add(RUN, VALUE, "REG_SZ", render_command(machine.windows_path(program)))
    machine.add(APPROVED, VALUE, "REG_BINARY", "020000000000000000000000")
    assert machine.install(installers.new) == 0
    assert machine.value(RUN, VALUE) == render_command(machine.windows_path(program))

    other = machine.wine.drive / "Elsewhere"
    assert machine.install(installers.new, "/D=C:\\Elsewhere") == 0
    assert not machine.installed.exists()
    assert machine.value(RUN, VALUE) == render_command(PureWindowsPath(r"C:\Elsewhere", WINDOWS_PROGRAM))
    machine.uninstall(folder=other)
    assert not other.exists()
    assert machine.value(RUN, VALUE) is None
    assert machine.value(APPROVED, VALUE) is None


def test_what_others_put_there_stays(machine: Machine, installers: Installers) -> None:
    assert machine.install(installers.new) == 0
    theirs = [machine.installed / "notes.txt", machine.installed / "_internal/plugin.dll"]
    theirs.append(machine.local / DATA_FOLDER / "config.toml.bak")
    theirs[-1].parent.mkdir()
    for path in theirs:
        path.write_text("mine")
    machine.add(RUN, VALUE, "REG_SZ", r"C:\pipx\cliproxyapi.exe --autostarted")
    machine.uninstall("/PURGE")
    assert all(path.exists() for path in theirs)
    assert machine.value(RUN, VALUE) == r"C:\pipx\cliproxyapi.exe --autostarted"
    for path in theirs:
        path.unlink()
    for folder in (machine.installed / "_internal", machine.installed, machine.local / DATA_FOLDER):
        folder.rmdir()
    machine.wine.run("reg", "delete", rf"HKCU\{RUN}", "/v", VALUE, "/f")


def test_settings_stay_unless_they_were_to_go(machine: Machine, installers: Installers) -> None:
    paths = windows_paths()
    written = [machine.local / str(name).replace("*", "3456") for name in paths.written_names()]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("ours")
    (machine.local / paths.claude_code_dir / "empty").mkdir()

    assert machine.install(installers.new) == 0
    machine.uninstall()
    assert all(path.exists() for path in written)
    assert f"{COMMAND} uninstall --purge" not in machine.calls

    assert machine.install(installers.new) == 0
    machine.uninstall("/PURGE")
    assert f"{COMMAND} uninstall --purge" in machine.calls
    assert not (machine.local / DATA_FOLDER).exists()


def test_the_installer_knows_the_folders_and_the_value_that_the_program_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    from platformdirs import windows

    monkeypatch.setattr(windows, "get_win_folder", lambda _: "LOCAL")
    system = windows.Windows(DATA_FOLDER, appauthor=False)
    expected = Paths(
        config_dir=Path("LOCAL", DATA_FOLDER),
        data_dir=Path("LOCAL", DATA_FOLDER),
        log_dir=Path("LOCAL", DATA_FOLDER, "Logs"),
        run_dir=Path("LOCAL", DATA_FOLDER, "run"),
    )
    given = (system.user_config_dir, system.user_data_dir, system.user_log_dir)
    assert [Path(path.replace("\\", "/")) for path in given] == [
        expected.config_dir,
        expected.data_dir,
        expected.log_dir,
    ]
    assert {Path("LOCAL") / name for name in windows_paths().written_names()} == set(expected.written_names())


def test_whoever_has_a_certificate_signs_all_that_is_run(installers: Installers, tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    shutil.copytree(installers.old.with_name("0.9.0"), payload)
    signer, signed = tmp_path / "signer", tmp_path / "signed.txt"
    signer.write_text(f'#!/bin/sh\necho "$1" >> {signed}\n')
    signer.chmod(0o755)
    build(payload, tmp_path / "out.exe", environ={**os.environ, SIGN: str(signer)})
    names = [Path(line).name for line in signed.read_text().splitlines()]
    # The uninstaller is a file of its own only while it is signed.
    assert [names[0], names[1], names[3]] == [WINDOWS_PROGRAM, COMMAND, "out.exe"]
    assert len(names) == 4


def test_a_payload_without_the_program_makes_no_installer(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match=f"no {WINDOWS_PROGRAM}"):
        build(tmp_path, tmp_path / "out.exe")
    for name in (WINDOWS_PROGRAM, COMMAND):
        (tmp_path / name).touch()
    with pytest.raises(NotBuilt, match="without 'setup'"):
        build(tmp_path, tmp_path / "Setup.exe")
    with pytest.raises(NotBuilt, match="makensis is not installed"):
        build(tmp_path, tmp_path / "out.exe", environ={"PATH": os.devnull})
