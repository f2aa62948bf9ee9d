"""One icon for each person: a second start lets the first one know, and ends.

The first one holds a locked file, which is gone with its process however that ends, and listens at a loopback port of
its own for whoever read the secret in that file: its server, which could be asked as well, may be stopped.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import TYPE_CHECKING, Any, BinaryIO

from core import json_codec
from core.file_lock import try_lock
from core.json_codec import object_or_empty
from core.paths import Paths, make_private_directory

if TYPE_CHECKING:
    from multiprocessing.connection import PipeConnection

log = logging.getLogger("cliproxyapi.tray")

# How long the first one may take to answer.
_SECONDS = 2.0
_PAUSE_SECONDS = 0.5
_LARGEST_FILE = 4096
_ACTIVATE, _QUIT, _DONE = b"activate", b"quit", b"done"


class OnlyTray:
    """The right to be the one icon. `on_activation` is called when somebody starts another, `on_quit` when a command
    ends this one; both on a thread of its own."""

    def __init__(self) -> None:
        # None: not yet, and then nobody is told that it was done.
        self.on_activation: Callable[[], None] | None = None
        self.on_quit: Callable[[], None] | None = None
        self._closed = False

    def serve(self, listener: Listener, key: bytes) -> None:
        while not self._closed:
            try:
                connection = listener.accept()
            except OSError:
                time.sleep(_PAUSE_SECONDS)  # no descriptors left, or closed just now
                continue
            # Whoever connects may be silent for ever.
            threading.Thread(target=self._hear, args=(connection, key), name="second start", daemon=True).start()

    def close(self, listener: Listener) -> None:
        self._closed = True
        listener.close()

    def _hear(self, connection: Connection[Any, Any] | PipeConnection[Any, Any], key: bytes) -> None:
        # Somebody without the secret, or who left, is nobody's business.
        with connection, contextlib.suppress(OSError, EOFError, AuthenticationError, ValueError):
            deliver_challenge(connection, key)
            answer_challenge(connection, key)
            if connection.poll(_SECONDS):
                self._obey(connection)

    def _obey(self, connection: Connection[Any, Any] | PipeConnection[Any, Any]) -> None:
        wanted = {_ACTIVATE: self.on_activation, _QUIT: self.on_quit}.get(connection.recv_bytes(64))
        if wanted is not None:
            wanted()
            connection.send_bytes(_DONE)


@contextmanager
def only_tray(paths: Paths) -> Generator[OnlyTray | None]:
    """The right to be the one icon while the block is open; None where another process has it. Where no file can be
    written nobody can tell, and everybody has it."""
    only = OnlyTray()
    with contextlib.ExitStack() as stack:
        try:
            make_private_directory(paths.run_dir)
            file = stack.enter_context(open(os.open(paths.tray_file, os.O_RDWR | os.O_CREAT, 0o600), "r+b"))
        except OSError as error:
            log.warning("nobody can tell whether another icon is shown: %s", error)
            yield only
            return
        if not try_lock(file):
            yield None
            return
        key = secrets.token_bytes(32)
        listener = _listening(file, key)
        if listener is not None:
            stack.callback(only.close, listener)
            threading.Thread(target=only.serve, args=(listener, key), name="second starts", daemon=True).start()
        yield only
        with contextlib.suppress(OSError):
            file.truncate(0)


def activate_first(paths: Paths) -> bool:
    """Ask the process that shows the icon to show itself; False where it does not answer in two seconds."""
    return _told_first(paths, _ACTIVATE)


def quit_first(paths: Paths) -> bool:
    """Ask the process that shows the icon to end; False where it does not answer in two seconds."""
    return _told_first(paths, _QUIT)


def icon_is_shown(paths: Paths) -> bool:
    """Whether a process has the right to be the one icon."""
    try:
        with paths.tray_file.open("r+b") as file:
            return not try_lock(file)
    except OSError:
        return False


def _told_first(paths: Paths, word: bytes) -> bool:
    answered = threading.Event()

    def ask() -> None:
        with contextlib.suppress(OSError, EOFError, AuthenticationError, ValueError), _connected(paths) as line:
            line.send_bytes(word)
            if line.poll(_SECONDS) and line.recv_bytes(64) == _DONE:
                answered.set()

    # Whoever holds the port now may be silent for ever.
    thread = threading.Thread(target=ask, name="asking", daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return answered.is_set()


def _listening(file: BinaryIO, key: bytes) -> Listener | None:
    """Told in `file`: where, and the secret."""
    try:
        listener = Listener(("127.0.0.1", 0))
        address: Any = listener.address
        file.truncate(0)
        file.write(json_codec.encode({"pid": os.getpid(), "port": address[1], "key": key.hex()}))
        file.flush()
    except OSError as error:
        log.warning("a second start will not be noticed: %s", error)
        return None
    return listener


def _connected(paths: Paths) -> Connection[Any, Any] | PipeConnection[Any, Any]:
    with paths.tray_file.open("rb") as file:
        told = object_or_empty(json_codec.decode(file.read(_LARGEST_FILE)))
    match told:
        case {"port": int(port), "key": str(key)}:
            return Client(("127.0.0.1", port), authkey=bytes.fromhex(key))
        case _:
            raise FileNotFoundError(paths.tray_file)
