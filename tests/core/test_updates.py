"""The update notice, against a feed of our own: when it is asked, what it may say, and that it is quiet."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core import __version__, updates
from core.paths import Paths
from core.settings import SettingsStore
from core.status import Release, StatusBoard
from core.updates import RELEASES_URL, DailyCheck, FeedUnreachable, UpdateCheck, UpdatesUnknown, newer_than
from tests.raw_http import wait_for
from tests.releases_feed import Feed, releases_feed

DAY = 86_400.0
NEWER = Release("99.0.0", f"{RELEASES_URL}/tag/v99.0.0")


@pytest.fixture
def feed() -> Iterator[Feed]:
    with releases_feed() as feed:
        yield feed


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Program:
    """One life of the program; the files stay for the next one."""

    paths: Paths
    feed: str
    clock: Clock = field(default_factory=Clock)
    on: bool = True
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.board = StatusBoard()
        self.settings = SettingsStore(self.paths, {"CLIPROXYAPI_CHECK_UPDATES": "true"} if self.on else {}, {})
        self.check = UpdateCheck(self.paths, self.settings, self.board, self.environ, feed=self.feed, now=self.clock)


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path, feed: Feed) -> Start:
    paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "log", tmp_path / "run")
    return lambda **how: Program(paths, **{"feed": feed.url, **how})


def test_a_newer_version_is_kept_and_told(start: Start, feed: Feed) -> None:
    program = start()
    program.check.check_if_due()
    assert program.board.status.update == NEWER
    assert start().check.known() == NEWER
    [asked] = feed.asked
    assert asked["user-agent"] == f"cliproxyapi/{__version__}"
    assert "authorization" not in asked
    assert "cookie" not in asked


@pytest.mark.parametrize(
    ("own", "said", "newer"),
    [
        ("0.1.0", "0.1.1", True),
        ("0.9.0", "0.10.0", True),
        ("1.0.0rc1", "1.0.0", True),
        ("1.0.0b2", "1.0.0rc1", True),
        ("1.0.0", "1.0.0", False),
        ("1.0.0", "1.0.0rc2", False),
        ("1.0.0", "0.9.9", False),
        ("1.0.0", None, False),
    ],
)
def test_versions_follow_each_other_by_their_numbers(own: str, said: str | None, newer: bool) -> None:
    assert (newer_than(own, said) is not None) == newer


def test_off_by_default_and_then_nobody_is_asked(start: Start, feed: Feed) -> None:
    program = start(on=False)
    program.check.check_if_due()
    daily = DailyCheck(program.check, program.settings)
    before = threading.active_count()
    daily.start()
    assert threading.active_count() == before
    daily.stop()
    assert feed.asked == []
    assert program.check.last_asked() is None


def test_a_click_asks_also_where_it_is_off_and_soon_after_another(start: Start, feed: Feed) -> None:
    program = start(on=False)
    assert program.check.check_now() == NEWER
    assert program.check.check_now() == NEWER
    assert len(feed.asked) == 2


def test_it_is_asked_once_a_day_whatever_is_restarted(start: Start, feed: Feed) -> None:
    clock = Clock()
    for later in (0.0, 60.0, DAY - 61.0):
        clock.now += later
        start(clock=clock).check.check_if_due()
    assert len(feed.asked) == 1
    clock.now += 1.0
    start(clock=clock).check.check_if_due()
    assert len(feed.asked) == 2


def test_a_clock_that_was_set_back_does_not_silence_it_for_years(start: Start, feed: Feed) -> None:
    clock = Clock()
    start(clock=clock).check.check_if_due()
    clock.now -= 1000 * DAY
    start(clock=clock).check.check_if_due()
    start(clock=clock).check.check_if_due()
    assert len(feed.asked) == 2


def test_a_clock_that_jumps_to_and_fro_makes_no_flood(start: Start, feed: Feed) -> None:
    program = start()
    for jump in (10 * DAY, -20 * DAY, 30 * DAY):
        program.check.check_if_due()
        program.clock.now += jump
    assert len(feed.asked) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Sign in to the hotel's network</html>"),
        (200, b"[]"),
        (200, b'{"tag_name": 7}'),
        (200, b'{"tag_name": "nightly"}'),
        (200, b'{"tag_name": "v1.0.0\\u0000"}'),
        (200, b'{"tag_name": "v1.0.0/../../evil"}'),
        (200, b'{"tag_name": "v' + b"9" * 5000 + b'.0.0"}'),
        (200, b" " * 2_000_000),
        (403, b'{"message": "rate limit"}'),
        (500, b""),
    ],
)
def test_an_answer_that_is_none_is_a_quiet_line_and_counts_as_asked(
    start: Start, feed: Feed, caplog: pytest.LogCaptureFixture, status: int, body: bytes
) -> None:
    start().check.check_now()
    feed.status, feed.body = status, body
    program = start(clock=Clock(Clock.now + 2 * DAY))
    with caplog.at_level("INFO"):
        program.check.check_if_due()
    assert [record.levelname for record in caplog.records if record.name == "cliproxyapi.updates"] == ["INFO"]
    # What it said before still holds, and tomorrow is soon enough.
    assert program.check.known() == NEWER
    start(clock=program.clock).check.check_if_due()
    assert len(feed.asked) == 2
    with pytest.raises(UpdatesUnknown):
        program.check.check_now()


def test_before_the_first_release_there_is_nothing_newer(start: Start, feed: Feed) -> None:
    feed.status, feed.body = 404, b'{"message": "Not Found"}'
    program = start()
    assert program.check.check_now() is None
    assert program.check.last_asked() is not None


def test_a_network_that_is_away_is_tried_again_after_an_hour_not_a_day(start: Start) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        program = start(feed=f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        program.check.check_if_due()
        assert program.check.last_asked() is None
        with pytest.raises(FeedUnreachable, match="cannot be reached"):
            program.check.check_now()


def test_it_goes_through_the_proxy_of_the_person(start: Start, feed: Feed) -> None:
    # What an HTTP proxy is asked for is the whole address.
    environ = {"http_proxy": f"http://127.0.0.1:{feed.port}"}
    program = start(feed="http://releases.example/latest", environ=environ)
    assert program.check.check_now() == NEWER
    assert feed.asked[0]["path"] == "http://releases.example/latest"


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b'{"asked_at": "now"}', b'{"asked_at": 1, "version": "<b>"}'])
def test_a_damaged_file_is_none(start: Start, feed: Feed, kept: bytes) -> None:
    program = start()
    program.paths.data_dir.mkdir()
    program.paths.updates_file.write_bytes(kept)
    assert program.check.known() is None
    program.check.check_if_due()
    assert program.check.known() == NEWER


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(start: Start, tmp_path: Path) -> None:
    program = start()
    (tmp_path / "data").write_text("not a folder")
    program.check.check_if_due()
    program.check.check_if_due()
    assert program.board.status.update == NEWER


def until(happened: Callable[[], Any]) -> None:
    wait_for(happened, 60)


def test_the_switch_counts_at_once(start: Start, feed: Feed) -> None:
    program = start(on=False)
    news: list[Release | None] = []
    program.board.listen(lambda status: news.append(status.update))
    daily = DailyCheck(program.check, program.settings)
    daily.start()
    try:
        program.settings.change(check_updates=True)
        until(lambda: news == [NEWER])
        until(lambda: any(thread.name == "updates" for thread in threading.enumerate()))
        program.settings.change(check_updates=None)
        until(lambda: all(thread.name != "updates" for thread in threading.enumerate()))
    finally:
        daily.stop()
    assert len(feed.asked) == 1


def test_a_daily_check_asks_again_after_a_day_in_one_life(
    start: Start, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updates, "_HOUR", 0.01)
    program = start()
    daily = DailyCheck(program.check, program.settings)
    daily.start()
    try:
        until(lambda: len(feed.asked) == 1 and program.board.status.update == NEWER)
        program.clock.now += DAY + 1
        until(lambda: len(feed.asked) == 2)
    finally:
        daily.stop()
    until(lambda: all(thread.name != "updates" for thread in threading.enumerate()))


def test_what_was_heard_before_is_on_the_board_from_the_start(start: Start, feed: Feed) -> None:
    start().check.check_now()
    again = start(on=False)
    daily = DailyCheck(again.check, again.settings)
    daily.start()
    daily.stop()
    assert again.board.status.update == NEWER
    assert json.loads(again.paths.updates_file.read_bytes())["version"] == "99.0.0"
