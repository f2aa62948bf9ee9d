"""The server's life as the tray sees it: started, stopped, moved, and back after a crash."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from core.credentials.stores import Stores
from core.paths import Paths
from core.server.app import App
from core.settings import SettingsStore
from core.status import Status, StatusBoard
from tray.supervisor import Supervisor, free_port_after


class Watched:
    """A supervised demo, and every server state that its board went through."""

    def __init__(self, home: Path) -> None:
        variables = {
            "HOME": str(home),
            "CLIPROXYAPI_CONFIG_DIR": str(home / "config"),
            "CLIPROXYAPI_DATA_DIR": str(home / "data"),
            "CLIPROXYAPI_ROUTE": "demo",
        }
        paths = Paths.find(variables)
        (home / "config").mkdir()
        paths.config_file.write_text("port = 0\n")
        self.settings = SettingsStore(paths, variables, {})
        self.board = StatusBoard()
        self.app = App(self.settings, Stores.open(paths, variables, lambda: self.settings.current), self.board, paths)
        self.ports: list[int | None] = []
        self.seen: list[Status] = []
        self._news = threading.Condition()
        self.board.listen(self._note)
        self.supervisor = Supervisor(
            self.app, self.settings, self.board, listening=self.ports.append, pauses=(0.01, 0.02, 0.03)
        )

    def _note(self, status: Status) -> None:
        with self._news:
            self.seen.append(status)
            self._news.notify_all()

    def wait_for(self, holds: Callable[[Status], bool]) -> Status:
        """The next status that holds, behind those that were waited for before."""

        def found() -> int | None:
            return next((number for number, status in enumerate(self.seen) if holds(status)), None)

        with self._news:
            assert self._news.wait_for(lambda: found() is not None, timeout=20), self.seen[-1:]
            number = found()
            assert number is not None
            status = self.seen[number]
            del self.seen[: number + 1]
            return status

    def health(self) -> int:
        return httpx.get(f"http://127.0.0.1:{self.board.status.port}/health").status_code

    def crash(self) -> None:
        """End the server from inside, without anybody having asked the supervisor for it."""
        server = self.supervisor._server  # pyright: ignore[reportPrivateUsage]
        run = server and server._run  # pyright: ignore[reportPrivateUsage]
        assert run
        loop, inside = run._loop, run._server  # pyright: ignore[reportPrivateUsage]
        assert loop
        assert inside
        loop.call_soon_threadsafe(inside.request_exit)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.supervisor.close()


def test_start_stop_and_restart_are_told(watched: Watched) -> None:
    assert watched.supervisor.start()
    assert watched.supervisor.start()
    assert watched.health() == 200
    watched.supervisor.stop()
    assert not watched.supervisor.running
    assert watched.supervisor.restart()
    assert watched.health() == 200
    watched.supervisor.stop()
    states = [status.server for status in watched.seen]
    assert states[-1] == "stopped"
    assert {"starting", "running", "stopped"} <= set(states)
    assert [port is None for port in watched.ports] == [False, True, False, True]


def test_a_busy_port_is_a_state_that_names_the_holder_and_a_move_really_works(watched: Watched) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        watched.settings.change(port=port)
        assert not watched.supervisor.start()
        failure = watched.board.status.failure
        assert watched.board.status.server == "failed"
        assert failure is not None
        assert failure.kind == "port_in_use"
        assert failure.holder
        assert str(port) in failure.message
        free = free_port_after(port, "127.0.0.1")
        assert free is not None
        assert watched.supervisor.move_to(free)
        assert (watched.board.status.port, watched.health()) == (free, 200)
        assert watched.settings.current.port == free


def test_where_any_port_will_do_a_restart_keeps_the_one_that_it_was(watched: Watched) -> None:
    assert watched.supervisor.start()
    port = watched.board.status.port
    assert watched.supervisor.restart()
    assert (watched.board.status.port, watched.health()) == (port, 200)


def test_a_crash_is_followed_by_three_new_starts_and_then_by_rest(watched: Watched) -> None:
    assert watched.supervisor.start()
    watched.seen.clear()
    for attempt in (1, 2, 3):
        watched.crash()
        failed = watched.wait_for(lambda status: status.server == "failed")
        assert failed.failure is not None
        assert failed.failure.message == f"Restarted ({attempt} of 3)."
        watched.wait_for(lambda status: status.server == "running" and status.failure is None)
        assert watched.health() == 200
    watched.crash()
    off = watched.wait_for(lambda status: status.server == "failed")
    assert off.failure is not None
    assert "stays off" in off.failure.message
    assert watched.supervisor.start()
    assert watched.health() == 200


def test_what_was_closed_does_not_start_again(watched: Watched) -> None:
    assert watched.supervisor.start()
    watched.supervisor.close()
    assert not watched.supervisor.start()
    assert not watched.supervisor.running


def test_a_server_that_was_stopped_is_not_brought_back(watched: Watched) -> None:
    assert watched.supervisor.start()
    watched.supervisor.stop()
    assert watched.board.status.server == "stopped"
    assert not watched.supervisor.running
