"""Asks a stand-in Claude Code through the upstream itself, without a server in front."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.claude_cli import ClaudeCLI
from core.paths import Paths
from core.upstreams import UpstreamRequest
from core.upstreams.claude_code import ClaudeCode
from tests.stand_in_claude import StandIn

HELLO: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "hello"}],
}


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        return [json.loads(line[6:]) for line in self.body.split(b"\n") if line.startswith(b"data: ")]


def claude_code(stand_in: StandIn | None, home: Path, **options: Any) -> ClaudeCode:
    environ = {"HOME": str(home), "ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "MAX_THINKING_TOKENS": "5"}
    paths = Paths.find({"CLIPROXYAPI_CONFIG_DIR": str(home / "config"), "CLIPROXYAPI_DATA_DIR": str(home / "data")})
    path = str(stand_in.path if stand_in else home / "no-such-claude")
    return ClaudeCode(ClaudeCLI(environ, home, named=lambda: path), paths, **options)


async def ask(upstream: ClaudeCode, **body: Any) -> Answered:
    """Raises ProxyError."""
    request = UpstreamRequest(json.dumps({**HELLO, **body}).encode())
    async with upstream.open(request) as answer:
        parts = [part async for part in answer.chunks()]
        return Answered(answer.status, answer.headers, b"".join(parts))


def ask_once(stand_in: StandIn | None, home: Path, **body: Any) -> Answered:
    """Ask, close, and see that nothing is left. Raises ProxyError."""
    options = {name: body.pop(name) for name in ("silence", "on_limits") if name in body}

    async def run() -> Answered:
        upstream = claude_code(stand_in, home, **options)
        try:
            return await ask(upstream, **body)
        finally:
            await upstream.close()
            assert stand_in is None or stand_in.alive == []

    return asyncio.run(run())


async def until(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.01)
