"""Which servers of ours run for this person: each holds a locked file that says where, and that is gone with it.

The lock, not the file, tells that a server lives: a file that a crash left behind can be locked by anybody.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import json_codec
from .file_lock import try_lock
from .json_codec import object_or_empty
from .paths import Paths, make_private_directory

_LARGEST_FILE = 4096
_TRIES, _BETWEEN_TRIES = 50, 0.02


@dataclass(frozen=True, slots=True)
class Instance:
    """A server that runs. `token` lets programs of the same person control it."""

    pid: int
    host: str
    port: int
    token: str = field(repr=False)


def new_token() -> str:
    return secrets.token_urlsafe(32)


@contextmanager
def announced(paths: Paths, host: str, port: int, token: str) -> Generator[Instance | None]:
    """Let `running_instances` find this server while the block is open, with the `token` that it knows. None where no
    file can be written."""
    instance = Instance(os.getpid(), host, port, token)
    path = paths.server_file(port)
    try:
        make_private_directory(paths.run_dir)
        file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")  # noqa: SIM115  # open as long as we serve
    except OSError:
        yield None
        return
    with file:
        # Nobody else can have this port, so whoever still holds the file is about to let go: a server that ends, or
        # somebody who looks whether it lives.
        for _ in range(_TRIES):
            if try_lock(file):
                break
            time.sleep(_BETWEEN_TRIES)
        fields = {"pid": instance.pid, "host": host, "port": port, "token": instance.token}
        try:
            if os.name != "nt":
                os.fchmod(file.fileno(), 0o600)
            file.truncate(0)
            file.write(json_codec.encode(fields))
            file.flush()
        except OSError:
            yield None
            return
        try:
            yield instance
        finally:
            # Windows deletes no open file; what is left there is empty, and locked by nobody.
            with contextlib.suppress(OSError):
                file.truncate(0)
            with contextlib.suppress(OSError):
                path.unlink()


def running_instances(paths: Paths) -> list[Instance]:
    """The servers that run, the one that started last at the front."""
    files: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):
        files = [(path.stat().st_mtime, path) for path in paths.run_dir.glob("server-*.json")]
    found = [_read(path) for _, path in sorted(files, reverse=True)]
    return [instance for instance in found if instance is not None]


def _read(path: Path) -> Instance | None:
    try:
        with path.open("r+b") as file:
            if try_lock(file):
                return None  # nobody held it: it was left behind
            fields = object_or_empty(json_codec.decode(file.read(_LARGEST_FILE)))
    except (OSError, json_codec.JSONError):
        return None
    match fields:
        case {"pid": int(pid), "host": str(host), "port": int(port), "token": str(token)}:
            return Instance(pid, host, port, token)
        case _:
            return None
