"""The real OpenClaw from npm, with the Node that it needs, installed once into a cache of its own."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import needs

VERSION, NODE_VERSION = "2026.9.6", "26.10.0"
MODEL = "claude-sonnet-4-6"

# The block of OpenClaw's own documentation, the base URL left open.
MODELS: list[dict[str, Any]] = [
    {"id": "claude-opus-4-6", "name": "Claude Opus 4.6", "contextWindow": 200000, "maxTokens": 16384},
    {"id": "claude-sonnet-4-6", "name": "Claude Sonnet 4.6", "contextWindow": 200000, "maxTokens": 16384},
    {"id": "claude-haiku-4-5-20251001", "name": "Claude Haiku 4.5", "contextWindow": 200000, "maxTokens": 16384},
]


def executables() -> tuple[Path, Path]:
    """Node and OpenClaw; npm fetches them where they are not there yet. `CLIPROXYAPI_TEST_OPENCLAW` names a folder in
    which both are installed."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cliproxyapi-tests" / f"openclaw-{VERSION}"
    )
    folder = Path(os.environ.get("CLIPROXYAPI_TEST_OPENCLAW") or cache)
    # The package `node` brings its program in another one, as npm leaves its script out.
    found = sorted(folder.glob("node_modules/node-*/bin/node")) + sorted(folder.glob("node_modules/node/bin/node"))
    openclaw = folder / "node_modules" / ".bin" / "openclaw"
    if not found or not openclaw.exists():
        npm = needs.program("npm")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True}))
        packages = [f"openclaw@{VERSION}", f"node@{NODE_VERSION}"]
        command = [npm, "install", "--no-audit", "--no-fund", *packages]
        subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, timeout=900)
        return executables()
    return found[0], openclaw


@dataclass(frozen=True)
class OpenClaw:
    """OpenClaw with its own home, set up with the documented block for the proxy at `base_url`."""

    home: Path
    base_url: str
    api: str = "openai-completions"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Its command line; what it prints."""
        node, openclaw = executables()
        provider = {"baseUrl": self.base_url, "apiKey": "not-needed", "api": self.api, "models": MODELS}
        config = {
            "models": {"mode": "merge", "providers": {"claude-proxy": provider}},
            "agents": {"defaults": {"model": {"primary": f"claude-proxy/{MODEL}"}}},
        }
        (self.home / ".openclaw").mkdir(parents=True, exist_ok=True)
        (self.home / ".openclaw" / "openclaw.json").write_text(json.dumps(config))
        environment = {
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(node.parent), os.environ["PATH"]]),
            "NO_COLOR": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        return subprocess.run(
            [str(node), str(openclaw.resolve()), *arguments],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def answer(self, *arguments: str) -> dict[str, Any]:
        """The JSON that it prints."""
        done = self.run(*arguments)
        assert "{" in done.stdout, done.stdout + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :])
