"""Processes of Claude Code: each serves one request, one more waits for the next, and few run at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from .child import Child
from .plan import Fit

log = logging.getLogger("cliproxyapi.claude_code")

# A waiting process holds some 150 MB: it goes when nobody has asked for so long.
IDLE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a waiting process must agree in to serve a request: how it is started, and against what."""

    fit: Fit
    program: str
    version: str
    base_url: str | None


class Gate:
    """Lets so many in at once; the others wait their turn, first come, first served."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def passed(self) -> AsyncGenerator[None]:
        if self._inside >= self._limit() or self._waiting:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._leave()
                else:
                    self._waiting.remove(turn)
                raise
        else:
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        self._inside -= 1
        while self._waiting and self._inside < self._limit():
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


class Pool:
    """Starts, hands out and ends processes. Lives inside one event loop."""

    def __init__(
        self,
        start: Callable[[Kind], Coroutine[Any, Any, Child]],
        limit: Callable[[], int],
        *,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._start = start
        self._gate = Gate(limit)
        self._idle_seconds = idle_seconds
        self._spare: tuple[Kind, Child] | None = None
        self._preparing = False
        self._release: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def child(self, kind: Kind) -> AsyncGenerator[Child]:
        """A process of `kind` for one request, ended behind it. Raises OSError."""
        async with self._gate.passed():
            child = self._taken(kind) or await self._started(kind)
            try:
                yield child
            finally:
                await asyncio.shield(self._spawn(child.end()))

    def prepare(self, kind: Kind) -> None:
        """Have a process of `kind` wait for the next request, in the place of another kind's."""
        self._keep_for_a_while()
        fits = self._spare is not None and self._spare[0] == kind and self._spare[1].alive
        if not (self._closed or self._preparing or fits):
            self._preparing = True
            self._spawn(self._replace_spare(kind))

    async def close(self) -> None:
        """End the waiting process, and what is still being ended."""
        self._closed = True
        if self._release is not None:
            self._release.cancel()
        self._let_go()
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def _taken(self, kind: Kind) -> Child | None:
        if self._spare is None or self._spare[0] != kind or not self._spare[1].alive:
            return None
        child = self._spare[1]
        self._spare = None
        return child

    async def _started(self, kind: Kind) -> Child:
        """A process that is started is also ended, when the client hangs up in between."""
        starting = asyncio.create_task(self._start(kind))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._spawn(_ended_once_started(starting))
            raise

    async def _replace_spare(self, kind: Kind) -> None:
        self._let_go()
        try:
            child = await self._start(kind)
        except OSError as error:
            log.warning("Claude Code could not be started in advance: %s", error.strerror)
            return
        finally:
            self._preparing = False
        if self._closed:
            await child.end()
        else:
            self._spare = (kind, child)

    def _keep_for_a_while(self) -> None:
        if self._release is not None:
            self._release.cancel()
        self._release = asyncio.get_running_loop().call_later(self._idle_seconds, self._let_go)

    def _let_go(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            self._spawn(spare[1].end())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _ended_once_started(starting: asyncio.Future[Child]) -> None:
    with contextlib.suppress(OSError):
        await (await starting).end()
