"""A Windows of its own, played by Wine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests import needs

# A first start of Wine makes a whole Windows.
SECONDS = 180


@dataclass(frozen=True)
class Wine:
    environ: dict[str, str]

    @property
    def drive(self) -> Path:
        """C:"""
        return Path(self.environ["WINEPREFIX"]) / "drive_c"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["wine", *arguments]
        # Into no pipe: Wine's services live on, and would hold it open.
        output = Path(self.environ["WINEPREFIX"]).with_name("output.txt")
        with output.open("w") as file:
            done = subprocess.run(
                command,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        return subprocess.CompletedProcess(command, done.returncode, output.read_text(errors="replace"))

    def runs(self, argument: str) -> bool:
        """Whether a program of this Windows still runs that was started with a text like `argument`."""
        prefix = f"WINEPREFIX={self.environ['WINEPREFIX']}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                started = argument.encode() in (process / "cmdline").read_bytes()
                if started and prefix in (process / "environ").read_bytes().split(b"\0"):
                    return True
        return False


@contextmanager
def wine_in(home: Path) -> Iterator[Wine]:
    """A fresh Windows whose files lie in `home`."""
    needs.program("wine")
    server = needs.program("wineserver")
    with _screen() as display:
        environ = {
            **os.environ,
            "HOME": str(home),
            "DISPLAY": display,
            "WINEPREFIX": str(home / "prefix"),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            # It would add what is installed to the menus of the desktop around it.
            "WINEDLLOVERRIDES": "winemenubuilder.exe=d",
        }
        wine = Wine(environ)
        try:
            assert wine.run("wineboot", "-i").returncode == 0
            yield wine
        finally:
            subprocess.run([str(server), "-k"], env=environ, timeout=SECONDS, check=False)


@contextmanager
def _screen() -> Iterator[str]:
    """An X server without a screen. One for all: what a program leaves running ends with the server that it is on."""
    command = [str(needs.program("Xvfb")), "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as xvfb:
        assert xvfb.stdout is not None
        try:
            yield f":{xvfb.stdout.readline().strip()}"
        finally:
            xvfb.terminate()
