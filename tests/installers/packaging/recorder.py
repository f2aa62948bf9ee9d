"""A command that notes how it was called, for the tools of other systems."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are scripts of POSIX")


@dataclass(frozen=True)
class Recorder:
    folder: Path

    def plays(self, name: str, script: str = "") -> None:
        """`script` is run after the call was noted."""
        path = self.folder / name
        calls = shlex.quote(str(self.folder / "calls.txt"))
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >> {calls}\n{script}\n')
        path.chmod(0o755)

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": os.pathsep.join([str(self.folder), "/usr/bin", "/bin"])}

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls.txt"
        return path.read_text().splitlines() if path.exists() else []
