"""What tests leave for `tests.secret_scan` to search, in the folder that the environment variable TEST_EVIDENCE names.

Kept are logs, reports, and what the tests and the programs that they started had printed. Homes are not: a stored
secret lies there on purpose. Without the variable nothing is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

VARIABLE = "TEST_EVIDENCE"

# A rotated log is `cliproxyapi.log.1`; a report of `cliproxyapi doctor` is a zip file.
_FILES = ("*.log", "*.log.*", "*.zip")


def kept(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """`done` itself, whose output is kept."""
    keep_text(done.stdout, done.stderr)
    return done


def keep_text(*texts: str) -> None:
    if (folder := _folder()) is not None:
        # Each process of a test run has a file of its own.
        with (folder / f"printed-{os.getpid()}.txt").open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f"{text}\n" for text in texts if text)


def keep_report(report: pytest.TestReport) -> None:
    """What a test and its programs had printed. Not the records that pytest caught as they were logged: that is before
    they are redacted on their way into a log."""
    keep_text(report.capstdout, report.capstderr)


def keep_files(place: Path) -> None:
    """The logs and reports below `place`, where they are."""
    if (folder := _folder()) is None:
        return
    for pattern in _FILES:
        for path in place.rglob(pattern):
            if path.is_file() and not path.is_symlink():
                copy = folder / place.name / path.relative_to(place)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


def _folder() -> Path | None:
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None
