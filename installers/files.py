"""The small files that make a system start a program: read, replaced whole, removed; what fails is one sentence."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from core.paths import make_private_directory, write_private

from .mechanism import AutostartError


def read_text(path: Path) -> str | None:
    """The text of `path`, None where there is none. What is no UTF-8 is shown with marks. Raises AutostartError."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise AutostartError(f"{path} cannot be read: {error.strerror}.") from error


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text`: a reader sees the old file or the new one. Raises AutostartError."""
    try:
        write_private(path, text.encode(), mode=0o644)
    except OSError as error:
        raise _cannot("written", path, error) from error


def remove(path: Path) -> None:
    """Raises AutostartError."""
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise _cannot("removed", path, error) from error


def point(link: Path, target: Path) -> None:
    """Make `link` a symbolic link to `target`, whatever it was. Raises AutostartError."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    try:
        make_private_directory(link.parent)
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        os.replace(temporary, link)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _cannot("written", link, error) from error


def _cannot(verb: str, path: Path, error: OSError) -> AutostartError:
    return AutostartError(f"{path} cannot be {verb}: {error.strerror}.")
