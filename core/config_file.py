"""Editing `config.toml` for the person: what they wrote, comments, order and unknown keys, stays as it is."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .paths import make_private_directory


def edited(path: Path, values: Mapping[str, Any]) -> str:
    """The text of `path` with `values` set, None for a key that goes away. Raises OSError.

    A file that is no TOML cannot be edited; the settings were read before, so that it would have been refused by then.
    """
    import tomlkit

    try:
        document = tomlkit.parse(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        document = tomlkit.document()
    for name, value in values.items():
        if value is None:
            document.pop(name, None)  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(value, Mapping):
            table = tomlkit.table()
            table.update(value)  # pyright: ignore[reportUnknownMemberType]  # tomlkit's own stubs leave it open
            document[name] = table
        else:
            document[name] = list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType]
    return tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]


def write(path: Path, text: str) -> None:
    """Replace the file whole, keeping its rights; a link stays a link, as people keep such files elsewhere.

    Raises OSError and then leaves everything as it was.
    """
    target = path.resolve()
    make_private_directory(target.parent)
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mode = 0o600  # the local key may stand in it
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
