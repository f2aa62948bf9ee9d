"""A process and all that it starts, ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Protocol


class Group(Protocol):
    def signal(self, *, hard: bool) -> None:
        """Ask all of it to end, or make it end."""
        ...

    def close(self) -> None: ...


def group_of(pid: int) -> Group:
    """The group that the process `pid`, just started as the leader of a session, has to itself."""
    if sys.platform == "win32":
        from .windows_job import Job

        return Job(pid)
    return _ProcessGroup(pid)


class _ProcessGroup:
    def __init__(self, pid: int) -> None:
        self._pid = pid

    def signal(self, *, hard: bool) -> None:
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL if hard else signal.SIGTERM)

    def close(self) -> None:
        """Nothing is held open."""
