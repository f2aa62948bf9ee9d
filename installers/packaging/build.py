"""Builds the executables, in an environment of its own: `python -m installers.packaging.build [FOLDER]`.

FOLDER, `dist` unless it is named, gets what `build.spec` makes. This module needs nothing that is not Python's own, so
that any Python can run it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# What is kept from one build to the next.
WORK = ROOT / "build"

# Other Pythons carry the paths of this machine in their libraries, and may want a newer system than this one.
OF_THE_SYSTEM = Path("/usr/bin/python3")
_CAN_BUILD = """
import ctypes, ensurepip, sys, venv
ctypes.CDLL("libpython%d.%d.so.1.0" % sys.version_info[:2])
sys.exit(sys.version_info < (3, 11))
"""


def build(output: Path) -> Path:
    """Make the executables in `output`; the Python that is in them. Raises CalledProcessError; what went wrong was
    printed."""
    python = environment()
    paths = ["--distpath", str(output), "--workpath", str(WORK / "pyinstaller")]
    _run(python, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", *paths, str(ROOT / "build.spec"))
    return _python()


def environment() -> Path:
    """The Python of an environment with what the program needs and PyInstaller. It is brought up to date each time.
    Raises as `build` does."""
    base = _python()
    folder = WORK / f"venv-{'system' if base == OF_THE_SYSTEM else 'running'}"
    _run(base, "-m", "venv", str(folder))
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    _run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    _run(python, "-m", "pip", "install", "--quiet", "--upgrade", "--editable", str(ROOT), "--group", "build")
    return python


def _python() -> Path:
    """The one to build with: its library goes into the program."""
    if sys.platform != "linux":
        return Path(sys.executable)
    if _can_build(OF_THE_SYSTEM):
        return OF_THE_SYSTEM
    sys.stderr.write(
        f"{OF_THE_SYSTEM} is not there, is older than 3.11, or has no venv or no library (apt install python3-venv "
        f"libpython3-dev): this is built with {sys.executable}, and may not run on other machines.\n"
    )
    return Path(sys.executable)


def _can_build(python: Path) -> bool:
    try:
        return subprocess.run([str(python), "-c", _CAN_BUILD], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    try:
        build(parser.parse_args().folder.absolute())
    except subprocess.CalledProcessError as error:
        sys.exit(f"It was not built: {error}")


if __name__ == "__main__":
    main()
