"""How long the executables take from exec to the first answer of /health, beside the least that a program of FastAPI
and uvicorn takes as a single file.

All are built here, with the same Python and packages, and started in turns with an empty home; the best start of each
counts. The figure to compare is the time of the processor, loader and all: wall time follows what else goes on.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installers.packaging.build import WORK, build, environment

ROUNDS = 5
SECONDS = 60.0
LIMIT_SINGLE_FILE, LIMIT_FOLDER = 0.9, 0.5
MEGABYTE = 1_000_000

YARDSTICK = """\
import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


@dataclass(frozen=True)
class Candidate:
    """A program, how it is told its port, and the file or folder that it is made of."""

    name: str
    program: Path
    arguments: tuple[str, ...]
    files: Path

    def size(self) -> float:
        """In megabytes."""
        files = self.files.rglob("*") if self.files.is_dir() else [self.files]
        return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink()) / MEGABYTE


@dataclass(frozen=True)
class Start:
    """Seconds from exec to the first answer: by the clock, and of the processor."""

    wall: float
    processor: float


def build_all(folder: Path) -> list[Candidate]:
    build(folder)
    ours = folder / "CLIProxyAPI"
    serve = ("serve", "--port")
    return [
        Candidate("FastAPI and uvicorn, single file", *_yardstick(folder)),
        Candidate("ours, single file", folder / "cliproxyapi", serve, folder / "cliproxyapi"),
        Candidate("ours, folder", ours / "cliproxyapi", serve, ours),
    ]


def _yardstick(folder: Path) -> tuple[Path, tuple[str, ...], Path]:
    """With the same packages at hand as ours, and without a word about what to leave out."""
    script, work = folder / "yardstick.py", WORK / "yardstick"
    script.write_text(YARDSTICK)
    paths = ["--distpath", str(folder), "--workpath", str(work), "--specpath", str(work)]
    command = ["-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "--onefile", *paths, str(script)]
    subprocess.run([str(environment()), *command], stdin=subprocess.DEVNULL, check=True)
    return folder / "yardstick", (), folder / "yardstick"


def start(candidate: Candidate) -> Start:
    port = _free_port()
    with tempfile.TemporaryDirectory() as home:
        command = [str(candidate.program), *candidate.arguments, str(port)]
        begun = time.monotonic()
        with _running(command, {"HOME": home, "PATH": "/nonexistent"}) as process:
            while not _is_healthy(port):
                if process.poll() is not None or time.monotonic() - begun > SECONDS:
                    sys.exit(f"{candidate.name} does not start")
                time.sleep(0.001)
            return Start(time.monotonic() - begun, sum(map(_processor_seconds, _family(process.pid))))


@contextmanager
def _running(command: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        # Not a kill, which would leave the child of a single file behind.
        process.terminate()
        process.wait(SECONDS)


def _is_healthy(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _family(pid: int) -> list[int]:
    """A single file is a loader and, as its child, the program."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def _processor_seconds(pid: int) -> float:
    """So far, in nanoseconds' precision: see clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        candidates = build_all(Path(folder))
        starts: list[list[Start]] = [[start(candidate) for candidate in candidates] for _ in range(rounds)]
        best: list[float] = []
        for candidate, of_candidate in zip(candidates, zip(*starts, strict=True), strict=True):
            best.append(min(one.processor for one in of_candidate))
            wall = min(one.wall for one in of_candidate)
            size = candidate.size()
            print(f"{candidate.name:<34} {size:6.1f} MB   wall {wall:5.2f} s   processor {best[-1]:5.2f} s")
    yardstick, single_file, in_folder = best
    ratios = (single_file / yardstick, LIMIT_SINGLE_FILE), (in_folder / single_file, LIMIT_FOLDER)
    for name, (ratio, limit) in zip(("single file to FastAPI's", "folder to single file"), ratios, strict=True):
        print(f"{name:<34} {ratio:.2f} of at most {limit}")
    return int(any(ratio > limit for ratio, limit in ratios))


if __name__ == "__main__":
    sys.exit(main())
