"""After a sleep of the machine, idle connections are not trusted any more, and answers that go on are left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from core.errors import CredentialRefused
from core.sleep import SleepWatch
from core.upstreams import UpstreamRequest
from core.upstreams.anthropic_http import AnthropicHTTP
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.server import TEST_KEY

QUESTION = {"model": "claude-sonnet-4-6", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
WHOLE = UpstreamRequest(json.dumps(QUESTION).encode())
STREAM = UpstreamRequest(json.dumps({**QUESTION, "stream": True}).encode())


class TestKey:
    __test__ = False

    async def headers(self) -> Mapping[str, str]:
        return {"x-api-key": TEST_KEY}

    def can_change(self) -> bool:
        return False

    def refused(self, error: CredentialRefused) -> None:
        """It never is."""


async def ask(upstream: AnthropicHTTP, request: UpstreamRequest = WHOLE) -> bytes:
    async with upstream.open(request) as answer:
        return b"".join([chunk async for chunk in answer.chunks()])


def test_connections_that_lay_idle_through_a_sleep_are_not_used_again(claude: SimulatedClaude) -> None:
    slept = [0.0]

    async def scenario() -> None:
        upstream = AnthropicHTTP("api-key", claude.url, TestKey(), sleep=SleepWatch(lambda: slept[0]))
        await ask(upstream)
        await ask(upstream)
        slept[0] = 600.0
        await ask(upstream)
        await ask(upstream)
        await upstream.close()

    asyncio.run(scenario())
    first, second, third, fourth = (request.connection for request in claude.requests)
    assert first == second != third == fourth


def test_an_answer_that_goes_on_survives_it(claude: SimulatedClaude) -> None:
    slept = [0.0]
    claude.script.append(scenarios.stalls(0.3, at=3))

    async def scenario() -> bytes:
        upstream = AnthropicHTTP("api-key", claude.url, TestKey(), sleep=SleepWatch(lambda: slept[0]))
        going_on = asyncio.create_task(ask(upstream, STREAM))
        while not claude.requests:  # noqa: ASYNC110  # they arrive on a thread of their own
            await asyncio.sleep(0.01)
        slept[0] = 600.0
        await ask(upstream)
        answer = await going_on
        await upstream.close()
        return answer

    assert b"message_stop" in asyncio.run(scenario())
