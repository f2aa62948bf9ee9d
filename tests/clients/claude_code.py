"""The real Claude Code from npm, installed once into a cache of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.clients import npm

VERSION = "2.1.330"


def executable() -> Path:
    """Claude Code's executable; npm fetches it where it is not there yet. `CLIPROXYAPI_TEST_CLAUDE` names another."""
    if named := os.environ.get("CLIPROXYAPI_TEST_CLAUDE"):
        return Path(named)
    # npm leaves the package's own script out, which would put this file in its place.
    native = f"claude-code-{sys.platform}-{npm.machine()}"
    folder = npm.installed("claude-code", f"@anthropic-ai/claude-code@{VERSION}") / "node_modules" / "@anthropic-ai"
    return folder / native / ("claude.exe" if sys.platform == "win32" else "claude")


def processes(executable: Path) -> list[int]:
    """The processes that run it now. Linux only."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "exe") == str(executable):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def children_of(parent: int) -> list[int]:
    """The processes that `parent` started and that have not ended. Linux only."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent_text = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent_text) == parent and state != "Z":
                found.append(int(entry.name))
    return found
