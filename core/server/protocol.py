"""uvicorn's HTTP protocol with two things changed: bad HTTP gets a JSON error, and endless headers an end."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .. import json_codec
from ..dialects.chat_completions.errors import render_error
from ..errors import InvalidRequest
from .guard import MAX_HEADER_BYTES


class Protocol(HttpToolsProtocol):
    """One connection. The guard judges whole header blocks; this stops one that never becomes whole."""

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(431, "The request's headers are larger than 64 KiB. Send fewer or shorter headers.")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "This is not a valid HTTP/1.1 request.")

    def _refuse(self, status: int, message: str) -> None:
        body = json_codec.encode(render_error(InvalidRequest(message, status=status)))
        head = (
            f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
