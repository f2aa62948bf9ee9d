"""Locks on files: one holder at a time, waited for with patience, and gone with the process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.file_lock import locked, try_lock


def test_a_second_holder_waits_until_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "data" / "some.lock"
    order: list[str] = []
    with locked(path, 1):

        def second() -> None:
            with locked(path, 30):
                order.append("second")

        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.1)
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]


def test_who_waits_too_long_gets_an_error(tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    with locked(path, 1), pytest.raises(TimeoutError, match=r"some\.lock"), locked(path, 0.05):
        pass
    with locked(path, 1):
        pass


HOLD = """
import sys, time
from pathlib import Path
from core.file_lock import locked
with locked(Path(sys.argv[1]), 1):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    command, root = [sys.executable, "-c", HOLD, str(path)], Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with path.open("r+b") as file:
            assert not try_lock(file)
        holder.kill()
        holder.wait(30)
        with locked(path, 10):
            pass
