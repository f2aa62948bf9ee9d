"""Processes: one for a request, one that waits, few at a time, and none that is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from core.upstreams import UpstreamRequest
from core.upstreams.claude_code.pool import Gate
from tests.core.upstreams.claude_code.asking import HELLO, ask, claude_code, until
from tests.stand_in_claude import StandIn, install


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return install(tmp_path / "bin")


def test_a_waiting_process_serves_the_next_request_of_its_kind(stand_in: StandIn, tmp_path: Path) -> None:
    async def run() -> None:
        upstream = claude_code(stand_in, tmp_path)
        await ask(upstream)
        await until(lambda: len(stand_in.alive) == 1)
        (waiting,) = stand_in.alive
        await ask(upstream)
        used = [start["pid"] for start in stand_in.starts if start["lines"]]
        assert used[1] == waiting
        await until(lambda: len(stand_in.alive) == 1)
        await ask(upstream, max_tokens=2000)
        assert len([start for start in stand_in.starts if start["lines"]]) == 3
        await until(lambda: [s["environ"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] for s in stand_in.starts][-1] == "2000")
        await until(lambda: len(stand_in.alive) == 1)
        await upstream.close()
        assert stand_in.alive == []

    asyncio.run(run())


def test_a_waiting_process_goes_when_nobody_asks(stand_in: StandIn, tmp_path: Path) -> None:
    async def run() -> None:
        upstream = claude_code(stand_in, tmp_path, idle_seconds=0.5)
        await ask(upstream)
        await until(lambda: len(stand_in.starts) == 2)
        await until(lambda: stand_in.alive == [])
        assert len(stand_in.starts) == 2
        await upstream.close()

    asyncio.run(run())


def test_a_waiting_process_that_died_is_replaced(stand_in: StandIn, tmp_path: Path) -> None:
    async def run() -> None:
        upstream = claude_code(stand_in, tmp_path)
        await ask(upstream)
        await until(lambda: len(stand_in.alive) == 1)
        os.kill(stand_in.alive[0], signal.SIGKILL)
        await until(lambda: stand_in.alive == [])
        answer = await ask(upstream)
        assert answer.status == 200
        await upstream.close()

    asyncio.run(run())


def test_c10_who_hangs_up_takes_the_process_and_its_children_along(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(then="hang_in_the_middle", has_child=True)

    async def run() -> None:
        upstream = claude_code(stand_in, tmp_path)
        body = json.dumps({**HELLO, "stream": True}).encode()

        async def read() -> None:
            async with upstream.open(UpstreamRequest(body)) as answer:
                async for _ in answer.chunks():
                    begun.set()

        begun = asyncio.Event()
        reading = asyncio.create_task(read())
        await begun.wait()
        await until(lambda: len(stand_in.alive) == 4)  # the one that answers, the one that waits, a child of each
        (busy,) = [start["pid"] for start in stand_in.starts if start["lines"]]
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert busy not in stand_in.alive
        await until(lambda: len(stand_in.alive) == 2)
        await upstream.close()
        # Their children are nobody's to wait for: the system ends them a moment after they were told to.
        await until(lambda: stand_in.alive == [])

    asyncio.run(run())


def test_who_hangs_up_during_the_start_leaves_nothing_either(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.behave(start_seconds=30)

    async def run() -> None:
        upstream = claude_code(stand_in, tmp_path)
        asking = asyncio.create_task(ask(upstream))
        await until(lambda: stand_in.starts)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await upstream.close()
        assert stand_in.alive == []

    asyncio.run(run())


def test_c12_many_at_once_all_get_their_answer_from_few_processes(stand_in: StandIn, tmp_path: Path) -> None:
    most = 0

    async def run() -> None:
        nonlocal most
        upstream = claude_code(stand_in, tmp_path, processes=lambda: 2)

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, len(stand_in.alive))
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        said = [f"number {number}" for number in range(6)]
        answers = await asyncio.gather(*(ask(upstream, messages=[{"role": "user", "content": s}]) for s in said))
        assert [answer.json["content"][0]["text"] for answer in answers] == [f"You said: {s}" for s in said]
        watching.cancel()
        await upstream.close()
        assert stand_in.alive == []

    asyncio.run(run())
    assert most <= 3  # two that answer, and one that waits


def test_the_gate_lets_in_who_came_first_and_forgets_who_left() -> None:
    order: list[str] = []

    async def run() -> None:
        gate = Gate(lambda: 1)
        held = asyncio.Event()

        async def pass_through(name: str) -> None:
            async with gate.passed():
                order.append(name)
                await held.wait()

        tasks = [asyncio.create_task(pass_through(name)) for name in ("first", "second", "gone", "third")]
        await asyncio.sleep(0)
        tasks[2].cancel()
        held.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with gate.passed():
            order.append("last")

    asyncio.run(run())
    assert order == ["first", "second", "third", "last"]
