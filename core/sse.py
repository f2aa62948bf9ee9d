"""Server-sent events, both ways, without I/O: bytes in, frames out; frames in, bytes out.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. Lines end
at LF only (with CR before it or not), never at U+2028, U+2029 or U+0085, which are ordinary characters inside JSON.
"""

from __future__ import annotations

import codecs
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
        # Where the search for the next frame's end goes on, so that a long frame in small pieces is read once.
        self._searched = 0
        # A CR at the very end of what came, which may be half of a line end.
        self._held = b""
        self._started = False

    @property
    def pending(self) -> bool:
        return bool(self._rest.strip(b"\n") or self._held)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completed. Raises FrameTooLarge."""
        if self._held or b"\r" in chunk:
            chunk = self._with_plain_line_ends(chunk)
        rest = self._rest
        rest += chunk
        if not self._started and len(rest) >= len(codecs.BOM_UTF8):
            self._started = True
            if rest.startswith(codecs.BOM_UTF8):
                del rest[: len(codecs.BOM_UTF8)]
        end = rest.rfind(b"\n\n", max(0, self._searched - 1))
        if end < 0:
            self._searched = len(rest)
            if len(rest) > MAX_FRAME_BYTES:
                raise FrameTooLarge(f"an event of more than {MAX_FRAME_BYTES} bytes")
            return []
        blocks = bytes(rest[:end]).split(b"\n\n")
        del rest[: end + 2]
        self._searched = 0
        return [frame for block in blocks if (frame := _frame(block)) is not None]

    def _with_plain_line_ends(self, chunk: bytes) -> bytes:
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        return (chunk[:-1] if self._held else chunk).replace(b"\r\n", b"\n")


def _frame(block: bytes) -> Frame | None:
    """The event in the lines of `block`; None where they hold no data."""
    # As Anthropic writes every event: a name, one line of data, nothing else.
    if block.startswith(b"event: "):
        line_end = block.find(b"\n")
        if block.startswith(b"data: ", line_end + 1) and block.find(b"\n", line_end + 1) < 0:
            return Frame(block[7:line_end].decode("utf-8", "replace"), block[line_end + 7 :])
    event, data = "", list[bytes]()
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value.decode("utf-8", "replace")
        # Comments (an empty name), `id`, `retry` and unknown fields carry nothing for us.
    return Frame(event, b"\n".join(data)) if data else None


def encode(data: bytes, event: str = "") -> bytes:
    """One frame as bytes. `data` holds no line end, as JSON without indentation does not."""
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
