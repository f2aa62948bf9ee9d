"""200 streams at once, each open for 5 seconds: is each one right, and how long did it wait for its first byte?"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT_SECONDS = 1.0


@contextmanager
def process(*arguments: str, environ: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A child Python process whose standard output can be read; ended when the block is left."""
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    try:
        yield child
    finally:
        child.terminate()
        child.wait(10)


@contextmanager
def proxy(upstream: str) -> Iterator[int]:
    """The proxy in a process of its own, in front of `upstream`; yields its port."""
    with tempfile.TemporaryDirectory() as home:
        environ = {
            "HOME": home,
            "CLIPROXYAPI_CONFIG_DIR": home,
            "CLIPROXYAPI_DATA_DIR": home,
            "CLIPROXYAPI_UPSTREAM_URL": upstream,
            "CLIPROXYAPI_ROUTE": "api-key",
            "ANTHROPIC_API_KEY": "sk-ant-api03-benchmark",
            "PYTHONUNBUFFERED": "1",
        }
        with process("tray", "serve", "--port", "0", environ=environ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if "http://127.0.0.1:" in line:
                    yield int(line.split("http://127.0.0.1:")[1].split("/")[0])
                    return
            raise SystemExit("the proxy did not start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--deltas", type=int, default=50)
    options = parser.parse_args()
    with process("benchmarks.sim", "--deltas", str(options.deltas), "--seconds", str(options.seconds)) as simulator:
        assert simulator.stdout is not None
        with proxy(simulator.stdout.readline().strip()) as port:
            # The first request pays for imports, as it does for a person; it is shown, not hidden.
            for name, streams in (("first request alone", 1), ("together", options.streams)):
                wrong = report(name, run_load(port, streams, options.deltas))
                if wrong:
                    return 1
    return 0


def run_load(port: int, streams: int, deltas: int) -> list[dict[str, object]]:
    load = [sys.executable, "-m", "benchmarks.load", "--port", str(port)]
    counts = ["--streams", str(streams), "--deltas", str(deltas)]
    output = subprocess.run([*load, *counts], stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout
    return json.loads(output)


def report(name: str, results: list[dict[str, object]]) -> bool:
    firsts = sorted(float(str(result["first"])) for result in results)
    problems = [str(result["problem"]) for result in results if result["problem"]]
    print(
        f"{name}: {len(results)} streams, {len(results) - len(problems)} correct; first byte after "
        f"{statistics.median(firsts):.3f} s (median), {firsts[-1]:.3f} s (longest)"
    )
    for problem in problems[:3]:
        print("  ", problem)
    return bool(problems) or firsts[-1] > LIMIT_SECONDS


if __name__ == "__main__":
    sys.exit(main())
