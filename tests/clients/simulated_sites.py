"""The sites that Claude Code reaches at fixed addresses, behind an HTTPS proxy with certificates of a test's own."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

RENEWED = "sk-ant-oat01-s3cr3t-marker-renewed"
_TOKENS = {
    "token_type": "Bearer",
    "access_token": RENEWED,
    "refresh_token": "sk-ant-ort01-s3cr3t-marker-rotated",
    "expires_in": 28800,
    "scope": "user:profile user:inference",
    "account": {"uuid": "acc", "email_address": "me@example.com"},
    "organization": {"uuid": "org", "name": "Me"},
}
_PROFILE = {
    "account": {"uuid": "acc", "email": "me@example.com", "has_claude_max": True},
    "organization": {"uuid": "org", "organization_type": "claude_max", "rate_limit_tier": "default_claude_max_5x"},
}
_USAGE = {"input_tokens": 5, "output_tokens": 1}
_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-4-5-20251001",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _USAGE,
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": _USAGE},
    {"type": "message_stop"},
]


@dataclass
class Sites:
    """What was asked of them: host, path and JSON body of each."""

    environ: Mapping[str, str]
    requests: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])

    def grants(self) -> list[str]:
        """What tokens were given for."""
        return [body["grant_type"] for _, path, body in self.requests if path == "/v1/oauth/token"]


@contextmanager
def simulated_sites(directory: Path) -> Iterator[Sites]:
    """`environ` leads a program there that honours HTTPS_PROXY and NODE_EXTRA_CA_CERTS."""
    authority = trustme.CA()
    certificate = directory / "authority.pem"
    authority.cert_pem.write_to_path(str(certificate))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        sites = Sites({"HTTPS_PROXY": address, "NODE_EXTRA_CA_CERTS": str(certificate)})
        _Proxy.authority, _Proxy.sites = authority, sites
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield sites
        finally:
            server.shutdown()
            thread.join()


class _Proxy(BaseHTTPRequestHandler):
    """A CONNECT proxy that is itself the site at the other end."""

    authority: trustme.CA
    sites: Sites

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)
        with contextlib.suppress(OSError), context.wrap_socket(self.connection, server_side=True) as secure:
            _Site(secure, (host, 443), self.server)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(json.dumps(_PROFILE if self.path == "/api/oauth/profile" else {}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        _Proxy.sites.requests.append((self.client_address[0], path, body))
        if path == "/v1/messages":
            text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _EVENTS)
            self._answer(text.encode(), "text/event-stream")
        else:
            self._answer(json.dumps(_TOKENS if path == "/v1/oauth/token" else {}).encode())

    def _answer(self, body: bytes, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
