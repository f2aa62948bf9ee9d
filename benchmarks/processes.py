"""The parts of a benchmark, each in a process of its own, and what a process has used so far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .load import Load, Result


@dataclass(frozen=True)
class Candidate:
    """Something that answers on `port`; `pid` 0 where nothing stands between client and upstream."""

    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time so far. /proc counts it in hundredths of a second, the clock of the process in
        nanoseconds; see clock_getcpuclockid(3)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory(self) -> int:
        """Bytes of its own: the proportional set size."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        return 0

    def ask(self, load: Load) -> list[Result]:
        command = [
            sys.executable,
            "-m",
            "benchmarks.load",
            "--port",
            str(self.port),
            "--load",
            json.dumps(asdict(load)),
        ]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
        return [Result(**fields) for fields in json.loads(output)]


@contextmanager
def process(
    *arguments: str, environ: dict[str, str] | None = None, wrapper: Sequence[str] = ()
) -> Iterator[tuple[int, int]]:
    """A child Python process that prints where it listens; its port and its process id. `wrapper` is a program that
    runs it, as the same process."""
    child = subprocess.Popen(
        [*wrapper, sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
    )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if "http://127.0.0.1:" in line:
                yield int(line.split("http://127.0.0.1:")[1].split("/")[0]), child.pid
                return
        raise SystemExit(f"{arguments} did not start")
    finally:
        child.terminate()
        child.wait(60)  # under valgrind all takes fifty times as long
        child.stdout.close()


@contextmanager
def simulator() -> Iterator[int]:
    with process("benchmarks.sim") as (port, _):
        yield port


@contextmanager
def ours(upstream: int) -> Iterator[Candidate]:
    with tempfile.TemporaryDirectory() as home:
        environ = {
            "HOME": home,
            "CLIPROXYAPI_CONFIG_DIR": home,
            "CLIPROXYAPI_DATA_DIR": home,
            "CLIPROXYAPI_UPSTREAM_URL": f"http://127.0.0.1:{upstream}",
            "CLIPROXYAPI_ROUTE": "api-key",
            "ANTHROPIC_API_KEY": "sk-ant-api03-benchmark",
        }
        with process("tray", "serve", "--port", "0", environ=environ) as (port, pid):
            yield Candidate("ours", port, pid)


@contextmanager
def naive(upstream: int) -> Iterator[Candidate]:
    with process("benchmarks.naive", environ={"NAIVE_UPSTREAM": f"http://127.0.0.1:{upstream}"}) as (port, pid):
        yield Candidate("naive", port, pid)
