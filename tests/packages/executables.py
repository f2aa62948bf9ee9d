"""The built executables, and ways to run them: with nothing around them but what a test puts there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["single file", "folder"]
KINDS: tuple[Kind, ...] = ("single file", "folder")

SECONDS = 120

# Nobody writes here, not even root.
_READ_ONLY = "/proc"
_SERVES = re.compile(r"serves on (http://127\.0\.0\.1:\d+)/v1")


@dataclass(frozen=True)
class Executables:
    """`output` is what was built, `python` what is in it."""

    output: Path
    python: Path

    @property
    def folder(self) -> Path:
        return self.output / "CLIProxyAPI"

    def path(self, kind: Kind) -> Path:
        return self.output / "cliproxyapi" if kind == "single file" else self.folder / "cliproxyapi"


def run(program: Path, *arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it where nothing can be written, with `environ` alone."""
    return subprocess.run(
        [str(program), *arguments],
        env=dict(environ),
        cwd=_READ_ONLY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def serving(program: Path, environ: Mapping[str, str]) -> Generator[tuple[subprocess.Popen[str], str]]:
    """The demo on a free port: its process, and its address."""
    command = [str(program), "serve", "--demo", "--port", "0"]
    process = subprocess.Popen(
        command, env=dict(environ), cwd=_READ_ONLY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process.stdout:
        try:
            said = process.stdout.readline()
            address = _SERVES.search(said)
            assert address is not None, said
            yield process, address[1]
        finally:
            # Not a kill, which would leave the child of a single file behind.
            process.terminate()
            process.wait(SECONDS)
