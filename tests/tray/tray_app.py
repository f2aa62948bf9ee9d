"""The whole program with its icon, as a desktop starts it: a home of its own, and scripts that play the browser and
`claude`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.evidence import keep_files, keep_text
from tests.stand_ins import StandIn, stand_in
from tests.tray.tray_program import PATIENCE

PROGRAM = Path(sys.executable).with_name("cliproxyapi")

_Result = TypeVar("_Result")


class Machine:
    """One person's home and programs, where copies of the app are started. `desktop` is the environment that the
    desktop session gives them."""

    def __init__(self, home: Path, desktop: Mapping[str, str], *, has_claude: bool = True) -> None:
        self.home = home
        home.mkdir(exist_ok=True)
        browser = home / "browser-program" / "xdg-open"
        browser.parent.mkdir()
        self._opened = home / "opened"
        browser.write_text(f'#!/bin/sh\necho "$1" >> "{self._opened}"\n')
        browser.chmod(0o755)
        self.claude: StandIn | None = stand_in(home, "claude") if has_claude else None
        programs = [browser.parent, *([self.claude.directory] if self.claude else []), "/usr/bin", "/bin"]
        self.environment = {
            **desktop,
            "HOME": str(home),
            "PATH": ":".join(map(str, programs)),
            "LANG": "C.UTF-8",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONUNBUFFERED": "1",
        }
        self.apps: list[App] = []
        self.write_settings("port = 0\n")

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        for app in self.apps:
            app.end()
        keep_files(self.home)

    @property
    def settings_file(self) -> Path:
        return self.home / ".config" / "cliproxyapi" / "config.toml"

    @property
    def autostart_file(self) -> Path:
        return self.home / ".config" / "autostart" / "cliproxyapi.desktop"

    @property
    def log(self) -> str:
        return "".join(path.read_text() for path in self.home.rglob("cliproxyapi.log"))

    def write_settings(self, text: str) -> None:
        self.settings_file.parent.mkdir(parents=True, exist_ok=True)
        self.settings_file.write_text(text)

    def opened(self) -> list[str]:
        """What was opened in the browser, without the secrets of the links."""
        text = self._opened.read_text() if self._opened.exists() else ""
        return [line.partition("#")[0] for line in text.splitlines()]

    def links(self) -> list[str]:
        return self._opened.read_text().splitlines()

    def start(self, *arguments: str, **environment: str) -> App:
        self.apps.append(App([str(PROGRAM), *arguments], {**self.environment, **environment}))
        return self.apps[-1]


class App:
    """One process of it."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own, so that what it starts ends with the test.
            start_new_session=True,
        )
        self._said = ""

    def address(self) -> str:
        """Where it serves, once it says so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said += line
            if "serves on" in line:
                return line.split("serves on ")[1].split("/v1")[0]
        raise AssertionError(f"it does not serve: {self._said}")

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE)

    def output(self) -> str:
        """All that it printed; waits for its end."""
        assert self.process.stdout is not None
        self._said += self.process.stdout.read()
        return self._said

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert self.process.stdout is not None
        keep_text(self._said)
        self.process.stdout.close()


def health(address: str) -> dict[str, Any] | None:
    """What the server says of itself; None where nobody answers."""
    try:
        return httpx.get(f"{address}/health", verify=False, trust_env=False, timeout=5).json()
    except httpx.HTTPError:
        return None


def comes(what: Callable[[], _Result]) -> _Result:
    """The first result that is one."""
    until = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < until, "what the test waits for does not happen"
        time.sleep(0.05)
    return found
