"""A Windows of its own, played by Wine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
        command = ["xvfb-run", "-a", "wine", *arguments]
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


@contextmanager
def wine_in(home: Path) -> Iterator[Wine]:
    """A fresh Windows whose files lie in `home`."""
    needs.program("wine")
    needs.program("xvfb-run")
    server = needs.program("wineserver")
    environ = {
        **os.environ,
        "HOME": str(home),
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
