"""The address on this machine to which a browser brings the answer of a sign-in, once (RFC 8252, 7.3)."""

from __future__ import annotations

import hmac
import html
import queue
import socketserver
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Self
from urllib.parse import parse_qs, urlsplit

from .. import __version__

_PATH = "/callback"
# How long a browser waits for its page while the code is exchanged, and a program for its page to have arrived.
_PAGE_SECONDS, _SENT_SECONDS = 60.0, 5.0
_SILENCE_SECONDS = 20.0
_LONGEST_FIELD = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider sent back: a code or an error, and the state of the sign-in that it answers."""

    code: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    error: str | None = None

    @classmethod
    def from_query(cls, query: str) -> Answer:
        """A field that is there twice counts as missing: nobody can tell which one is meant."""
        try:
            fields = parse_qs(query, max_num_fields=50)
        except ValueError:
            return cls()

        def one(name: str) -> str | None:
            values = fields.get(name, [])
            return values[0] if len(values) == 1 and len(values[0]) <= _LONGEST_FIELD else None

        return cls(one("code"), one("state"), one("error"))

    def answers(self, state: str) -> bool:
        return self.state is not None and hmac.compare_digest(self.state.encode(), state.encode())


@dataclass(frozen=True, slots=True)
class Page:
    """What the browser shows in the end."""

    good: bool
    title: str
    text: str

    def render(self) -> bytes:
        mark = '<path d="M5 13l4 4L19 7"/>' if self.good else '<path d="M12 6v8m0 3.5v.5"/>'
        return _PAGE.format(
            title=html.escape(self.title),
            text=html.escape(self.text),
            kind="good" if self.good else "bad",
            mark=mark,
        ).encode()


class LoopbackListener:
    """Listens on 127.0.0.1 while the `with` block is open, on a port that the system chose: bound before a browser
    could be sent there, so that nobody else can wait in its place."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._taken = threading.Lock()
        self._decided, self._sent = threading.Event(), threading.Event()
        self._page = Page(False, "Nothing happened", "The sign-in was ended in CLIProxyAPI. Start it again there.")
        self._server = _Server(("127.0.0.1", 0), self._handler())
        port: int = self._server.server_address[1]
        self._host = f"127.0.0.1:{port}"
        self.redirect_uri = f"http://{self._host}{_PATH}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sign-in listener", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """A browser that still waits gets its page first."""
        self._decided.set()
        if self._taken.locked():
            self._sent.wait(_SENT_SECONDS)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self) -> Answer | None:
        """What a browser brought, if it did; it waits for its page now."""
        try:
            return self._answers.get_nowait()
        except queue.Empty:
            return None

    def show(self, page: Page) -> None:
        """What a browser that waits, or still comes, is to be shown."""
        self._page = page
        self._decided.set()

    def _answered(self, host: str, target: str) -> tuple[int, Page]:
        """The status and page for a request; waits until it is known how the sign-in went."""
        parts = urlsplit(target)
        answer = Answer.from_query(parts.query)
        # Another name in `Host` is a foreign page whose name was pointed at this machine.
        if host != self._host or parts.path != _PATH or (answer.code is None and answer.error is None):
            return 404, Page(
                False, "Nothing is here", "This address takes the answer of one sign-in, and nothing else."
            )
        if not self._taken.acquire(blocking=False):
            return 410, Page(False, "This sign-in has its answer", "You can close this tab.")
        self._answers.put(answer)
        self._decided.wait(_PAGE_SECONDS)
        return (200 if self._page.good else 400), self._page

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _SILENCE_SECONDS

            def do_GET(self) -> None:
                try:
                    status, page = listener._answered(self.headers.get("host", ""), self.path)
                except ValueError:  # no address at all
                    status, page = 404, Page(False, "Nothing is here", "This address cannot be read.")
                body = page.render()
                self.send_response(status)
                for name, value in {**_HEADERS, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()
                if listener._decided.is_set() and page is listener._page:
                    listener._sent.set()

            def version_string(self) -> str:
                return f"cliproxyapi/{__version__}"

            def log_message(self, format: str, *args: object) -> None:
                """The code stands in the address: it is logged nowhere."""

        return Handler


class _Server(socketserver.ThreadingTCPServer):
    """Not `http.server`'s own, which asks the network for this machine's name."""

    daemon_threads = True
    # Browsers open connections on the suspicion that they may need them: nobody waits for those.
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no news."""


_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · CLIProxyAPI</title>
<style>
  :root {{ color-scheme: light dark; --paper: #f7f5f2; --card: #fff; --ink: #1f1d1a; --quiet: #6b665e;
    --good: #2e7d4f; --bad: #b3492d; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --paper: #1b1a18; --card: #262421; --ink: #f1eee9; --quiet: #a8a196; --good: #6cc191; --bad: #e58a6f; }}
  }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper);
    color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
  main {{ max-width: 26rem; margin: 1rem; padding: 2.5rem; border-radius: 1rem; background: var(--card);
    text-align: center; }}
  svg {{ width: 3rem; height: 3rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round;
    stroke-linejoin: round; }}
  .good {{ color: var(--good); }}
  .bad {{ color: var(--bad); }}
  h1 {{ margin: .75rem 0 .25rem; font-size: 1.4rem; text-wrap: balance; }}
  p {{ margin: 0; color: var(--quiet); overflow-wrap: anywhere; text-wrap: balance; }}
</style>
<main>
  <svg class="{kind}" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/>{mark}</svg>
  <h1>{title}</h1>
  <p>{text}</p>
</main>
</html>
"""
