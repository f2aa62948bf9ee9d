"""Server-sent events, both ways, without I/O: bytes in, frames out; frames in, bytes out.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. Lines end
at LF only (with CR before it or not), never at U+2028, U+2029 or U+0085, which are ordinary characters inside JSON.
"""

from __future__ import annotations

from typing import NamedTuple

# One event may hold a whole base64 image; a line without an end must not hold the machine's memory.
MAX_FRAME_BYTES = 50 * 1024 * 1024


class Frame(NamedTuple):
    """One event: its name ("" where none was given) and its data, still bytes."""

    event: str
    data: bytes


class FrameTooLarge(ValueError):
    """An event grew past MAX_FRAME_BYTES without an end."""


class Decoder:
    """Collects bytes, however they were cut, into frames.

    `feed` returns the frames that are complete; what is left when the stream ends was never an event and is
    dropped, as the format demands. `pending` says that there was such a rest.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        # Where the search for the next line end goes on, so that a long line in small pieces is read once.
        self._searched = 0
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._started = False

    @property
    def pending(self) -> bool:
        return bool(self._rest or self._data)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completed. Raises FrameTooLarge."""
        rest = self._rest
        rest += chunk
        frames: list[Frame] = []
        start = 0
        end = rest.find(b"\n", self._searched)
        while end >= 0:
            self._take_line(bytes(rest[start:end]).removesuffix(b"\r"), frames)
            start = end + 1
            end = rest.find(b"\n", start)
        if start:
            del rest[:start]
        self._searched = len(rest)
        if len(rest) + self._size > MAX_FRAME_BYTES:
            raise FrameTooLarge(f"an event of more than {MAX_FRAME_BYTES} bytes")
        return frames

    def _take_line(self, line: bytes, frames: list[Frame]) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                frames.append(Frame(self._event, b"\n".join(self._data)))
            self._event, self._data, self._size = "", [], 0
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        # Comments (an empty name), `id`, `retry` and unknown fields carry nothing for us.


def encode(data: bytes, event: str = "") -> bytes:
    """One frame as bytes. `data` holds no line end, as JSON without indentation does not."""
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
