"""The log: private, bounded, and without secrets (E22)."""

from __future__ import annotations

import logging
import os
import stat
import time
from pathlib import Path

import pytest

from core.log import logging_to, redact
from core.paths import Paths

log = logging.getLogger("cliproxyapi.test")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path / "log", tmp_path)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("key sk-ant-api03-s3cr3t-marker-AbC_d-9 here", "key [redacted] here"),
        ("token sk-ant-oat01-s3cr3t-marker.", "token [redacted]."),
        ("Authorization: Bearer abc.def-g", "Authorization: Bearer [redacted]"),
        ("authorization: Basic dXNlcjpw==", "authorization: Basic [redacted]"),
        ('{"x-api-key": "abc"}', '{"x-api-key": "[redacted]"}'),
        ("x-api-key=abc, next", "x-api-key=[redacted], next"),
        ("authorization: abc", "authorization: [redacted]"),
        ("Authorization: Digest abc", "Authorization: Digest [redacted]"),
        ("{'x-api-key': b'abc'}", "{'x-api-key': b'[redacted]'}"),
        ("api_key=abc", "api_key=[redacted]"),
        ("mail bob.smith+x@example.co.uk now", "mail [redacted] now"),
        ("a eyJhbGciOiJI.eyJzdWIiOiIx.c2ln b", "a [redacted] b"),
        ("http://user:pass@proxy:3128 failed", "http://[redacted]@proxy:3128 failed"),
    ],
)
def test_e22_secrets_are_hidden(text: str, clean: str) -> None:
    assert redact(text) == clean


@pytest.mark.parametrize(
    "text", ["Overloaded", "messages.0: bearer of bad news", "a@b", "claude-sonnet-4-6 at 10:00", ""]
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece",
    ["a", "a@", "a.", "eyJaaaaaaaa-", "eyJaaaaaaaa.a", "Bearer ", "x-api-key:", "sk-ant-", "://a:", "a@b.", "%"],
)
def test_a_megabyte_of_anything_is_read_in_no_time(piece: str) -> None:
    began = time.process_time()
    redact(piece * (1_000_000 // len(piece)))
    # A pattern that goes back over what it read would take minutes.
    assert time.process_time() - began < 10


def test_messages_and_tracebacks_are_redacted_on_their_way_into_the_file(paths: Paths) -> None:
    with logging_to(paths, "info") as problem:
        assert problem is None
        log.info("from %s", "bob@example.com")
        log.debug("too fine")
        try:
            raise ValueError("sk-ant-api03-s3cr3t-marker")
        except ValueError:
            log.exception("it failed")
        logging.getLogger("uvicorn.error").error("ASGI callable returned without completing response.")
    text = paths.log_file.read_text()
    assert "from [redacted]" in text
    assert "Traceback" in text
    assert "too fine" not in text
    assert "s3cr3t-marker" not in text
    assert "without completing" not in text


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")
def test_the_file_and_its_successors_are_private_and_bounded(paths: Paths) -> None:
    before = os.umask(0)
    try:
        with logging_to(paths, "info"):
            for _ in range(600):
                log.info("x" * 10_000)
    finally:
        os.umask(before)
    files = sorted(paths.log_dir.iterdir())
    assert [file.name for file in files] == ["cliproxyapi.log", *(f"cliproxyapi.log.{n}" for n in (1, 2, 3))]
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_size <= 1024 * 1024


def test_a_line_break_makes_no_line_of_its_own(paths: Paths) -> None:
    with logging_to(paths, "info"):
        log.info("asked for %s", "x\r\n2026-01-01 INFO forged")
    assert len(paths.log_file.read_text().splitlines()) == 1


def test_where_nothing_can_be_written_the_program_goes_on(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.log_dir.write_text("a file where the directory should be")
    with logging_to(paths, "info") as problem:
        log.error("lost")
    assert str(paths.log_file) in str(problem)
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_costs_the_log_and_nothing_else(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    paths.log_dir.mkdir()
    paths.log_file.symlink_to("/dev/full")
    with logging_to(paths, "info"):
        log.error("lost")
    assert capsys.readouterr().err == ""
