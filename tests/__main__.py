"""`python -m tests`: lint, format, strict types, import rules and tests, all of them, with one answer at the end.

What stands behind `--` goes to pytest: `python -m tests -- -k surrogate`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

_IMPORT_LINTER = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def stages(for_pytest: Sequence[str]) -> dict[str, list[str]]:
    """What is checked: a name, and the arguments for this very interpreter."""
    return {
        "lint": ["-m", "ruff", "check", "."],
        "format": ["-m", "ruff", "format", "--check", "."],
        # basedpyright, because it brings its program along: the package `pyright` downloads it when it first runs.
        "types": ["-m", "basedpyright", "--pythonpath", sys.executable],
        "imports": ["-c", _IMPORT_LINTER, "--no-cache"],
        "tests": ["-m", "pytest", "-n", "auto", *for_pytest],
    }


def run(name: str, arguments: Sequence[str]) -> tuple[int, float]:
    """The exit code of one stage, and the seconds it took."""
    print(f"── {name}", flush=True)
    begun = time.monotonic()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)
    return done.returncode, time.monotonic() - begun


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] != "--":
        print("usage: python -m tests [-- arguments for pytest]", file=sys.stderr)
        return 64
    results = {name: run(name, command) for name, command in stages(arguments[1:]).items()}
    print("── summary")
    for name, (code, seconds) in results.items():
        print(f"{name:<8} {'ok' if code == 0 else f'FAILED ({code})':<12} {seconds:7.1f} s")
    return int(any(code for code, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
