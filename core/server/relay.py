"""Streamed answers: events in, the client's bytes out, with a heartbeat in silence and an honest end.

A stream that fails after it began ends with an error in the client's own form, and then the connection is *broken*:
a clean end of the body would look like a complete answer to both OpenAI clients.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .. import sse
from ..dialects.chat_completions.chunks import ChunkEncoder
from ..errors import ProxyError, StreamTruncated
from ..gateway import Opened, OpenedEvents
from .downstream import Downstream

# A client that hears nothing for minutes gives up; only a whole chunk counts as something heard.
HEARTBEAT_SECONDS = 15.0

_TYPE = re.compile(rb'"type"\s*:\s*"(message_stop|error)"')

_STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}


class ChatRelay:
    """One streamed chat completion."""

    def __init__(
        self,
        downstream: Downstream,
        encoder: ChunkEncoder,
        headers: Callable[[], Mapping[str, str]],
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._downstream = downstream
        self._encoder = encoder
        self._headers = headers
        self._heartbeat_seconds = heartbeat_seconds

    def until_heartbeat(self) -> float | None:
        """Seconds until the client has heard nothing for too long; None once there is nothing more to hear."""
        downstream = self._downstream
        return None if downstream.finished else max(0.0, self._heartbeat_seconds - downstream.silent_seconds())

    async def beat(self) -> None:
        """Break the silence, if it still lasts. The first time commits the status 200: from then on an error can only
        be told inside the stream. A client that takes nothing holds this up until it hangs up."""
        if self.until_heartbeat() == 0:
            await self._write(self._encoder.heartbeat())

    async def relay(self, opened: OpenedEvents) -> None:
        """Pass the answer on to its end. Raises ProxyError where it breaks off."""
        async for batch in opened.batches():
            data = self._encoder.feed(batch)
            if self._encoder.complete:
                await self._finish(data)
            else:
                await self._write(data)
        await self._finish()

    async def fail(self, error: ProxyError) -> None:
        """Tell the error inside the stream; the caller then leaves the body without its end."""
        await self._write(self._encoder.fail(error))

    async def _finish(self, data: bytes = b"") -> None:
        """Write `data` and the end of the answer at once; only the first call does."""
        if not self._downstream.finished:
            await self._start()
            await self._downstream.write(data + self._encoder.close(), last=True)

    async def _write(self, data: bytes) -> None:
        if data:
            await self._start()
            await self._downstream.write(data)

    async def _start(self) -> None:
        if not self._downstream.started:
            await self._downstream.start(200, {**_STREAM_HEADERS, **self._headers()}.items())


class NativeRelay:
    """One streamed Anthropic answer, byte for byte. Nothing of ours is put into it but the notice of our own end."""

    def __init__(self, downstream: Downstream) -> None:
        self._downstream = downstream
        self._decoder = sse.Decoder()
        self._complete = False

    async def relay(self, opened: Opened, headers: Mapping[str, str]) -> None:
        """Pass the body on as it is. Raises ProxyError where it breaks off."""
        streamed = "event-stream" in opened.headers.get("content-type", "")
        await self._downstream.start(opened.status, headers.items())
        async for chunk in opened.chunks():
            if streamed:
                self._note(chunk)
            await self._downstream.write(chunk)
        if streamed and not self._complete:
            raise StreamTruncated("The upstream ended the stream before the answer was complete.")
        await self._downstream.write(b"", last=True)

    async def stop(self, event: bytes) -> None:
        """Put `event` behind the last whole event, if the client is at such a place."""
        if not self._decoder.pending:
            await self._downstream.write(event)

    def _note(self, chunk: bytes) -> None:
        try:
            for frame in self._decoder.feed(chunk):
                # Some gateways leave the names out: then the type in the data has to tell.
                name = frame.event or _type_of(frame.data)
                self._complete = self._complete or name in ("message_stop", "error")
        except sse.FrameTooLarge:
            # Not ours to judge: the bytes go on to the client as they are.
            self._complete = True


def _type_of(data: bytes) -> str:
    match = _TYPE.search(data)
    return match[1].decode("latin-1") if match else ""
