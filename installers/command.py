"""Asking the system's own tools: launchctl, systemctl, loginctl."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.programs import child_environment

MISSING, SILENT = 127, 124
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a tool ended, and what it said, on one line."""

    code: int
    said: str
    # What it printed, as it was.
    printed: str = ""

    @property
    def ok(self) -> bool:
        return self.code == 0


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> Outcome:
    """Run a tool and wait for it. Not there and no answer are outcomes, too."""
    try:
        done = subprocess.run(
            list(arguments),
            env=child_environment(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(SILENT, f"no answer within {_SECONDS} seconds")
    except OSError as error:
        return Outcome(MISSING, error.strerror or str(error))
    printed = done.stdout.decode("utf-8", "replace")
    said = done.stderr.decode("utf-8", "replace") or printed
    return Outcome(done.returncode, " ".join(said.split())[:300], printed)
