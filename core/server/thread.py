"""The server in a thread of its own: bound before it starts, without a tick while idle, stopped from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
import sys
import threading
from collections.abc import Callable

import uvicorn

from .app import App
from .protocol import Protocol

_BACKLOG = 512
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 1
# Each stream holds two connections; the usual limit of 256 or 1024 would end at a few hundred.
_OPEN_FILES = 8192


class PortUnavailable(OSError):
    """The address cannot be bound; the message says who has it and what to do, and `holder` names them."""

    holder: str | None = None


class QuietServer(uvicorn.Server):
    """uvicorn without its ten ticks a second, stopped by an event instead."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None], before_exit: App) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._app = before_exit
        self._exit = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._on_ready()
        await self._exit.wait()
        # New requests are still answered, with 503, while the open ones say goodbye.
        await self._app.stop()

    def request_exit(self) -> None:
        """End the server; call it inside its event loop."""
        self.should_exit = True
        self._exit.set()


class ServerThread:
    """One server on `host`:`port` (port 0: any free one, which it keeps). All methods may be called from any thread.

    The port is bound when this is made, so that a port in use is an ordinary error before anything runs.
    """

    def __init__(
        self, app: App, host: str, port: int, *, on_crash: Callable[[BaseException | None], None] | None = None
    ) -> None:
        """`on_crash` is called on the server's own dying thread when it ends without having been asked to.

        Raises PortUnavailable.
        """
        raise_open_files_limit()
        self._on_crash = on_crash
        self._app = app
        self._host = host
        self._sockets = bind(host, port)
        self.port: int = self._sockets[0].getsockname()[1]
        self._changing = threading.RLock()
        self._run: _Run | None = None

    def start(self) -> None:
        """Serve. Returns when requests are answered; raises what kept the server from starting."""
        with self._changing:
            if self.alive:
                return
            if not self._sockets:
                self._sockets = bind(self._host, self.port)
            self._run = _Run(self._app, self._sockets, self._on_crash)
            self._run.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End open streams with an error, close the port and wait for the thread, at most `timeout` seconds."""
        with self._changing:
            run, self._run = self._run, None
            if run is not None:
                run.stop(timeout)
            for listener in self._sockets:
                listener.close()
            self._sockets = []

    def restart(self) -> None:
        """Stop and start on the same port. Raises PortUnavailable where somebody took it meanwhile."""
        with self._changing:
            self.stop()
            self.start()

    @property
    def alive(self) -> bool:
        run = self._run
        return run is not None and run.alive


class _Run:
    """One life of the server: a thread and an event loop."""

    def __init__(
        self, app: App, sockets: list[socket.socket], on_crash: Callable[[BaseException | None], None] | None
    ) -> None:
        self._app = app
        self._sockets = sockets
        self._on_crash = on_crash
        self._asked_to_stop = False
        self._thread = threading.Thread(target=self._main, name="server", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: QuietServer | None = None
        self._failure: BaseException | None = None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self, timeout: float) -> None:
        self._asked_to_stop = True
        loop, server = self._loop, self._server
        if loop is None or server is None or not self.alive:
            return
        with contextlib.suppress(RuntimeError):  # the loop ended by itself meanwhile
            loop.call_soon_threadsafe(server.request_exit)
        self._thread.join(timeout)

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            served = self._ready.is_set()
            self._ready.set()
            if served and not self._asked_to_stop and self._on_crash is not None:
                self._on_crash(self._failure)
            # A loop and all that hung on it are cycles; a person who restarts often should not pay for each.
            gc.collect()

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._app,  # pyright: ignore[reportArgumentType]  # its ASGI types are TypedDicts, ours plain mappings
            http=Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            backlog=_BACKLOG,
        )
        self._loop = asyncio.get_running_loop()
        self._server = QuietServer(config, on_ready=self._ready.set, before_exit=self._app)
        await self._server.serve(sockets=self._sockets)


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for `host`; for the loopback default also one on `::1`, because `localhost` is often that.

    Raises PortUnavailable.
    """
    first = _listen(host, port)
    sockets = [first]
    if host in ("127.0.0.1", "localhost"):
        # Without IPv6, or with somebody else on that one, 127.0.0.1 alone has to do.
        with contextlib.suppress(OSError):
            sockets.append(_listen("::1", first.getsockname()[1]))
    return sockets


def raise_open_files_limit() -> None:
    """As far as the system lets an ordinary user."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two programs listen on one port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _unavailable(error, host, port) from error
    listener.setblocking(False)
    return listener


def _unavailable(error: OSError, host: str, port: int) -> PortUnavailable:
    holder = None
    if error.errno == errno.EADDRINUSE:
        # What looks for the holder is needed only now.
        from .holder import who_holds

        holder = who_holds(host, port) or "another program"
    unavailable = PortUnavailable(error.errno, _why(error, host, port, holder))
    unavailable.holder = holder
    return unavailable


def _why(error: OSError, host: str, port: int, holder: str | None) -> str:
    if holder is not None:
        return f"port {port} on {host} is in use by {holder}. Stop it, or choose a port with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs special rights. Choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host}. Choose another with --host"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop
