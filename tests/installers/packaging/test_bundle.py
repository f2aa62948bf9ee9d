"""What is handed to PyInstaller, for systems that are not this one as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import __version__
from installers.packaging import bundle, identity


@pytest.mark.parametrize("system", ["darwin", "linux", "win32"])
def test_each_system_gets_its_own_tray_alone(system: str) -> None:
    wanted, unwanted = set(bundle.hidden_imports(system)), set(bundle.excluded(system))
    assert not wanted & unwanted
    modules = {"darwin": "tray.macos", "linux": "tray.linux", "win32": "tray.windows"}
    assert modules.pop(system) in wanted
    assert set(modules.values()) <= unwanted


def test_what_is_named_is_there() -> None:
    assert Path(bundle.ENTRY).is_file()
    for source, _ in bundle.data_files():
        assert Path(source, "index.html").is_file()


def test_the_properties_in_windows_are_those_of_this_version() -> None:
    """Read as PyInstaller reads them: as Python, with these names."""

    def record(name: str) -> Any:
        return lambda *positional, **named: (name, *positional, named) if named else (name, *positional)

    names = (
        "VSVersionInfo",
        "FixedFileInfo",
        "StringFileInfo",
        "StringTable",
        "StringStruct",
        "VarFileInfo",
        "VarStruct",
    )
    text = bundle.version_resource("cliproxyapi-cli.exe")
    resource: Any = eval(text, {name: record(name) for name in names})
    _, (_, numbers), ((_, ((_, language, strings),)), (_, ((_, kind, translation),))) = resource
    assert ".".join(map(str, numbers["filevers"])) == f"{__version__}.0"
    assert (language, kind, translation) == ("040904B0", "Translation", [0x0409, 0x04B0])
    told = {name: value for _, name, value in strings}
    assert (told["ProductName"], told["ProductVersion"]) == (identity.NAME, __version__)
    assert told["OriginalFilename"] == "cliproxyapi-cli.exe"


def test_the_app_of_macos_has_no_place_in_the_dock() -> None:
    plist = bundle.info_plist()
    assert plist["LSUIElement"] is True
    assert plist["CFBundleShortVersionString"] == __version__


def test_what_was_kept_of_both_executables_is_forgotten(tmp_path: Path) -> None:
    for name in ("EXE-00.toc", "PKG-01.toc", "Analysis-00.toc"):
        (tmp_path / name).touch()
    bundle.forget_last_build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["Analysis-00.toc"]
