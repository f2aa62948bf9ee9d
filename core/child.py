"""A program that runs for us for a while: in a process group of its own, so that it ends with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FAREWELL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended. `code` is None where it took too long and was ended."""

    code: int | None
    output: bytes = b""


def start_child(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: Path | None,
    *,
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    """`command` with its output on an unbuffered pipe. Raises OSError."""
    return subprocess.Popen(
        list(command),
        env=dict(environment),
        cwd=directory,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        bufsize=0,
        start_new_session=sys.platform != "win32",
        creationflags=_WINDOWS_FLAGS,
    )


def end_child(child: subprocess.Popen[bytes]) -> None:
    """End it and what it started: asked first, then made to."""
    if child.poll() is None:
        _signal(child, hard=False)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_FAREWELL_SECONDS)
    if child.poll() is None:
        _signal(child, hard=True)
        child.wait()


def run_child(command: Sequence[str], environment: Mapping[str, str], directory: Path | None, seconds: float) -> Ended:
    """Run it to its end, at most `seconds`. Its complaints are thrown away. Raises OSError."""
    with start_child(command, environment, directory, stderr=subprocess.DEVNULL) as child:
        try:
            output, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            end_child(child)
            return Ended(None)
        except BaseException:
            end_child(child)
            raise
        return Ended(child.returncode, output)


def _signal(child: subprocess.Popen[bytes], *, hard: bool) -> None:
    if sys.platform == "win32":
        # There a group has no signal of its own; taskkill knows who started whom.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(child.pid)],  # noqa: S607  # a part of the system
                capture_output=True,
                timeout=_FAREWELL_SECONDS,
                check=False,
            )
        if hard:
            child.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL if hard else signal.SIGTERM)


_WINDOWS_FLAGS = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
