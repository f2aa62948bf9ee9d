"""The `claude` executable that the person installed: where it is, which version, and whether it is signed in.

We read no secret for that: `claude auth status` answers as JSON, from this machine alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import json_codec
from .json_codec import object_or_empty
from .programs import NO_WINDOW, child_environment, find_program

INSTALL_COMMAND = "npm install -g @anthropic-ai/claude-code"

# What makes `claude` use another account than its own, or ask us and wait for itself.
_FOREIGN_VARIABLES = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
)
_STATUS_SECONDS = 20.0
# Asking costs half a second of processor time. A login in another terminal should be seen soon; a logout shows itself
# in the first request that fails.
_LOGGED_IN_LIVES_SECONDS = 600.0
_LOGGED_OUT_LIVES_SECONDS = 10.0
_FOUND_LIVES_SECONDS = 300.0
_MISSING_LIVES_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Installation:
    """An executable that runs. `version` is its own word, like `2.1.330 (Claude Code)`."""

    path: Path
    version: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version as numbers, to compare; empty where it has none."""
        match = re.search(r"(\d+)\.(\d+)\.(\d+)", self.version)
        return tuple(int(part) for part in match.groups()) if match else ()


@dataclass(frozen=True, slots=True)
class AuthStatus:
    """What `claude auth status` says of Claude Code's own login."""

    logged_in: bool
    method: str = "none"
    email: str | None = None
    plan: str | None = None
    organisation: str | None = None


class ClaudeCLI:
    """Finds and asks the executable. Any thread may call; each call may take seconds: never on an event loop."""

    def __init__(
        self, environ: Mapping[str, str], home: Path | None = None, named: Callable[[], str | None] | None = None
    ):
        """`named` gives the path that the person's settings name, if any."""
        self._environ = environ
        self.home = home or Path(environ.get("HOME") or Path.home())
        self._named = named or (lambda: None)
        self._lock = threading.Lock()
        self._found: tuple[float, str | None, Installation | None] | None = None
        self._status: tuple[float, tuple[object, ...], AuthStatus] | None = None

    def find(self, *, afresh: bool = False) -> Installation | None:
        """The executable, looked for again every few minutes; None where there is none that runs."""
        named = self._named()
        with self._lock:
            if self._found is not None and not afresh:
                at, was_named, installation = self._found
                lives = _MISSING_LIVES_SECONDS if installation is None else _FOUND_LIVES_SECONDS
                known = time.monotonic() - at < lives and was_named == named
                if known and (installation is None or installation.path.exists()):
                    return installation
            found = find_program("claude", self._environ, self.home, named=named)
            installation = Installation(*found) if found else None
            self._found = (time.monotonic(), named, installation)
            return installation

    def environment(self, installation: Installation, **extra: str) -> dict[str, str]:
        """For a child that uses Claude Code's own login: without the variables that would make it use another."""
        environment = child_environment(self._environ, program=installation.path)
        for name in _FOREIGN_VARIABLES:
            environment.pop(name, None)
        return {**environment, **extra}

    def auth_status(self, *, afresh: bool = False) -> AuthStatus | None:
        """Claude Code's login; None where there is no executable, or it does not say."""
        installation = self.find()
        if installation is None:
            return None
        seen = (str(installation.path), *self._login_stamps())
        with self._lock:
            if self._status is not None and not afresh:
                at, was_seen, status = self._status
                lives = _LOGGED_IN_LIVES_SECONDS if status.logged_in else _LOGGED_OUT_LIVES_SECONDS
                if was_seen == seen and time.monotonic() - at < lives:
                    return status
        status = self._ask(installation)
        if status is not None:
            with self._lock:
                self._status = (time.monotonic(), seen, status)
        return status

    def forget(self) -> None:
        """Look and ask anew the next time: something that it did does not fit what was known."""
        with self._lock:
            self._found = self._status = None

    def _ask(self, installation: Installation) -> AuthStatus | None:
        try:
            done = subprocess.run(
                [str(installation.path), "auth", "status"],
                env=self.environment(installation),
                cwd=self.home if self.home.is_dir() else None,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_STATUS_SECONDS,
                check=False,
                creationflags=NO_WINDOW,
            )
            fields = object_or_empty(json_codec.decode(done.stdout))
        except (OSError, subprocess.TimeoutExpired, json_codec.JSONError):
            return None
        if not isinstance(fields.get("loggedIn"), bool):
            return None
        return AuthStatus(
            logged_in=fields["loggedIn"],
            method=_text(fields, "authMethod") or "none",
            email=_text(fields, "email"),
            plan=_text(fields, "subscriptionType"),
            organisation=_text(fields, "orgName"),
        )

    def _login_stamps(self) -> tuple[object, ...]:
        """Changes when somebody signs in or out: where Claude Code keeps its login in files."""
        places = [self._environ.get(name) for name in ("CLAUDE_SECURESTORAGE_CONFIG_DIR", "CLAUDE_CONFIG_DIR")]
        directories = [*(Path(place) for place in places if place), self.home / ".claude"]
        return tuple(_stamp(directory / ".credentials.json") for directory in directories)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_ino


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
