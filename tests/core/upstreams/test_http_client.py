"""The HTTP clients by themselves: whatever the other end does, it ends in time and as an error in words."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from core.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from core.upstream_errors import is_retryable
from core.upstreams.http_client import Timeouts, Wording, client_for

# More than the system's buffers take.
LARGE = bytes(20 * 1024 * 1024)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Takes connections, and neither reads nor says anything by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def ask(listener: socket.socket, proxy: str | None = None, *, body: bytes = b"{}", host: str = "127.0.0.1") -> bytes:
    """The whole answer to one request to `listener`, or to a `host` through `proxy`."""
    url = f"https://{host}/v1/messages" if proxy else f"http://{host}:{port_of(listener)}/v1/messages"
    headers = {"content-type": "application/json", "content-length": str(len(body))}

    async def scenario() -> bytes:
        client = client_for(proxy, ssl.create_default_context(), Wording("claude.test", Timeouts(0.4, 0.4)))
        try:
            answer = await client.send("POST", url, headers, body)
            data = b"".join([chunk async for chunk in answer.chunks()])
            await answer.close()
            return data
        finally:
            await client.close()
            # What still waits to be taken goes with its connection, which ends in the loop's next rounds.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            await asyncio.sleep(0.05)

    async def limited() -> bytes:
        async with asyncio.timeout(20):
            return await scenario()

    return asyncio.run(limited())


@contextlib.contextmanager
def saying(listener: socket.socket, answer: bytes) -> Iterator[list[bytes]]:
    """Each connection to `listener` is told `answer` after its first bytes, which are collected."""
    heard: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield heard
    thread.join(5)


def port_of(listener: socket.socket) -> int:
    return listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_proxy_that_takes_a_connection_and_says_nothing_is_not_waited_for(
    listener: socket.socket, scheme: str
) -> None:
    with pytest.raises(UpstreamUnreachable, match=r"no connection within|cannot be reached") as refused:
        ask(listener, f"{scheme}://me:secret@127.0.0.1:{port_of(listener)}", host="claude.test")
    assert "secret" not in str(refused.value)


def test_an_upstream_that_takes_a_request_and_says_nothing_is_given_up(listener: socket.socket) -> None:
    with pytest.raises(UpstreamTimeout, match="said nothing"):
        ask(listener)


def test_an_upstream_that_stops_taking_a_large_request_is_given_up(listener: socket.socket) -> None:
    with pytest.raises(UpstreamTimeout, match="stopped taking the request"):
        ask(listener, body=LARGE)


def test_an_answer_may_begin_before_the_request_has_ended(listener: socket.socket) -> None:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            rest = len(LARGE) - len(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok")
            # Meanwhile the beginning of the answer is read, and most of the request is still to come.
            time.sleep(0.2)
            while rest > 0 and (data := connection.recv(1 << 20)):
                rest -= len(data)
            connection.sendall(b"ay")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ask(listener, body=LARGE) == b"okay"
    thread.join(5)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n\x0b\x02",
    ],
)
def test_an_answer_that_is_none_may_have_been_paid_for_and_is_not_asked_for_again(
    listener: socket.socket, answer: bytes
) -> None:
    with saying(listener, answer) as heard, pytest.raises(UpstreamError) as told:
        ask(listener)
    assert len(heard) == 1
    assert not is_retryable(told.value)
    assert str(told.value).startswith("claude.test sent an answer that cannot be read")


def test_a_socks_proxy_that_is_none_is_told(listener: socket.socket) -> None:
    with saying(listener, b"HTTP/1.1 400 Bad Request\r\n\r\n"), pytest.raises(UpstreamUnreachable, match="NO_PROXY"):
        ask(listener, f"socks5://127.0.0.1:{port_of(listener)}", host="claude.test")


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "."])
@pytest.mark.parametrize("scheme", [None, "http", "socks5"])
def test_a_host_name_that_can_be_none_is_told(listener: socket.socket, host: str, scheme: str | None) -> None:
    proxy = f"{scheme}://{host}:80" if scheme else None
    with pytest.raises(UpstreamUnreachable):
        ask(listener, proxy, host="claude.test" if proxy else host)


@pytest.mark.parametrize(
    "proxy",
    ["http://", "http://[::1", "http://p:0", "http://p:99999", "http://me:secret\\@p:80", "socks5://", "SOCKS5://[::1",
     "socks5://me:secret@p\x01:80", "socks4://p:1080", "gopher://me:secret@p"],
)  # fmt: skip
def test_an_address_of_a_proxy_that_makes_no_sense_is_told(listener: socket.socket, proxy: str) -> None:
    with pytest.raises(UpstreamUnreachable, match="HTTPS_PROXY") as refused:
        ask(listener, proxy, host="claude.test")
    assert "secret" not in str(refused.value)
