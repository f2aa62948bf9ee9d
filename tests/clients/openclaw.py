"""The real OpenClaw from npm, with the Node that it needs."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients import npm
from tests.evidence import kept

VERSION = "2026.9.6"
MODEL = "claude-sonnet-4-6"

# The block of OpenClaw's own documentation, the base URL left open.
MODELS: list[dict[str, Any]] = [
    {"id": "claude-opus-4-6", "name": "Claude Opus 4.6", "contextWindow": 200000, "maxTokens": 16384},
    {"id": "claude-sonnet-4-6", "name": "Claude Sonnet 4.6", "contextWindow": 200000, "maxTokens": 16384},
    {"id": "claude-haiku-4-5-20251001", "name": "Claude Haiku 4.5", "contextWindow": 200000, "maxTokens": 16384},
]


@dataclass(frozen=True)
class OpenClaw:
    """OpenClaw with its own home, set up with the documented block for the proxy at `base_url`."""

    home: Path
    base_url: str
    api: str = "openai-completions"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Its command line; what it prints."""
        node = npm.node()
        openclaw = npm.installed("openclaw", f"openclaw@{VERSION}") / "node_modules" / "openclaw" / "openclaw.mjs"
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
        done = subprocess.run(
            [str(node), str(openclaw), *arguments],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return kept(done)

    def answer(self, *arguments: str) -> dict[str, Any]:
        """The JSON that it prints."""
        done = self.run(*arguments)
        assert "{" in done.stdout, done.stdout + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :])
