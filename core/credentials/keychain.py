"""The keychain of macOS, where Claude Code keeps its sign-in there: read through `security`, once the person agreed.

Each reading may make the system ask the person. So it happens seldom, and after a denial, or a question that nobody
answered, not again before the person asks for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..child import run_child
from ..programs import child_environment

log = logging.getLogger("cliproxyapi.credentials")

_SERVICE = "Claude Code-credentials"
# As long as a person may take to answer; those who wait for it have requests that wait as well.
_ANSWER_SECONDS = 20.0
_BETWEEN_READS_SECONDS = 10.0
# What `security` says where there is no such item (errSecItemNotFound).
_NOT_FOUND = 44


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read, when (by the monotonic clock), and whether it was denied."""

    at: float
    data: bytes | None = None
    denied: bool = False


class Keychain:
    """Claude Code's item in the keychain. Any thread may ask; asking may wait for a person."""

    def __init__(
        self, environ: Mapping[str, str], allowed: Callable[[], bool], *, platform: str = sys.platform
    ) -> None:
        """`allowed` tells whether the person agreed that the sign-in is used."""
        self._environ = environ
        self._allowed = allowed
        self._platform = platform
        self._lock = threading.Lock()
        self._reading: _Reading | None = None

    @property
    def item(self) -> str:
        """Its name. Claude Code adds a sign of the directory where that is not the usual one."""
        directory = self._environ.get("CLAUDE_CONFIG_DIR")
        if not directory:
            return _SERVICE
        return f"{_SERVICE}-{hashlib.sha256(directory.encode()).hexdigest()[:8]}"

    @property
    def source(self) -> str:
        return f"the keychain item {self.item!r}"

    @property
    def exists(self) -> bool:
        """Whether this system has such a keychain."""
        return self._platform == "darwin"

    @property
    def denied(self) -> bool:
        """The system did not give it out, so it is left alone."""
        return self._reading is not None and self._reading.denied

    def read(self) -> bytes | None:
        """The item's content; None where there is none, the person did not agree, or the system did not."""
        if not self.exists or not self._allowed():
            return None
        with self._lock:
            known = self._reading
            if known is None or (not known.denied and time.monotonic() - known.at >= _BETWEEN_READS_SECONDS):
                known = self._reading = self._ask()
            return known.data

    def ask_again(self) -> None:
        """The person wants it tried once more."""
        with self._lock:
            self._reading = None

    def _ask(self) -> _Reading:
        program = shutil.which("security", path=self._environ.get("PATH")) or "/usr/bin/security"
        account = self._environ.get("USER") or "claude-code-user"
        command = [program, "find-generic-password", "-s", self.item, "-a", account, "-w"]
        try:
            ended = run_child(command, child_environment(self._environ), None, _ANSWER_SECONDS)
        except OSError as error:
            log.warning("the keychain cannot be read: %s", error.strerror)
            return _Reading(time.monotonic(), denied=True)
        if ended.code == 0:
            return _Reading(time.monotonic(), _plain(ended.output))
        if ended.code == _NOT_FOUND:
            return _Reading(time.monotonic())
        why = "nobody answered its question" if ended.code is None else f"the system said no ({ended.code})"
        log.warning("the keychain did not give out %r: %s; it is not asked again", self.item, why)
        return _Reading(time.monotonic(), denied=True)


def _plain(output: bytes) -> bytes:
    """`security` writes what is not plain text as hexadecimal digits."""
    text = output.strip()
    if not text.startswith(b"{"):
        with contextlib.suppress(ValueError):
            return bytes.fromhex(text.decode("ascii", "replace"))
    return text
