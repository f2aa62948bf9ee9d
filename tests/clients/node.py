"""JavaScript that uses packages from npm, and what it prints."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.clients import npm
from tests.evidence import kept

PACKAGES = ("openai@7.57.0", "zod@4.6.7", "ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92")


@dataclass(frozen=True)
class Script:
    """What a piece of JavaScript printed, line by line, each as the JSON that it is."""

    shown: list[Any]


def run(source: str, base_url: str) -> Script:
    """Run `source` as a module that can import the packages; it finds the proxy in `BASE_URL`."""
    folder = npm.installed("javascript", *PACKAGES)
    done = subprocess.run(
        [str(npm.node()), "--input-type=module", "--eval", source],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "BASE_URL": base_url, "NO_PROXY": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert kept(done).returncode == 0, done.stdout + done.stderr
    return Script([json.loads(line) for line in done.stdout.split("\n") if line])
