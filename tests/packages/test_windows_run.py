"""Start at login on Windows, with the registry of Wine, which also plays the login."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PureWindowsPath
from typing import Any

import pytest

from installers.windows_run import APPROVED, RUN, VALUE, WindowsRun, parse_command, render_command
from tests.packages.wine import SECONDS, Wine, wine_in


class WineRegistry:
    """What we use of `winreg`, by way of the program `reg`."""

    HKEY_CURRENT_USER, KEY_READ, KEY_SET_VALUE, REG_SZ = "HKCU", 1, 2, 1

    def __init__(self, wine: Wine) -> None:
        self._wine = wine

    @contextmanager
    def OpenKey(self, key: str, sub_key: str, reserved: int, access: int) -> Iterator[str]:
        path = rf"{key}\{sub_key}"
        if self._wine.run("reg", "query", path).returncode != 0:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        yield path

    @contextmanager
    def CreateKeyEx(self, key: str, sub_key: str, reserved: int, access: int) -> Iterator[str]:
        yield rf"{key}\{sub_key}"

    def QueryValueEx(self, key: str, name: str) -> tuple[Any, int]:
        said = self._wine.run("reg", "query", key, "/v", name).stdout
        found = re.search(rf"^ +{name} +REG_(SZ|BINARY) +(.*)$", said, re.MULTILINE)
        if found is None:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return (found[2], 1) if found[1] == "SZ" else (bytes.fromhex(found[2]), 3)

    def SetValueEx(self, key: str, name: str, reserved: int, kind: int, value: str) -> None:
        assert kind == self.REG_SZ
        assert self._wine.run("reg", "add", key, "/v", name, "/t", "REG_SZ", "/d", value, "/f").returncode == 0

    def DeleteValue(self, key: str, name: str) -> None:
        if self._wine.run("reg", "delete", key, "/v", name, "/f").returncode != 0:
            raise FileNotFoundError(2, "The system cannot find the file specified")


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    with wine_in(tmp_path_factory.mktemp("wine")) as wine:
        yield wine


def test_windows_starts_what_we_wrote_until_we_take_it_back(wine: Wine) -> None:
    folder = wine.drive / "Program Files/CLIProxyAPI"
    folder.mkdir()
    called = folder / "called.txt"
    program = PureWindowsPath(r"C:\Program Files\CLIProxyAPI\CLIProxyAPI.bat")
    (folder / program.name).write_text('@echo %1> "C:\\Program Files\\CLIProxyAPI\\called.txt"\r\n')
    registry = WineRegistry(wine)
    switch = WindowsRun(registry)
    assert switch.read(None).condition == "off"
    # `Path` of a Windows path would be one only on Windows.
    switch.write(program)  # pyright: ignore[reportArgumentType]
    with registry.OpenKey("HKCU", RUN, 0, 1) as key:
        assert registry.QueryValueEx(key, VALUE) == (render_command(program), 1)
        assert parse_command(registry.QueryValueEx(key, VALUE)[0]) == [str(program), "--autostarted"]
    wine.run("wineboot")  # which plays a login
    until = time.monotonic() + SECONDS
    while not called.exists():
        assert time.monotonic() < until, "a login does not start it"
        time.sleep(0.2)
    assert called.read_text().strip() == "--autostarted"
    switch.remove()
    assert switch.read(None).condition == "off"
    switch.remove()


def test_what_task_manager_writes_is_read_and_taken_back(wine: Wine) -> None:
    registry = WineRegistry(wine)
    switch = WindowsRun(registry)
    program = PureWindowsPath(r"C:\CLIProxyAPI.exe")
    switch.write(program)  # pyright: ignore[reportArgumentType]
    off = "03000000a0b1c2d3e4f5d901"
    assert wine.run("reg", "add", rf"HKCU\{APPROVED}", "/v", VALUE, "/t", "REG_BINARY", "/d", off, "/f").returncode == 0
    assert switch.read(None).condition == "switched_off"
    switch.write(program)  # pyright: ignore[reportArgumentType]
    assert switch.read(None).condition != "switched_off"
    switch.remove()
    assert wine.run("reg", "query", rf"HKCU\{APPROVED}", "/v", VALUE).returncode != 0
