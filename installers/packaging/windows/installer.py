"""The Windows installer: says to NSIS which files there are, and compiles it.

`python -m installers.packaging.windows.installer PAYLOAD OUTPUT` makes OUTPUT of the folder PAYLOAD, which holds what
PyInstaller made. `makensis` runs on Linux and on Windows. Where WINDOWS_SIGN_COMMAND names a command that signs the
file whose name follows it, the programs of PAYLOAD are signed in their place, and then the installer and what it leaves
for uninstalling.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PureWindowsPath

import click

from core import __version__
from core.paths import Paths
from installers.mechanism import MARK
from installers.packaging import identity
from installers.program import WINDOWS_PROGRAM
from installers.windows_run import APPROVED, RUN, VALUE

HERE = Path(__file__).parent
SCRIPT = HERE / "cliproxyapi.nsi"
ICON = HERE.parents[2] / "assets" / "cliproxyapi.ico"

# The second executable, with a console: what `cliproxyapi.exe` would be called is the first, for Windows.
COMMAND = "cliproxyapi-cli.exe"

SIGN = "WINDOWS_SIGN_COMMAND"

# Below %LOCALAPPDATA%, as platformdirs has it.
DATA_FOLDER = "cliproxyapi"


class NotBuilt(Exception):
    """There is no installer; the message says why."""


def windows_paths() -> Paths:
    """Where the program's files are on Windows, below %LOCALAPPDATA%."""
    folder = Path(DATA_FOLDER)
    return Paths(config_dir=folder, data_dir=folder, log_dir=folder / "Logs", run_dir=folder / "run")


def render_include(payload: Path) -> str:
    """The macros that install the files of `payload`, delete them, and delete what the program wrote."""
    files = sorted(path.relative_to(payload) for path in payload.rglob("*") if path.is_file())
    folders = sorted({parent for file in files for parent in file.parents if parent.name}, key=_deepest_first)
    paths = windows_paths()
    written = [_below("$LOCALAPPDATA", name) for name in paths.written_names()]
    kept_in = [_below("$LOCALAPPDATA", folder) for folder in paths.directories()]
    macros = {
        "INSTALL_PAYLOAD": list(_installed(payload, files)),
        "DELETE_PAYLOAD": [
            *(f"Delete {_below('$INSTDIR', file)}" for file in files),
            *(f"RMDir {_below('$INSTDIR', folder)}" for folder in folders),
        ],
        "DELETE_SETTINGS": [*(f"Delete {name}" for name in written), *(f"RMDir {name}" for name in kept_in)],
    }
    return "".join(
        f"!macro {name}\n" + "".join(f"  {line}\n" for line in lines) + "!macroend\n" for name, lines in macros.items()
    )


def defines(payload: Path, output: Path, include: Path, version: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What the script leaves open."""
    numbers = [*re.findall(r"\d+", version)[:3], "0", "0", "0"]
    size = sum(path.stat().st_size for path in payload.rglob("*") if path.is_file())
    named = {
        "NAME": identity.NAME,
        "PUBLISHER": identity.PUBLISHER,
        "HOMEPAGE": identity.HOMEPAGE,
        "VERSION": version,
        "FILE_VERSION": ".".join([*numbers[:3], "0"]),
        "PROGRAM": WINDOWS_PROGRAM,
        "COMMAND": COMMAND,
        "MARK": MARK,
        "RUN_KEY": RUN,
        "APPROVED_KEY": APPROVED,
        "RUN_VALUE": VALUE,
        "DATA_FOLDER": DATA_FOLDER,
        "SIZE_KB": str(size // 1024 + 1),
        "ICON": str(ICON),
        "INCLUDE": str(include),
        "OUTPUT": str(output),
    }
    sign = environ.get(SIGN)
    return {**named, "SIGN": sign} if sign else named


def build(payload: Path, output: Path, *, version: str = __version__, environ: Mapping[str, str] = os.environ) -> None:
    """Make the installer `output` of the folder `payload`. Raises NotBuilt."""
    for name in (WINDOWS_PROGRAM, COMMAND):
        if not (payload / name).is_file():
            raise NotBuilt(f"{payload} holds no {name}.")
    if "setup" in output.name.lower():
        # Windows loads libraries that lie beside a program of that name, and asks for an administrator.
        raise NotBuilt(f"{output.name}: choose a name without 'setup' in it.")
    makensis = shutil.which("makensis", path=environ.get("PATH"))
    if makensis is None:
        raise NotBuilt("makensis is not installed: it belongs to NSIS.")
    if sign := environ.get(SIGN):
        for name in (WINDOWS_PROGRAM, COMMAND):
            _run([*shlex.split(sign), str(payload / name)], environ)
    output.parent.mkdir(parents=True, exist_ok=True)
    include = output.with_suffix(".nsh")
    # With its mark, or NSIS reads it in the system's old code page.
    include.write_text(render_include(payload.absolute()), encoding="utf-8-sig")
    try:
        given = defines(payload, output.absolute(), include.absolute(), version, environ)
        command = [
            makensis,
            "-V2",
            "-WX",
            "-INPUTCHARSET",
            "UTF8",
            *(f"-D{key}={value}" for key, value in given.items()),
        ]
        _run([*command, str(SCRIPT)], environ)
    finally:
        include.unlink()


def _run(command: Sequence[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise NotBuilt(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")


def _installed(payload: Path, files: Sequence[Path]) -> Iterator[str]:
    folder: Path | None = None
    for file in sorted(files, key=lambda file: (file.parent, file.name)):
        if file.parent != folder:
            folder = file.parent
            yield f"SetOutPath {_below('$INSTDIR', folder)}"
        yield f'File "{payload / file}"'


def _deepest_first(folder: Path) -> tuple[int, Path]:
    return -len(folder.parts), folder


def _below(root: str, path: PurePath) -> str:
    return f'"{PureWindowsPath(root, _escaped(str(PureWindowsPath(path))))}"'


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


@click.command(help=__doc__)
@click.argument("payload", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
def main(payload: Path, output: Path) -> None:
    try:
        build(payload, output)
    except NotBuilt as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
