"""JavaScript that uses packages from npm: installed once into a cache of their own, with a Node that is new enough."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import needs

VERSION = "26.10.0"
PACKAGES = ("openai@7.57.0", "zod@4.6.7", "ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92")
_MACHINES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}


def _native() -> str:
    """The package that brings Node itself; the one called `node` only fetches it by a script of its own."""
    machine = _MACHINES[platform.machine().lower()]
    if sys.platform == "darwin":
        return f"node-bin-darwin-{machine}" if machine == "arm64" else f"node-darwin-{machine}"
    return f"node-{'win' if sys.platform == 'win32' else sys.platform}-{machine}"


def _installed() -> Path:
    """The folder that holds Node and the packages; npm fetches them where they are not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cliproxyapi-tests" / f"node-{VERSION}"
    wanted = json.dumps({"private": True, "type": "module", "description": " ".join(PACKAGES)})
    done = cache / "installed.json"
    if not done.exists() or done.read_text() != wanted:
        npm = needs.program("npm")
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "package.json").write_text(wanted)
        command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        packages = [f"{_native()}@{VERSION}", *PACKAGES]
        subprocess.run([*command, *packages], cwd=cache, check=True, stdin=subprocess.DEVNULL, timeout=600)
        done.write_text(wanted)
    return cache


@dataclass(frozen=True)
class Script:
    """What a piece of JavaScript printed, line by line, each as the JSON that it is."""

    shown: list[Any]


def run(source: str, base_url: str) -> Script:
    """Run `source` as a module that can import the packages; it finds the proxy in `BASE_URL`."""
    folder = _installed()
    name = "node.exe" if sys.platform == "win32" else "node"
    done = subprocess.run(
        [str(folder / "node_modules" / _native() / "bin" / name), "--input-type=module", "--eval", source],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "BASE_URL": base_url, "NO_PROXY": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Script([json.loads(line) for line in done.stdout.split("\n") if line])
