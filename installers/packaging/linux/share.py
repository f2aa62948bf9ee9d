"""What goes below a `share` folder, whether it is the system's or a person's own."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import PurePosixPath

from tray.cli import cli

from . import completions, desktop_files, man_page

MAN_PAGE = PurePosixPath("man/man1/cliproxyapi.1.gz")


def files(version: str, seconds: int) -> Mapping[PurePosixPath, bytes]:
    """Each file by its place. `seconds` since 1970: the date that they tell."""
    texts = {
        desktop_files.ENTRY: desktop_files.render_entry(),
        desktop_files.METAINFO: desktop_files.render_metainfo(version, seconds),
        **{place: completions.render(cli, shell) for shell, place in completions.PLACES.items()},
    }
    pictures = {place: file.read_bytes() for place, file in desktop_files.icons().items()}
    page = compressed(man_page.render(cli, version, seconds))
    return {**{place: text.encode() for place, text in texts.items()}, **pictures, MAN_PAGE: page}


def compressed(text: str) -> bytes:
    """As Debian wants it: as small as can be, and without the time of the build."""
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)
