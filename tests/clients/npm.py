"""Packages from npm, each set installed once into a cache of its own; among them a Node that is new enough for all."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from tests import needs

NODE_VERSION = "26.10.0"
_MACHINES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}


def machine() -> str:
    """This machine's processor, as npm calls it."""
    return _MACHINES[platform.machine().lower()]


def installed(name: str, *packages: str) -> Path:
    """The folder with `packages`; npm fetches them where they are not there yet. No package runs a script."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cliproxyapi-tests" / name
    done, wanted = cache / "installed.txt", " ".join(packages)
    if not done.exists() or done.read_text() != wanted:
        npm = needs.program("npm")
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
        options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        command = [npm, "install", *options, *packages]
        subprocess.run(command, cwd=cache, check=True, stdin=subprocess.DEVNULL, timeout=900)
        done.write_text(wanted)
    return cache


def node() -> Path:
    """Node's executable."""
    system = "win" if sys.platform == "win32" else sys.platform
    # The package that is called `node` only fetches one of these, by a script.
    package = (
        f"node-bin-{system}-{machine()}" if (system, machine()) == ("darwin", "arm64") else f"node-{system}-{machine()}"
    )
    folder = installed("node", f"{package}@{NODE_VERSION}") / "node_modules" / package / "bin"
    return folder / ("node.exe" if sys.platform == "win32" else "node")
