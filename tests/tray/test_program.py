"""The program as one: its end, whenever somebody wants it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The main thread waits for the end; the signal comes between two lines of that wait, each of them once.
_INTERRUPTED = """
import faulthandler, os, signal, sys
from core.paths import Paths
from core.settings import SettingsStore
from tray.program import Program, obey_signals

faulthandler.dump_traceback_later(40, exit=True)
paths = Paths.find(os.environ)
lines = 0
for interrupted in range(1, 100):
    program = Program(SettingsStore(paths, os.environ, {}), paths, os.environ)
    obey_signals(program)
    lines = 0

    def count(_frame, event, _argument):
        global lines
        if event == "line":
            lines += 1
            if lines == interrupted:
                signal.raise_signal(signal.SIGTERM)
        return count

    # Another signal ends the wait that has fewer lines.
    signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    sys.settrace(count)
    program.wait()
    sys.settrace(None)
    signal.setitimer(signal.ITIMER_REAL, 0)
    program.close()
    if lines < interrupted:
        break
print(interrupted)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be raised there without an end")
def test_a_signal_that_comes_at_any_moment_of_the_wait_ends_it(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
