"""Taking the program off a machine again: what it wrote is deleted by name, and never a folder with something in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from core.paths import Paths


@dataclass(frozen=True, slots=True)
class Left:
    """Something that stays behind, and why; a part of a sentence each."""

    what: str
    why: str
    # It should have gone.
    failed: bool = True


def purge(paths: Paths, home: Path, *, keep: Collection[Path] = ()) -> list[Left]:
    """Delete the files that this program writes, but those to `keep`; then its folders as far as they are empty."""
    left: list[Left] = []
    for path in list(paths.written_files()):
        if path in keep:
            continue
        target = path.resolve() if path.is_symlink() and path != paths.launcher else None
        try:
            path.unlink()
        except OSError as error:
            left.append(Left(str(path), f"it cannot be deleted: {error.strerror}"))
        if target is not None and target.exists():
            left.append(Left(str(target), f"{path} was only a link to it", failed=False))
    for directory in paths.directories():
        left += _without_folder(directory, home)
    return left


def _without_folder(directory: Path, home: Path) -> list[Left]:
    """Remove `directory` where it is empty, and those around it that have the program's name."""
    folders = [directory, *(parent for parent in directory.parents if parent.name == "cliproxyapi")]
    for folder in folders:
        if folder == home or not folder.is_dir():
            continue
        try:
            folder.rmdir()
        except OSError:
            return [Left(str(folder), "other files are in it", failed=False)] if any(folder.iterdir()) else []
    return []


# Beside the program, where somebody installed the archive for Linux.
UNINSTALL_SCRIPT = "uninstall.sh"


def how_to_remove(program: PurePath | None, environ: Mapping[str, str]) -> str:
    """What takes the program itself away: it cannot delete what runs."""
    if program is None:
        return "delete the folder that you run it from"
    parts = program.parts
    bundle = next((parent for parent in program.parents if parent.suffix == ".app"), None)
    if bundle is not None:
        return f"move {bundle} to the Trash"
    if environ.get("APPIMAGE") == str(program):
        return f"delete {program}"
    if parts[1:3] in (("usr", "bin"), ("usr", "lib")):
        return "remove its package, for instance with `sudo apt remove cliproxyapi`"
    script = Path(program).with_name(UNINSTALL_SCRIPT)
    if script.is_file():
        return f"run {script}"
    if program.suffix.lower() == ".exe" and "Scripts" not in parts:
        return "remove CLIProxyAPI in Settings, under Installed apps"
    return "remove it the way it was installed, such as `pipx uninstall cliproxyapi` or `pip uninstall cliproxyapi`"
