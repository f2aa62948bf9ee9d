"""The one stream of events: how things stand first, what changed after that, and nothing when nobody looks."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from core import sse
from core.status import StatusBoard
from tests.dashboard import Shown, ask, shown_dashboard

PATIENCE = 30.0


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown_dashboard(tmp_path_factory.mktemp("home"), environ={"CLIPROXYAPI_ROUTE": "demo"}) as shown:
        yield shown


@contextmanager
def watching(shown: Shown, query: str = "") -> Iterator[Iterator[tuple[str, Any]]]:
    url, session = f"{shown.proxy.root}/api/events{query}", shown.session()
    with ask.stream("GET", url, headers=session, timeout=PATIENCE) as answer:
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    decoder = sse.Decoder()
    for chunk in answer.iter_raw():
        for frame in decoder.feed(chunk):
            yield frame.event, json.loads(frame.data)


def listeners(board: StatusBoard) -> int:
    return len(board._listeners)


def until_nobody_listens(board: StatusBoard) -> None:
    until = time.monotonic() + PATIENCE
    while listeners(board) and time.monotonic() < until:
        time.sleep(0.02)
    assert listeners(board) == 0


def test_a_page_gets_how_things_stand_and_what_changes(shown: Shown) -> None:
    with watching(shown) as events:
        assert next(events)[1]["headline"]["line"].startswith("Demo on")
        shown.proxy.board.post(last_error="overloaded")
        topic, state = next(events)
        assert (topic, state["last_error"]) == ("state", "overloaded")
        shown.proxy.settings.change(max_output_tokens=77)
        assert {next(events)[0], next(events)[0]} == {"settings", "state"}


def test_many_changes_become_one_event(shown: Shown) -> None:
    with watching(shown) as events:
        next(events)
        for number in range(500):
            shown.proxy.board.post(last_ok=float(number))
        seen = 0
        for _, state in events:
            seen += 1
            if state["last_ok"] == 499.0:
                break
        assert seen <= 5


def test_nobody_there_nothing_listens(shown: Shown) -> None:
    board, handlers = shown.proxy.board, len(logging.getLogger("cliproxyapi").handlers)
    until_nobody_listens(board)
    with watching(shown, "?log=1") as first, watching(shown) as second:
        next(first), next(second)
        # Two pages cost what one costs.
        assert listeners(board) == 1
        assert len(logging.getLogger("cliproxyapi").handlers) == handlers + 1
    until_nobody_listens(board)
    assert len(logging.getLogger("cliproxyapi").handlers) == handlers


def test_lines_of_the_log_come_without_secrets(shown: Shown) -> None:
    with watching(shown, "?log=1") as events:
        next(events)
        assert next(events) == ("log", {"lines": [], "begins": True})
        logging.getLogger("cliproxyapi").warning("key sk-ant-s3cr3t-marker seen")
        topic, data = next(event for event in events if event[0] == "log")
        assert topic == "log"
        assert data["lines"][0].endswith("key [redacted] seen")


def test_a_stopped_server_ends_the_stream_in_order(tmp_path: Path) -> None:
    with shown_dashboard(tmp_path) as shown, watching(shown) as events:
        next(events)
        shown.proxy.server.stop()
        assert all(topic == "state" for topic, _ in events)
        # and it serves again, for the page that comes back
        shown.proxy.server.start()
        with watching(shown) as again:
            assert next(again)[0] == "state"


def test_the_log_begins_with_its_end_and_tells_each_line_once(tmp_path: Path) -> None:
    with shown_dashboard(tmp_path) as shown:
        file = tmp_path / "data" / "log" / "cliproxyapi.log"
        file.parent.mkdir(parents=True)
        file.write_text("one\ntwo\n")
        with watching(shown, "?log=1") as events:
            next(events)
            assert next(events) == ("log", {"lines": ["one", "two"], "begins": True})
