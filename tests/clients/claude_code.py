"""The real Claude Code from npm, installed once into a cache of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from tests import needs

VERSION = "2.1.330"
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}


def executable() -> Path:
    """Claude Code's executable; npm fetches it where it is not there yet. `CLIPROXYAPI_TEST_CLAUDE` names another."""
    if named := os.environ.get("CLIPROXYAPI_TEST_CLAUDE"):
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cliproxyapi-tests" / VERSION
    # npm leaves the package's own script out, which would put this file in its place.
    native = f"claude-code-{_SYSTEMS[sys.platform]}-{_MACHINES[platform.machine().lower()]}"
    path = cache / "node_modules" / "@anthropic-ai" / native / ("claude.exe" if sys.platform == "win32" else "claude")
    if not path.exists():
        npm = needs.program("npm")
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "package.json").write_text(json.dumps({"private": True}))
        command = [npm, "install", "--no-audit", "--no-fund", f"@anthropic-ai/claude-code@{VERSION}"]
        subprocess.run(command, cwd=cache, check=True, stdin=subprocess.DEVNULL, timeout=600)
    return path


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
