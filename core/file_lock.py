"""Locks on files, which end with the process that holds them, however that ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .paths import make_private_directory

# What is locked lies behind the text, as Windows lets nobody read a locked part.
_LOCKED_BYTE = 1 << 20
_BETWEEN_TRIES = 0.05


def try_lock(file: BinaryIO) -> bool:
    """Lock `file` until it is closed; False where another process holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        return False
    return True


@contextmanager
def locked(path: Path, seconds: float) -> Generator[None]:
    """Hold the lock on `path` while the block is open. The file stays: one that were deleted could be locked twice.

    Raises TimeoutError where somebody else holds it for so many seconds, and OSError where there can be no such file.
    """
    make_private_directory(path.parent)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        until = time.monotonic() + seconds
        while not try_lock(file):
            if time.monotonic() > until:
                raise TimeoutError(f"another process holds {path}")
            time.sleep(_BETWEEN_TRIES)
        yield
