"""Which program is recorded: a path that outlives the next upgrade."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from installers.program import in_a_cache, needs_launcher, same_program, startable, this_program

posix = pytest.mark.skipif(os.name == "nt", reason="links and paths are POSIX's")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o755)
    return path


@posix
def test_the_script_is_recorded_as_it_was_called_not_where_its_link_leads(tmp_path: Path) -> None:
    private = program(tmp_path / "pipx/venvs/cliproxyapi/bin/cliproxyapi")
    public = tmp_path / "bin/cliproxyapi"
    public.parent.mkdir()
    public.symlink_to(private)
    assert this_program({}, called=str(public), executable="/usr/bin/python3", frozen=False) == public


@posix
def test_a_relative_call_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin/cliproxyapi")
    monkeypatch.chdir(tmp_path / "bin")
    assert this_program({}, called="./cliproxyapi", executable="x", frozen=False) == tmp_path / "bin/cliproxyapi"


@posix
def test_a_bare_name_is_looked_up(tmp_path: Path) -> None:
    found = program(tmp_path / "bin/cliproxyapi")
    environ = {"PATH": str(tmp_path / "bin")}
    assert this_program(environ, called="cliproxyapi", executable="x", frozen=False) == found


def test_as_a_module_it_is_the_script_beside_python(tmp_path: Path) -> None:
    script = program(tmp_path / "bin/cliproxyapi")
    called, executable = str(tmp_path / "tray/__main__.py"), str(tmp_path / "bin/python")
    assert this_program({}, called=called, executable=executable, frozen=False, windows=False) == script
    script.unlink()
    assert this_program({}, called=called, executable=executable, frozen=False, windows=False) is None


@posix
def test_through_the_launcher_it_is_the_program_behind_it(tmp_path: Path) -> None:
    behind = program(tmp_path / "it's here/cliproxyapi")
    link = tmp_path / "launcher"
    link.symlink_to(behind)
    assert this_program({}, called=str(link), executable="x", frozen=False) == behind


def test_pips_wrapper_on_windows_gets_its_suffix_back(tmp_path: Path) -> None:
    script = program(tmp_path / "Scripts/cliproxyapi.exe")
    called = str(script.with_suffix(""))
    assert this_program({}, called=called, executable="x", frozen=False, windows=True) == script
    assert this_program({}, called=str(script), executable="x", frozen=False, windows=True) == script


def test_frozen_it_is_the_executable(tmp_path: Path) -> None:
    executable = program(tmp_path / "CLIProxyAPI")
    assert this_program({}, called="x", executable=str(executable), frozen=True, windows=False) == executable


def test_frozen_on_windows_it_is_the_one_without_a_console(tmp_path: Path) -> None:
    quiet, console = program(tmp_path / "CLIProxyAPI.exe"), program(tmp_path / "console.exe")
    assert this_program({}, called="x", executable=str(console), frozen=True, windows=True) == quiet


def test_an_appimage_is_recorded_itself_not_the_place_where_it_is_mounted() -> None:
    environ = {"APPIMAGE": "/home/ada/CLIProxyAPI.AppImage", "APPDIR": "/tmp/.mount_CLI"}
    found = this_program(environ, called="x", executable="/tmp/.mount_CLI/usr/bin/cliproxyapi", frozen=True)
    assert found == Path("/home/ada/CLIProxyAPI.AppImage")


def test_the_appimage_of_a_terminal_is_not_ours(tmp_path: Path) -> None:
    environ = {"APPIMAGE": "/home/ada/Editor.AppImage", "APPDIR": "/tmp/.mount_Edi"}
    executable = program(tmp_path / "cliproxyapi")
    assert this_program(environ, called="x", executable=str(executable), frozen=True, windows=False) == executable
    found = this_program(environ, called=str(executable), executable="x", frozen=False, windows=False)
    assert found == executable


@posix
def test_two_paths_to_one_file_are_one_program(tmp_path: Path) -> None:
    one, other = program(tmp_path / "one"), tmp_path / "other"
    other.symlink_to(one)
    assert same_program(one, other)
    assert not same_program(one, program(tmp_path / "third"))
    assert not same_program(one, tmp_path / "missing")


@pytest.mark.parametrize(
    ("path", "cached"),
    [
        ("/home/ada/.cache/uv/archive-v0/x/bin/cliproxyapi", True),
        ("/Users/ada/Library/Caches/pipx/x/bin/cliproxyapi", True),
        ("/home/ada/.local/bin/cliproxyapi", False),
        ("/home/ada/cache/cliproxyapi", False),
    ],
)
def test_what_runs_from_a_cache_will_not_last(path: str, cached: bool) -> None:
    assert in_a_cache(PurePosixPath(path)) is cached


@pytest.mark.parametrize("character", ["'", '"', "%", "\\", "\n", "$", "`"])
def test_what_no_command_can_carry_goes_through_the_launcher(character: str) -> None:
    odd = Path(f"/opt/a{character}b/cliproxyapi")
    assert needs_launcher(odd)
    assert startable(odd, Path("/data/launcher")) == Path("/data/launcher")
    with pytest.raises(ValueError, match="CLIPROXYAPI_DATA_DIR"):
        startable(odd, Path(f"/home/{character}/launcher"))


@pytest.mark.parametrize("character", [" ", "&", "ü", ";", "(", "#"])
def test_what_a_command_can_carry_needs_none(character: str) -> None:
    plain = Path(f"/opt/a{character}b/cliproxyapi")
    assert startable(plain, Path("/data/launcher")) == plain
