"""The licences of all that is in a bundle, in one text, and the metadata by which the bundle names its parts.

PyInstaller knows which files it takes; each belongs to a Python package, to Python, or to the system that builds, which
on Debian tells whose it is and under which licence.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from core import licences
from installers.packaging import identity
from installers.packaging.bundle import ROOT, Contents

# Its loader is in every bundle.
_BUILDER = "pyinstaller"

_INTRODUCTION = f"""\
{identity.NAME} is under the licence below. It contains the works of others that
follow, each under its own. Some are under the GNU Lesser General Public License:
the source at {identity.HOMEPAGE} and its
`build.spec` make this program anew with any other version of them.

"""


class LicenceUnknown(Exception):
    """Something in the bundle belongs to nobody known; the message names it."""


def collected(contents: Contents, work: str | Path) -> Contents:
    """What the bundle of `contents` gets besides: the text, written to the folder `work`, and metadata. Raises
    LicenceUnknown."""
    sources = {Path(source).resolve() for _, source, kind in contents if source and kind != "SYMLINK"}
    parts = list(_distributions(sources))
    text = Path(work, licences.TEXT_FILE)
    text.write_text(_text(parts, _outside(sources, parts)), encoding="utf-8")
    return [(f"core/{licences.TEXT_FILE}", str(text), "DATA"), *(_metadata(part) for part in parts)]


def without_leftovers(data: Contents) -> Contents:
    """`data` without what packages have beside their code, but for the names that they are found by."""
    return [entry for entry in data if ".dist-info" not in entry[0] or Path(entry[0]).name == "entry_points.txt"]


def _text(parts: Iterable[metadata.Distribution], outside: Iterable[Path]) -> str:
    ours = (ROOT / "LICENSE").read_text(encoding="utf-8")
    builder = metadata.distribution(_BUILDER)
    return f"{_INTRODUCTION}{ours}\n{licences.render([*parts, builder], _others(outside))}"


def _distributions(sources: set[Path]) -> Iterator[metadata.Distribution]:
    """Those with a file among `sources`, but for this program itself."""
    for found in metadata.distributions():
        if found.name == licences.DISTRIBUTION:
            continue
        code = (file for file in found.files or [] if ".dist-info" not in str(file))
        if any(Path(str(file.locate())).resolve() in sources for file in code):
            yield found


def _metadata(part: metadata.Distribution) -> tuple[str, str, str]:
    (file,) = (file for file in part.files or [] if file.name == "METADATA" and len(file.parts) == 2)
    return str(file), str(file.locate()), "DATA"


def _outside(sources: set[Path], parts: Iterable[metadata.Distribution]) -> Iterator[Path]:
    """The libraries that neither a package nor Python's own folder accounts for."""
    of_packages = {Path(str(file.locate())).resolve() for part in parts for file in part.files or []}
    of_python = Path(sysconfig.get_path("stdlib")).resolve()
    for source in sorted(sources - of_packages):
        if re.search(r"\.(so|dylib|dll)\b", source.name) and not source.is_relative_to(of_python):
            yield source


def _others(outside: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Python and the system's libraries: names, and texts."""
    yield f"Python {sysconfig.get_python_version()}", _python_licence()
    database = shutil.which("dpkg-query")
    if database is None:
        # macOS and Windows: what is not Python's comes with it, and stands in its text.
        return
    owners = {_debian_package(database, library): library for library in outside}
    for package, library in owners.items():
        notice = Path("/usr/share/doc") / package / "copyright"
        if not notice.is_file():
            raise LicenceUnknown(f"{notice}, of {library}, is not there.")
        yield f"{package} (Debian)", notice.read_text(encoding="utf-8")


def _python_licence() -> str:
    library = Path(sysconfig.get_path("stdlib"))
    # Where Debian, everybody else on Unix, and Windows have it.
    for file in (library / "LICENSE.txt", library.parents[1] / "LICENSE.txt", library.parent / "LICENSE.txt"):
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise LicenceUnknown(f"Python's own licence is not found near {library}.")


def _debian_package(database: str, library: Path) -> str:
    # A file below /lib is known by that name, though /lib leads to /usr/lib.
    for path in (library, Path("/", library.relative_to("/usr")) if library.is_relative_to("/usr") else library):
        done = subprocess.run([database, "-S", str(path)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.partition(":")[0]
    raise LicenceUnknown(f"No package of this system has {library}.")
