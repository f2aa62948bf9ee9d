"""`python -m tests`: lint, format, strict types, import rules and tests, all of them, with one answer at the end.

What stands behind `--` goes to pytest: `python -m tests -- -k surrogate`. Tests that take minutes, or need programs
that few people have, are suites of their own: `python -m tests clients` (see `SUITES`).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What a plain run leaves out: a name, and its folder below `tests/`.
SUITES = ("clients", "desktop", "packages")

_IMPORT_LINTER = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def stages(suite: str | None, for_pytest: Sequence[str]) -> dict[str, list[str]]:
    """What is checked: a name, and the arguments for this very interpreter."""
    if suite is not None:
        return {suite: ["-m", "pytest", f"tests/{suite}", *for_pytest]}
    return {
        "lint": ["-m", "ruff", "check", "."],
        "format": ["-m", "ruff", "format", "--check", "."],
        # basedpyright, because it brings its program along: the package `pyright` downloads it when it first runs.
        "types": ["-m", "basedpyright", "--pythonpath", sys.executable],
        "imports": ["-c", _IMPORT_LINTER, "--no-cache"],
        "tests": ["-m", "pytest", "-n", "auto", *_left_out(), *for_pytest],
    }


def run(name: str, arguments: Sequence[str]) -> tuple[int, float]:
    """The exit code of one stage, and the seconds it took."""
    print(f"── {name}", flush=True)
    begun = time.monotonic()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)
    return done.returncode, time.monotonic() - begun


def _left_out() -> list[str]:
    return [f"--ignore=tests/{suite}" for suite in SUITES]


def main(arguments: Sequence[str]) -> int:
    suite = arguments[0] if arguments and arguments[0] in SUITES else None
    rest = arguments[1:] if suite else arguments
    if rest and rest[0] != "--":
        print(f"usage: python -m tests [{' | '.join(SUITES)}] [-- arguments for pytest]", file=sys.stderr)
        return 64
    results = {name: run(name, command) for name, command in stages(suite, rest[1:]).items()}
    print("── summary")
    for name, (code, seconds) in results.items():
        print(f"{name:<8} {'ok' if code == 0 else f'FAILED ({code})':<12} {seconds:7.1f} s")
    return int(any(code for code, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
