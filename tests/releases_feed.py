"""Plays the releases feed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Where nobody answers.
NOBODY = "http://127.0.0.1:9/releases/latest"


@dataclass
class Feed:
    """What it answers, and the headers (with the path) of those who asked."""

    port: int = 0
    status: int = 200
    body: bytes = b'{"tag_name": "v99.0.0"}'
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/releases/latest"


@contextmanager
def releases_feed() -> Iterator[Feed]:
    feed = Feed()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            feed.asked.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            self.send_response(feed.status)
            self.send_header("content-length", str(len(feed.body)))
            self.end_headers()
            self.wfile.write(feed.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        feed.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield feed
        finally:
            server.shutdown()
            thread.join()
