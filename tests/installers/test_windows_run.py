"""Start at login on Windows, against a registry that is a dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from installers.autostart import Autostart
from installers.mechanism import AutostartError, ForeignAutostart
from installers.windows_run import APPROVED, RUN, VALUE, WindowsRun, parse_command, switched_off
from tests.installers.standin import installed

# As Task Manager writes them: a word of flags, and since when it is switched off.
APPROVED_ON = bytes.fromhex("020000000000000000000000")
APPROVED_OFF = bytes.fromhex("03000000a0b1c2d3e4f5d901")


class Registry:
    """What the standard library's `winreg` does, for one person."""

    HKEY_CURRENT_USER, KEY_READ, KEY_SET_VALUE, REG_SZ = "HKCU", 0x20019, 0x0002, 1

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, tuple[Any, int]]] = {}
        self.denies: str | None = None

    @contextmanager
    def OpenKey(self, key: str, sub_key: str, reserved: int, access: int) -> Iterator[tuple[str, int]]:
        assert (key, reserved) == (self.HKEY_CURRENT_USER, 0)
        if sub_key not in self.keys:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        if sub_key == self.denies:
            raise PermissionError(13, "Access is denied")
        yield sub_key, access

    @contextmanager
    def CreateKeyEx(self, key: str, sub_key: str, reserved: int, access: int) -> Iterator[tuple[str, int]]:
        self.keys.setdefault(sub_key, {})
        with self.OpenKey(key, sub_key, reserved, access) as opened:
            yield opened

    def QueryValueEx(self, key: tuple[str, int], name: str) -> tuple[Any, int]:
        assert key[1] == self.KEY_READ
        return self._values(key[0], name)[name]

    def SetValueEx(self, key: tuple[str, int], name: str, reserved: int, kind: int, value: Any) -> None:
        assert key[1] == self.KEY_SET_VALUE
        self.keys[key[0]][name] = (value, kind)

    def DeleteValue(self, key: tuple[str, int], name: str) -> None:
        assert key[1] == self.KEY_SET_VALUE
        del self._values(key[0], name)[name]

    def _values(self, key: str, name: str) -> dict[str, tuple[Any, int]]:
        if name not in self.keys[key]:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return self.keys[key]


@pytest.fixture
def registry() -> Registry:
    return Registry()


def switch(registry: Registry, program: Path, *, headless: bool = False) -> Autostart:
    return Autostart([WindowsRun(registry)], program, program.parent / "launcher", headless=headless)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return installed(tmp_path / "Program Files", "CLIProxyAPI.exe")


def test_it_is_switched_on_and_off_and_leaves_nothing(registry: Registry, program: Path) -> None:
    assert switch(registry, program).state().condition == "off"
    switch(registry, program).enable()
    assert registry.keys == {RUN: {VALUE: (f'"{program}" --autostarted', registry.REG_SZ)}}
    state = switch(registry, program).state()
    assert (state.condition, state.program) == ("on", str(program))
    switch(registry, program).disable()
    assert registry.keys == {RUN: {}}
    assert switch(registry, program).state().condition == "off"


def test_the_values_of_others_stay(registry: Registry, program: Path) -> None:
    others = {"Other": ("other.exe", 1)}
    registry.keys = {RUN: dict(others), APPROVED: {"Other": (APPROVED_OFF, 3)}}
    switch(registry, program).enable()
    switch(registry, program).disable()
    assert registry.keys == {RUN: others, APPROVED: {"Other": (APPROVED_OFF, 3)}}


def test_what_task_manager_switched_off_is_told_and_switched_on_again(registry: Registry, program: Path) -> None:
    switch(registry, program).enable()
    registry.keys[APPROVED] = {VALUE: (APPROVED_OFF, 3)}
    state = switch(registry, program).state()
    assert state.condition == "switched_off"
    assert "Task Manager" in state.sentence
    switch(registry, program).enable()
    assert switch(registry, program).state().condition == "on"
    assert registry.keys[APPROVED] == {}


@pytest.mark.parametrize(
    ("approved", "off"),
    [
        (APPROVED_ON, False),
        (APPROVED_OFF, True),
        (bytes.fromhex("060000000000000000000000"), False),
        (bytes.fromhex("070000000000000000000000"), True),
        (b"", False),
        (None, False),
        ("text", False),
    ],
)
def test_the_first_of_twelve_bytes_tells(approved: object, off: bool) -> None:
    assert switched_off(approved) is off


def test_a_moved_program_is_repaired(registry: Registry, tmp_path: Path, program: Path) -> None:
    switch(registry, program).enable()
    program.unlink()
    elsewhere = installed(tmp_path / "elsewhere", "CLIProxyAPI.exe")
    assert switch(registry, elsewhere).state().condition == "moved"
    switch(registry, elsewhere).repair()
    assert switch(registry, elsewhere).state().condition == "on"


@pytest.mark.parametrize("value", [(r"C:\other\cliproxyapi.exe", 1), (7, 4), ("", 1)])
def test_another_programs_value_is_replaced_on_consent_only(
    registry: Registry, program: Path, value: tuple[Any, int]
) -> None:
    registry.keys = {RUN: {VALUE: value}}
    assert switch(registry, program).state().condition == "foreign"
    with pytest.raises(ForeignAutostart):
        switch(registry, program).enable()
    switch(registry, program).disable()
    assert registry.keys == {RUN: {VALUE: value}}
    switch(registry, program).enable(replace_foreign=True)
    assert switch(registry, program).state().condition == "on"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (r'"C:\Program Files\x.exe" --autostarted', [r"C:\Program Files\x.exe", "--autostarted"]),
        (r"C:\Program Files\x.exe --autostarted", [r"C:\Program Files\x.exe", "--autostarted"]),
        (r"C:\x.exe", [r"C:\x.exe"]),
        ('"', ['"']),
        ("", []),
    ],
)
def test_command_lines_are_read(value: str, words: list[str]) -> None:
    assert parse_command(value) == words


def test_what_the_registry_refuses_is_one_sentence(registry: Registry, program: Path) -> None:
    registry.keys = {RUN: {}}
    registry.denies = RUN
    with pytest.raises(AutostartError, match="The registry cannot be read: Access is denied"):
        switch(registry, program).enable()
    with pytest.raises(AutostartError, match=r"CLIProxyAPI cannot be written: Access is denied\.$"):
        WindowsRun(registry).write(program)
    with pytest.raises(AutostartError, match=r"CLIProxyAPI cannot be removed: Access is denied\.$"):
        WindowsRun(registry).remove()


def test_a_path_that_windows_would_pass_over_is_refused(registry: Registry) -> None:
    with pytest.raises(AutostartError, match="shorter"):
        switch(registry, Path(f"/{'x' * 260}/CLIProxyAPI.exe")).enable()
    assert registry.keys.get(RUN, {}) == {}


def test_there_is_no_start_before_a_login(registry: Registry, program: Path) -> None:
    with pytest.raises(AutostartError, match="leave --headless out"):
        switch(registry, program, headless=True).enable()
