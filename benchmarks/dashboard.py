"""What ten open dashboards cost a stream: instructions for each event, with and without them, under callgrind.

Where there is no valgrind, the time of the processor in nine interleaved pairs, which spreads more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from core.instance import running_instances
from core.paths import Paths

from .load import CHAT, Load, one_client
from .processes import process, simulator

# So far apart, events come singly even where the server runs fifty times slower.
EVENTS, PAUSE_MS, TABS = 1000, 5, 10
LIMIT_INSTRUCTIONS, LIMIT_TIME = 1.10, 1.3
PAIRS = 9


class Server:
    """Ours, in a process of its own."""

    def __init__(self, pid: int, port: int, home: Path) -> None:
        self.pid = pid
        self.port = port
        self._home = home

    def session(self) -> str:
        paths = Paths.find({"CLIPROXYAPI_CONFIG_DIR": str(self._home), "CLIPROXYAPI_DATA_DIR": str(self._home)})
        instance = next(item for item in running_instances(paths) if item.port == self.port)
        root = f"http://127.0.0.1:{self.port}/api"
        with httpx.Client(trust_env=False, timeout=120) as client:
            url = client.post(
                f"{root}/activate", json={}, headers={"x-cliproxyapi-token": instance.token}
            ).raise_for_status()
            token = url.json()["url"].partition("#token=")[2]
            return client.post(f"{root}/session", json={"token": token}).raise_for_status().json()["session"]

    def processor_time(self) -> float:
        return time.clock_gettime((~self.pid << 3) | 2)


class Callgrind:
    """Counts the instructions of a server that runs under it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder

    def cost(self, work: Callable[[], None]) -> float:
        self._control("-z")
        self._control("-i", "on")
        work()
        self._control("-i", "off")
        known = set(self._folder.iterdir())
        self._control("-d")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for file in set(self._folder.iterdir()) - known:
                if found := re.findall(r"^(?:totals|summary): (\d+)", file.read_text(), re.MULTILINE):
                    return float(found[-1])
            time.sleep(0.1)
        raise SystemExit("callgrind wrote no result")

    def _control(self, *arguments: str) -> None:
        subprocess.run(
            ["callgrind_control", *arguments, str(self._server.pid)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )


@contextmanager
def serving(upstream: int, home: Path, folder: Path | None) -> Iterator[Server]:
    environ = {
        "HOME": str(home),
        "CLIPROXYAPI_CONFIG_DIR": str(home),
        "CLIPROXYAPI_DATA_DIR": str(home),
        "CLIPROXYAPI_UPSTREAM_URL": f"http://127.0.0.1:{upstream}",
        "CLIPROXYAPI_ROUTE": "api-key",
        "ANTHROPIC_API_KEY": "sk-ant-api03-benchmark",
    }
    wrapper = []
    if folder is not None:
        out = f"--callgrind-out-file={folder}/out"
        wrapper = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", out]
    with process("tray", "serve", "--port", "0", environ=environ, wrapper=wrapper) as (port, pid):
        yield Server(pid, port, home)


def stream(port: int, rounds: int) -> None:
    """One stream after another, its events some milliseconds apart."""
    load = Load(1, rounds, EVENTS, PAUSE_MS, 0, stream=True, path=CHAT)
    problems = [result.problem for result in asyncio.run(one_client(port, load)) if result.problem]
    if problems:
        sys.exit(problems[0])


@contextmanager
def tabs(server: Server, session: str) -> Iterator[None]:
    """Ten pages that somebody looks at, which read all that comes."""
    command = [sys.executable, "-m", "benchmarks.tabs", str(server.port), session, str(TABS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            if child.stdout.readline() != "watching\n":
                sys.exit("the dashboards did not open")
            time.sleep(1)  # what they are told first is no part of the stream
            yield
        finally:
            child.terminate()


def compare(server: Server, cost: Callable[[Callable[[], None]], float], pairs: int, rounds: int) -> list[float]:
    """The ratios of the pairs."""
    session = server.session()
    stream(server.port, 2)  # warm up
    with tabs(server, session):
        stream(server.port, 1)
    ratios: list[float] = []
    for _ in range(pairs):
        alone = cost(lambda: stream(server.port, rounds))
        with tabs(server, session):
            watched = cost(lambda: stream(server.port, rounds))
        ratios.append(watched / alone)
        per_event = alone / EVENTS / rounds, watched / EVENTS / rounds
        print(f"  alone {per_event[0]:>14.6g}   with {TABS} tabs {per_event[1]:>14.6g}   ratio {ratios[-1]:.3f}")
    return ratios


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time", action="store_true", help="measure time even where valgrind is there")
    options = parser.parse_args()
    counted = (
        not options.time and shutil.which("valgrind") is not None and shutil.which("callgrind_control") is not None
    )
    with tempfile.TemporaryDirectory() as folder, simulator() as upstream:
        home, results = Path(folder) / "home", Path(folder) / "callgrind"
        home.mkdir()
        results.mkdir()
        with serving(upstream, home, results if counted else None) as server:
            if counted:
                print(f"instructions for each of {EVENTS} events:")
                ratios, limit = compare(server, Callgrind(server, results).cost, 3, 1), LIMIT_INSTRUCTIONS
            else:
                print(f"seconds of the processor for each of {EVENTS} events:")
                ratios, limit = compare(server, lambda work: _timed(server, work), PAIRS, 1), LIMIT_TIME
    median = statistics.median(ratios)
    print(f"median ratio {median:.3f}, limit {limit}")
    return int(median > limit)


def _timed(server: Server, work: Callable[[], None]) -> float:
    before = server.processor_time()
    work()
    return server.processor_time() - before


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
