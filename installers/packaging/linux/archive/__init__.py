"""The archive for those without root, `cliproxyapi-VERSION-linux-ARCHITECTURE.tar.xz`: the scripts in it install below
~/.local, and remove by name.
"""

from __future__ import annotations

import platform
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePath

from core import __version__
from installers.packaging.artefacts import linux_archive
from installers.packaging.bundle import ROOT
from installers.packaging.linux import completions, share
from installers.packaging.linux import payload as payloads
from installers.packaging.linux.payload import PROGRAM, in_order
from installers.uninstall import UNINSTALL_SCRIPT

INSTALL_SCRIPT = "install.sh"
_SCRIPTS = Path(__file__).parent


def build(payload: Path, folder: Path, *, version: str = __version__, seconds: int) -> Path:
    """Make the archive of `payload` in `folder`. `seconds` since 1970: the time of all in it. Raises NotBuilt."""
    payloads.check(payload)
    output = folder / linux_archive(version, platform.machine())
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        root = Path(work, output.name.removesuffix(".tar.xz"))
        _fill(root, payload, version, seconds)
        with tarfile.open(output, "w:xz", preset=6) as archive:
            for path in in_order(root.rglob("*")):
                archive.add(
                    path, path.relative_to(work), recursive=False, filter=lambda entry: _settled(entry, seconds)
                )
    return output


def _fill(root: Path, payload: Path, version: str, seconds: int) -> None:
    shutil.copytree(payload, root / "program", symlinks=True)
    for place, content in share.files(version, seconds).items():
        if place == completions.PLACES["zsh"]:
            continue  # a person's zsh has no folder of its own for them
        file = root / "share" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for name in (INSTALL_SCRIPT, UNINSTALL_SCRIPT):
        shutil.copyfile(_SCRIPTS / name, root / name)
    shutil.copyfile(ROOT / "LICENSE", root / "LICENSE")
    # What the scripts read: which files there are, and what the program needs.
    (root / "files").write_text(_lines(_below(root / "program")), encoding="utf-8")
    (root / "share-files").write_text(_lines(_below(root / "share")), encoding="utf-8")
    (root / "needs").write_text(f"glibc {payloads.glibc_floor(payload)} on {platform.machine()}\n", encoding="utf-8")


def _below(folder: Path) -> list[PurePath]:
    paths = [path for path in in_order(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    return [path.relative_to(folder) for path in paths]


def _lines(paths: Iterable[PurePath]) -> str:
    return "".join(f"{path}\n" for path in paths)


def _settled(entry: tarfile.TarInfo, seconds: int) -> tarfile.TarInfo:
    """Without what only this machine knows; nothing but the programs is to be run."""
    entry.mtime = seconds
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    runs = entry.isdir() or PurePath(entry.name).name in (PROGRAM, INSTALL_SCRIPT, UNINSTALL_SCRIPT)
    entry.mode = 0o777 if entry.issym() else 0o755 if runs else 0o644
    return entry
