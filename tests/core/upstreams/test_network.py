"""The way to Claude: TLS with the system's trust store, proxies of both kinds, and connections that are kept."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.raw_http import connect, read_all, request_bytes, status_of, wait_for
from tests.running_proxy import running_proxy
from tests.simulated_claude import SimulatedClaude, scenarios

CHAT: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}


class ForwardingProxy(socketserver.ThreadingTCPServer):
    """Speaks `CONNECT` and SOCKS5, and leads every connection to `target`, whatever name was asked for."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), Forwarder)
        self.target = target
        # Who was asked for, and with which credential.
        self.asked: list[tuple[str, str]] = []


class Forwarder(socketserver.BaseRequestHandler):
    server: ForwardingProxy
    request: socket.socket

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            first = self.request.recv(65536)
            if first.startswith(b"\x05"):
                self._socks()
            else:
                self._http(first)

    def _http(self, head: bytes) -> None:
        lines = head.decode().split("\r\n")
        credential = next((line for line in lines if line.lower().startswith("proxy-authorization")), "")
        self.server.asked.append((lines[0].split(" ")[1], credential.partition(": ")[2]))
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        self._forward()

    def _socks(self) -> None:
        self.request.sendall(b"\x05\x00")
        wish = self.request.recv(65536)
        name = wish[5 : 5 + wish[4]].decode()
        self.server.asked.append((f"{name}:{int.from_bytes(wish[-2:], 'big')}", ""))
        self.request.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        self._forward()

    def _forward(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.target)) as upstream:
            back = threading.Thread(target=self._copy, args=(upstream, self.request), daemon=True)
            back.start()
            self._copy(self.request, upstream)
            back.join(5)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_claude(authority: trustme.CA) -> Iterator[SimulatedClaude]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "claude.test").configure_cert(context)
    with SimulatedClaude(ssl_context=context) as claude:
        yield claude


@pytest.fixture
def forwarder(secure_claude: SimulatedClaude) -> Iterator[ForwardingProxy]:
    with ForwardingProxy(secure_claude.port) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system trusts the authority, as one does that a company installs."""
    bundle = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def chat(home: Path, upstream: str) -> httpx.Response:
    with running_proxy(home, upstream) as proxy:
        return httpx.post(f"{proxy.v1}/chat/completions", json=CHAT, timeout=30, trust_env=False)


@pytest.mark.usefixtures("trusted")
def test_an_authority_that_the_system_trusts_is_trusted(tmp_path: Path, secure_claude: SimulatedClaude) -> None:
    assert chat(tmp_path, secure_claude.url).status_code == 200


def test_e13_an_authority_that_it_does_not_trust_is_not(
    tmp_path: Path, secure_claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "none.pem"
    trustme.CA().cert_pem.write_to_path(str(empty))
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    answer = chat(tmp_path, secure_claude.url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert "certificate" in answer.json()["error"]["message"].lower()
    assert secure_claude.requests == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_proxy_is_used(
    tmp_path: Path, forwarder: ForwardingProxy, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    port = forwarder.server_address[1]
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
    assert chat(tmp_path, "https://claude.test").status_code == 200
    assert forwarder.asked[0][0] == "claude.test:443"


@pytest.mark.usefixtures("trusted")
def test_a_proxys_credential_is_sent_to_the_proxy_alone(
    tmp_path: Path, forwarder: ForwardingProxy, secure_claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://me:secret@127.0.0.1:{forwarder.server_address[1]}")
    assert chat(tmp_path, "https://claude.test").status_code == 200
    assert forwarder.asked[0][1].startswith("Basic ")
    assert "proxy-authorization" not in secure_claude.requests[0].headers


@pytest.mark.usefixtures("trusted")
def test_no_proxy_and_loopback_go_straight(
    tmp_path: Path, forwarder: ForwardingProxy, secure_claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{forwarder.server_address[1]}")
    assert chat(tmp_path / "1", secure_claude.url).status_code == 200
    monkeypatch.setenv("NO_PROXY", "claude.test")
    assert chat(tmp_path / "2", "https://claude.test").json()["error"]["code"] == "upstream_unreachable"
    assert forwarder.asked == []


def test_e13_a_proxy_that_is_not_there_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [f"{scheme}://me:secret@127.0.0.1:1" for scheme in ("http", "socks5", "socks4", "gopher")]
    for number, place in enumerate([*places, "http://me:secret@[::1", "http://me:secret@127.0.0.1:99999", "http://"]):
        monkeypatch.setenv("HTTPS_PROXY", place)
        answer = chat(tmp_path / str(number), "https://claude.test")
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable"), place
        assert "HTTPS_PROXY" in answer.json()["error"]["message"]
        assert "secret" not in answer.text


def test_open_connections_have_no_limit_and_wait_for_nobody(tmp_path: Path) -> None:
    """120 answers that take their time, all asked for at once."""
    asked = request_bytes(CHAT, headers={"connection": "close"})
    with SimulatedClaude() as claude, running_proxy(tmp_path, claude.url) as proxy, contextlib.ExitStack() as stack:
        claude.default = scenarios.stalls(4, "headers")
        clients = [stack.enter_context(connect(proxy.port)) for _ in range(120)]
        for client in clients:
            client.sendall(asked)
        # All have arrived while none was answered: nobody waits for a connection of somebody else.
        wait_for(lambda: len(claude.requests) == 120, 3.5)
        assert len({request.connection for request in claude.requests}) == 120
        assert [status_of(read_all(client)) for client in clients] == [200] * 120
