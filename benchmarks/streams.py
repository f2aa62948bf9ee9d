"""200 streams at once, each open for 5 seconds: is each one right, and how long did it wait for its first byte?"""

from __future__ import annotations

import argparse
import statistics
import sys

from .load import CHAT, Load, Result
from .processes import ours, simulator

LIMIT_SECONDS = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--deltas", type=int, default=50)
    options = parser.parse_args()
    pause = round(options.seconds * 1000 / options.deltas)
    with simulator() as upstream, ours(upstream) as proxy:
        # The first request pays for imports, as it does for a person; it is shown, not hidden.
        for name, streams in (("first request alone", 1), ("together", options.streams)):
            load = Load(streams, 1, options.deltas, pause, 0, stream=True, path=CHAT)
            if report(name, proxy.ask(load)):
                return 1
    return 0


def report(name: str, results: list[Result]) -> bool:
    firsts = sorted(result.first for result in results)
    problems = [result.problem for result in results if result.problem]
    print(
        f"{name}: {len(results)} streams, {len(results) - len(problems)} correct; first byte after "
        f"{statistics.median(firsts):.3f} s (median), {firsts[-1]:.3f} s (longest)"
    )
    for problem in problems[:3]:
        print("  ", problem)
    return bool(problems) or firsts[-1] > LIMIT_SECONDS


if __name__ == "__main__":
    sys.exit(main())
