"""One stream of events for each page that somebody looks at.

A viewer remembers *what* changed, not the changes: however much happens, and however slow it reads, there is one mark
for each topic, and what it gets is how things stand when it gets there. Nobody there: nothing listens, nothing ticks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from .. import json_codec, sse
from ..log import follow, last_lines

Topic = Literal["state", "settings", "log"]

# What a person sees as at once; what happens within it goes out together.
_PAUSE_SECONDS = 0.5
_MOST_LINES = 500


class Source(Protocol):
    """Something with listeners: the board, the desk."""

    def __call__(self, listener: Callable[[object], None], /) -> Callable[[], None]: ...


class Events:
    """The viewers of one server. Lives inside one event loop; `mark` may be called from any thread."""

    def __init__(self, sources: Mapping[Topic, tuple[Source, ...]], render: Callable[[Topic], object]) -> None:
        self._sources = sources
        self._render = render
        self._viewers: set[_Viewer] = set()
        self._forget: list[Callable[[], None]] = []
        # What all viewers of a topic get is made once.
        self._rendered: dict[Topic, bytes] = {}

    async def serve(self, write: Callable[[bytes], Awaitable[None]], *, log: Path | None) -> None:
        """Write events until cancelled, how things stand first. `log`: the last lines of this file as well, and those
        that follow."""
        viewer = _Viewer(asyncio.get_running_loop())
        self._enter(viewer)
        lines: deque[str] = deque(maxlen=_MOST_LINES)
        stop_following = None if log is None else _follow_log(lines, viewer)
        try:
            await write(self._event("state"))
            if log is not None:
                await write(await _begun_log(log, lines))
            while True:
                for topic in await viewer.changed():
                    await write(_log_event(lines) if topic == "log" else self._event(topic))
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            if stop_following is not None:
                stop_following()
            self._leave(viewer)

    def mark(self, topic: Topic) -> None:
        self._rendered.pop(topic, None)
        for viewer in tuple(self._viewers):
            viewer.mark(topic)

    def _event(self, topic: Topic) -> bytes:
        event = self._rendered.get(topic)
        if event is None:
            event = self._rendered[topic] = sse.encode(json_codec.encode(self._render(topic)), topic)
        return event

    def _enter(self, viewer: _Viewer) -> None:
        if not self._viewers:
            self._rendered.clear()
            for topic, sources in self._sources.items():
                self._forget += [source(self._marker(topic)) for source in sources]
        self._viewers.add(viewer)

    def _leave(self, viewer: _Viewer) -> None:
        self._viewers.discard(viewer)
        if not self._viewers:
            for forget in self._forget:
                forget()
            self._forget = []

    def _marker(self, topic: Topic) -> Callable[[object], None]:
        return lambda _: self.mark(topic)


class _Viewer:
    """One page that somebody looks at."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._topics: set[Topic] = set()
        self._news = asyncio.Event()

    def mark(self, topic: Topic) -> None:
        # Waking the loop costs a system call: once for all that comes before the viewer looks.
        if topic not in self._topics and not self._loop.is_closed():
            self._topics.add(topic)
            self._loop.call_soon_threadsafe(self._news.set)

    async def changed(self) -> list[Topic]:
        """Wait until something changed; what."""
        await self._news.wait()
        self._news.clear()
        topics, self._topics = self._topics, set()
        return sorted(topics)


def _follow_log(lines: deque[str], viewer: _Viewer) -> Callable[[], None]:
    def take(line: str) -> None:
        lines.append(line)
        viewer.mark("log")

    return follow(take)


async def _begun_log(path: Path, lines: deque[str]) -> bytes:
    """The end of the log; what is written meanwhile stands in the file or among `lines`, and is told once."""
    begun = await asyncio.to_thread(last_lines, path, _MOST_LINES)
    newest = set(begun[-_MOST_LINES:])
    later = [line for line in lines if line not in newest]
    lines.clear()
    return sse.encode(json_codec.encode({"lines": [*begun, *later], "begins": True}), "log")


def _log_event(lines: deque[str]) -> bytes:
    taken = [lines.popleft() for _ in range(len(lines))]
    return sse.encode(json_codec.encode({"lines": taken}), "log")
