"""One process of Claude Code: lines in, lines out, and an end that takes all of its own children along."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ... import json_codec
from ...errors import UpstreamError
from ...messages import JsonObject
from ...programs import NO_WINDOW
from .group import group_of
from .output import decode_line

_READ_BYTES = 256 * 1024
# A line may hold a whole file that Claude wrote; one without an end must not hold the machine's memory.
_LARGEST_LINE = 64 * 1024 * 1024
_STDERR_TAIL = 2000
# How long it may take to end by itself once asked to.
_GRACE_SECONDS = 0.5


class Child:
    """A running process, alone in its process group (on Windows: in a job). Lives inside one event loop."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._group = group_of(process.pid)
        self._rest = bytearray()
        self._searched = 0
        self._stderr = bytearray()
        self._reading = asyncio.create_task(self._read_stderr())
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> Child:
        """Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
            creationflags=NO_WINDOW,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and self._ending is None and not _has_ended(self._process.pid)

    def send(self, *lines: JsonObject) -> None:
        """Hand over lines. What the process does not read yet waits here, so that nothing waits for anything."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, RuntimeError):  # it has ended; reading tells how
            self._process.stdin.write(b"".join(json_codec.encode(line) + b"\n" for line in lines))

    async def receive(self) -> list[JsonObject] | None:
        """The lines that the next read brings; None at the end of the output. What is no JSON is skipped."""
        assert self._process.stdout is not None
        chunk = await self._process.stdout.read(_READ_BYTES)
        if not chunk:
            return None
        rest = self._rest
        rest += chunk
        end = rest.rfind(b"\n", self._searched)
        if end < 0:
            self._searched = len(rest)
            if len(rest) > _LARGEST_LINE:
                raise UpstreamError("Claude Code printed a line that has no end. Try again.")
            return []
        lines = bytes(rest[:end]).split(b"\n")
        del rest[: end + 1]
        self._searched = 0
        return [message for line in lines if (message := decode_line(line)) is not None]

    async def last_words(self) -> str:
        """The exit code, and the end of what it printed on stderr, once its output has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await asyncio.shield(self._reading)
                await self._process.wait()
        code = self._process.returncode
        said = " ".join(self._stderr.decode("utf-8", "replace").split())
        ended = "closed its output" if code is None else f"ended with exit code {code}"
        return f"{ended}: {said}" if said else ended

    async def end(self) -> None:
        """Stop it and all that it started, and wait until it is gone."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        self._group.signal(hard=False)
        await self._gone()
        # Also what it left behind: its group may outlive it.
        self._group.signal(hard=True)
        await self._gone()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        # Without this the pipes stay open until somebody collects them.
        self._process._transport.close()  # pyright: ignore  # there is no public way
        self._group.close()

    async def _gone(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await self._process.wait()

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(_READ_BYTES):
            self._stderr += chunk
            del self._stderr[:-_STDERR_TAIL]


def _has_ended(pid: int) -> bool:
    """Whether our child is over, which the event loop may not have been told yet; False where no system call tells."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
