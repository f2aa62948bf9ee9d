"""Ours beside a naive proxy and beside none at all, in one run against one upstream: ratios, as seconds prove nothing.

Rounds are interleaved, so that whatever else the machine does meets all candidates alike.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace

from .load import CHAT, MESSAGES, Load
from .processes import Candidate, naive, ours, simulator

# What each load is called, what it asks for, and the highest ratio of CPU to the naive proxy's that we accept.
LOADS: dict[str, tuple[Load, float]] = {
    "flood": (Load(4, 10, 400, 0, 0, stream=True, path=CHAT), 0.25),
    "paced": (Load(50, 1, 100, 20, 0, stream=True, path=CHAT), 0.4),
    "short": (Load(1, 300, 1, 0, 0, stream=True, path=CHAT), 0.5),
    "non-stream": (Load(1, 300, 20, 0, 0, stream=False, path=CHAT), 0.5),
    "200 KiB history": (Load(1, 200, 1, 0, 200 * 1024, stream=True, path=CHAT), 0.4),
}
CONCURRENT = (100, 500)


def cost(candidate: Candidate, load: Load) -> float:
    """Seconds of CPU for one event of a long stream, or for one request of a short one. Exits where an answer is
    wrong."""
    before = candidate.cpu_seconds()
    results = candidate.ask(load)
    used = candidate.cpu_seconds() - before
    problems = [result.problem for result in results if result.problem]
    if problems:
        sys.exit(f"{candidate.name}: {problems[0]}")
    events = load.deltas if load.stream and load.deltas > 1 else 1
    return used / (len(results) * events)


def first_byte(candidate: Candidate) -> float:
    path = MESSAGES if candidate.pid == 0 else CHAT
    load = Load(1, 60, 1, 0, 0, stream=True, path=path)
    return statistics.median(result.first for result in candidate.ask(load))


def compare_costs(candidates: list[Candidate], rounds: int) -> bool:
    good = True
    print(f"{'CPU':<18}{'naive':>12}{'ours':>12}{'ratio':>9}{'limit':>9}")
    for name, (load, limit) in LOADS.items():
        for candidate in candidates:
            cost(candidate, replace(load, rounds=max(1, load.rounds // 10)))  # warm up
        costs = [[cost(candidate, load) for candidate in candidates] for _ in range(rounds)]
        ratio = statistics.median(own / other for other, own in costs)
        other, own = (statistics.median(column) * 1e6 for column in zip(*costs, strict=True))
        unit = "event" if load.deltas > 20 else "request"
        print(f"{name:<18}{other:>9.1f} us{own:>9.1f} us{ratio:>9.2f}{limit:>9.2f}  per {unit}")
        good = good and ratio <= limit
    return good


def compare_first_bytes(direct: Candidate, candidates: list[Candidate], rounds: int) -> None:
    print(f"\n{'first byte':<18}{'direct':>12}" + "".join(f"{candidate.name:>12}" for candidate in candidates))
    times = [[first_byte(candidate) for candidate in (direct, *candidates)] for _ in range(rounds)]
    medians = [statistics.median(column) * 1e6 for column in zip(*times, strict=True)]
    print(f"{'':<18}" + "".join(f"{median:>9.0f} us" for median in medians))
    print(f"{'added':<18}{'':>12}" + "".join(f"{median - medians[0]:>9.0f} us" for median in medians[1:]))


def compare_crowds(candidates: list[Candidate]) -> None:
    print(f"\n{'streams at once':<18}{'':>6}{'first byte, median':>20}{'longest':>10}{'memory per stream':>20}")
    for streams in CONCURRENT:
        for candidate in candidates:
            load = Load(streams, 1, 30, 100, 0, stream=True, path=CHAT)
            before = candidate.memory()
            results = candidate.ask(load)
            wrong = sum(bool(result.problem) for result in results)
            grown = max(0, candidate.memory() - before) / streams / 1024
            firsts = sorted(result.first for result in results)
            note = f"  {wrong} WRONG" if wrong else ""
            median, longest = statistics.median(firsts) * 1000, firsts[-1] * 1000
            print(f"{streams:<18}{candidate.name:>6}{median:>17.0f} ms{longest:>7.0f} ms{grown:>16.1f} KiB{note}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("CPU and memory of another process are read from /proc here: this needs Linux.")
    with simulator() as upstream, naive(upstream) as other, ours(upstream) as own:
        good = compare_costs([other, own], options.rounds)
        compare_first_bytes(Candidate("direct", upstream, 0), [other, own], options.rounds)
        compare_crowds([other, own])
    print("\nall ratios are within their limits" if good else "\na ratio is above its limit")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
