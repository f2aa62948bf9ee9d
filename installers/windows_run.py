"""Start at login on Windows: a value of the registry's Run key, and what Task Manager says about it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path, PureWindowsPath
from typing import Any, Protocol, cast

from .mechanism import MARK, AutostartError, AutostartState, judged

RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
VALUE = "CLIProxyAPI"

# Windows passes a longer command over.
_LONGEST_COMMAND = 260


class Winreg(Protocol):
    """What we use of the standard library's `winreg`, which is there on Windows alone."""

    HKEY_CURRENT_USER: Any
    KEY_READ: int
    KEY_SET_VALUE: int
    REG_SZ: int
    OpenKey: Callable[..., AbstractContextManager[Any]]
    CreateKeyEx: Callable[..., AbstractContextManager[Any]]
    QueryValueEx: Callable[[Any, str], tuple[Any, int]]
    SetValueEx: Callable[[Any, str, int, int, Any], None]
    DeleteValue: Callable[[Any, str], None]


def system_registry() -> Winreg:
    return cast("Winreg", importlib.import_module("winreg"))


def render_command(program: PureWindowsPath | Path) -> str:
    return f'"{program}" {MARK}'


def parse_command(value: str) -> list[str]:
    """The words of a command line whose program may stand in quotes."""
    program, rest = value.strip(), ""
    if quoted := re.fullmatch(r'"([^"]*)"(.*)', program, re.DOTALL):
        program, rest = quoted.groups()
    elif (cut := program.find(f" {MARK}")) >= 0:
        program, rest = program[:cut], program[cut:]
    return [program, *rest.split()] if program else []


def switched_off(approved: object) -> bool:
    """What Task Manager's value of 12 bytes says: its first byte is odd when somebody switched the program off."""
    return isinstance(approved, bytes) and len(approved) > 0 and approved[0] % 2 == 1


class WindowsRun:
    """The value of our name."""

    name = "registry value"
    headless = False

    def __init__(self, registry: Winreg) -> None:
        self._registry = registry

    @property
    def place(self) -> str:
        return rf"HKEY_CURRENT_USER\{RUN}\{VALUE}"

    def usable(self) -> bool:
        return True

    def read(self, program: Path | None) -> AutostartState:
        value = self._value(RUN)
        if value is None:
            return AutostartState("off", self.name, self.place)
        off = "it is switched off in Task Manager, under Startup apps" if switched_off(self._value(APPROVED)) else None
        words = parse_command(value) if isinstance(value, str) else []
        return judged(self, words, program, switched_off=off)

    def render(self, program: Path) -> str:
        return render_command(program)

    def write(self, program: Path) -> None:
        value = render_command(program)
        if len(value) > _LONGEST_COMMAND:
            raise AutostartError(
                f"Windows starts no program with a path as long as {program}: move it to a shorter one."
            )
        registry = self._registry
        try:
            with registry.CreateKeyEx(registry.HKEY_CURRENT_USER, RUN, 0, registry.KEY_SET_VALUE) as key:
                registry.SetValueEx(key, VALUE, 0, registry.REG_SZ, value)
        except OSError as error:
            raise self._cannot("written", error) from error
        # The person just said that they want it: what Task Manager remembers says otherwise, or nothing.
        self._delete(APPROVED)

    def remove(self) -> None:
        self._delete(RUN)
        self._delete(APPROVED)

    def start(self) -> None:
        raise AutostartError("Windows starts this at login only: start CLIProxyAPI from the Start menu.")

    def advice(self) -> str | None:
        return None

    def _value(self, path: str) -> object:
        registry = self._registry
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, path, 0, registry.KEY_READ) as key:
                return registry.QueryValueEx(key, VALUE)[0]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AutostartError(f"The registry cannot be read: {error.strerror or error}.") from error

    def _delete(self, path: str) -> None:
        registry = self._registry
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, path, 0, registry.KEY_SET_VALUE) as key:
                registry.DeleteValue(key, VALUE)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._cannot("removed", error) from error

    def _cannot(self, verb: str, error: OSError) -> AutostartError:
        return AutostartError(f"{self.place} cannot be {verb}: {error.strerror or error}.")
