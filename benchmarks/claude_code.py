"""The route `claude-code`: how long until the first delta, with a process that waited for the request and without one?

The real Claude Code (`--claude`, or the one that is installed) asks a simulated Claude on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from core.claude_cli import ClaudeCLI
from core.paths import Paths
from core.upstreams import UpstreamRequest
from core.upstreams.claude_code import ClaudeCode
from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.server import TEST_TOKEN

LIMIT_RATIO = 0.35
# A process that was just started is still busy with itself, as it is not when a person has read an answer.
SETTLED_SECONDS = 3.0
QUESTION = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 4000,
    "stream": True,
    "messages": [{"role": "user", "content": "Hello"}],
}


async def first_delta(upstream: ClaudeCode) -> float:
    begun = time.perf_counter()
    async with upstream.open(UpstreamRequest(json.dumps(QUESTION).encode())) as answer:
        first: float | None = None
        async for chunk in answer.chunks():
            if first is None and b"content_block_delta" in chunk:
                first = time.perf_counter() - begun
    assert first is not None, "there was no answer"
    return first


async def measure(claude: str | None, rounds: int) -> tuple[list[float], list[float]]:
    cold: list[float] = []
    warm: list[float] = []
    with SimulatedClaude() as simulated, tempfile.TemporaryDirectory() as home:
        environ = {"HOME": home, "PATH": os.environ["PATH"], "CLAUDE_CODE_OAUTH_TOKEN": TEST_TOKEN}
        cli = ClaudeCLI(environ, Path(home), named=lambda: claude)
        paths = Paths.find({"CLIPROXYAPI_DATA_DIR": f"{home}/data", "CLIPROXYAPI_CONFIG_DIR": f"{home}/config"})
        # Looking for the executable, and what it does when it first runs at all, belong to neither.
        await asyncio.to_thread(cli.find)
        for number in range(rounds + 1):
            upstream = ClaudeCode(cli, paths, base_url=simulated.url)
            try:
                without = await first_delta(upstream)
                await asyncio.sleep(SETTLED_SECONDS)
                with_one = await first_delta(upstream)
            finally:
                await upstream.close()
            if number > 0:
                cold.append(without)
                warm.append(with_one)
    return cold, warm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claude", help="path of the executable")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    cold, warm = asyncio.run(measure(options.claude, options.rounds))
    for name, seconds in (("cold start", cold), ("waiting process", warm)):
        print(f"{name:<16} first delta after {statistics.median(seconds):.3f} s (median of {len(seconds)})")
    ratio = statistics.median(warm) / statistics.median(cold)
    print(f"ratio {ratio:.2f} (at most {LIMIT_RATIO})")
    return int(ratio > LIMIT_RATIO)


if __name__ == "__main__":
    sys.exit(main())
