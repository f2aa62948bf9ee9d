"""uvicorn's HTTP protocol, but bad HTTP gets a JSON error, endless headers an end, and offers of HTTP/2 no reply."""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .. import json_codec
from ..dialects.chat_completions.errors import render_error
from ..errors import InvalidRequest
from .guard import MAX_HEADER_BYTES

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_UPGRADE = re.compile(rb"(?<=\n)upgrade(?=[ \t]*:)", re.IGNORECASE)


class Protocol(HttpToolsProtocol):
    """One connection. Each head is parsed once it is whole, or refused when it never becomes so."""

    _head = b""
    _in_head = True
    # The parser has part of a head already: it began behind another request, in one write with its end.
    _begun = False
    _begun_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._in_head and not self._begun:
            self._receive_head(data)
            return
        self._begun_bytes += len(data) if self._begun else 0
        if self._begun_bytes > MAX_HEADER_BYTES:
            self._refuse_head()
        else:
            super().data_received(data)

    def _receive_head(self, data: bytes) -> None:
        # A large body may hang on a head that came whole: it is not copied.
        self._head = self._head + data if self._head else data
        # What begins otherwise is no request (a TLS handshake, for one), and the parser says so at once.
        if self._head[:1].isupper() or self._head[:1] in (b"\r", b"\n"):
            end = _HEAD_END.search(self._head, 2)
            if end is None and len(self._head) <= MAX_HEADER_BYTES:
                return
            if end is None or end.start() > MAX_HEADER_BYTES:
                self._refuse_head()
                return
            # Java's client offers HTTP/2 with every request. We keep to HTTP/1.1, as the offer allows; the parser
            # would take the body for another protocol.
            head = self._head[: end.end()]
            if _UPGRADE.search(head):
                self._head = _UPGRADE.sub(b"x-offer", head) + self._head[end.end() :]
        data, self._head = self._head, b""
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = self._begun = False
        self._begun_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """There are no web sockets here."""
        self.send_400_response("")

    def _unsupported_upgrade_warning(self) -> None:
        # Behind another request in one write, and so not seen above: its body must not be read as a request.
        self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "This is not a valid HTTP/1.1 request.")

    def _refuse_head(self) -> None:
        self._refuse(431, "The request's headers are larger than 64 KiB. Send fewer or shorter headers.")

    def _refuse(self, status: int, message: str) -> None:
        body = json_codec.encode(render_error(InvalidRequest(message, status=status)))
        head = (
            f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
