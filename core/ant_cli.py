"""Anthropic's `ant`, which signs in to the Console, where the person installed it.

Apache's build tool has the same name. Ours is the one that knows `ant auth`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from .child import run_child
from .programs import candidates, child_environment

QUICKSTART = "https://platform.claude.com/docs/en/cli-sdks-libraries/cli/quickstart"

# What makes `ant` use something else than the profile.
_FOREIGN_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_PROFILE")
_HELP_SECONDS = 5.0
_TOKEN_SECONDS = 30.0
_FOUND_LIVES_SECONDS = 300.0
_MISSING_LIVES_SECONDS = 10.0


class AntCLI:
    """Finds and asks the executable. Any thread may call; each call may take seconds: never on an event loop."""

    def __init__(
        self, environ: Mapping[str, str], home: Path | None = None, named: Callable[[], str | None] | None = None
    ) -> None:
        """`named` gives the path that the person's settings name, if any."""
        self._environ = environ
        self.home = home or Path(environ.get("HOME") or Path.home())
        self._named = named or (lambda: None)
        self._lock = threading.Lock()
        self._found: tuple[float, str | None, Path | None] | None = None

    def find(self, *, afresh: bool = False) -> Path | None:
        """The executable, looked for again every few minutes; None where there is none."""
        named = self._named()
        with self._lock:
            if self._found is not None and not afresh:
                at, was_named, path = self._found
                lives = _MISSING_LIVES_SECONDS if path is None else _FOUND_LIVES_SECONDS
                if time.monotonic() - at < lives and was_named == named and (path is None or path.exists()):
                    return path
            paths = [Path(named).expanduser()] if named else candidates("ant", self._environ, self.home)
            path = next((path for path in paths if self._is_anthropics(path)), None)
            self._found = (time.monotonic(), named, path)
            return path

    def environment(self, program: Path, profile: str | None = None) -> dict[str, str]:
        """For a child that uses `profile`, or the one that is active."""
        environment = child_environment(self._environ, program=program)
        for name in _FOREIGN_VARIABLES:
            environment.pop(name, None)
        if profile is not None:
            environment["ANTHROPIC_PROFILE"] = profile
        return environment

    def access_token(self, profile: str) -> str | None:
        """What `ant auth print-credentials` prints for `profile`, renewed where that was needed; None where it does
        not."""
        program = self.find()
        if program is None:
            return None
        command = [str(program), "auth", "print-credentials", "--access-token"]
        try:
            ended = run_child(command, self.environment(program, profile), self._directory(), _TOKEN_SECONDS)
        except OSError:
            return None
        token = ended.output.decode("ascii", "replace").strip()
        is_token = ended.code == 0 and token.isascii() and token.isprintable() and " " not in token
        return token if is_token and token else None

    def forget(self) -> None:
        """Look anew the next time."""
        with self._lock:
            self._found = None

    def _directory(self) -> Path | None:
        return self.home if self.home.is_dir() else None

    def _is_anthropics(self, path: Path) -> bool:
        environment = child_environment(self._environ, program=path)
        try:
            ended = run_child([str(path), "auth", "--help"], environment, self._directory(), _HELP_SECONDS)
        except (OSError, ValueError):
            return False
        return ended.code == 0 and b"apache" not in ended.output.lower() and os.access(path, os.X_OK)
