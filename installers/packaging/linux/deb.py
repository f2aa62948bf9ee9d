"""The package for Debian and its kin, `cliproxyapi_VERSION_ARCHITECTURE.deb`."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path, PurePosixPath

from core import __version__
from core.licences import TEXT_FILE
from installers.packaging import identity
from installers.packaging.bundle import ROOT
from installers.packaging.release import CHANGELOG, section
from installers.systemd_unit import HEADLESS_UNIT, UNIT, render_headless_unit, render_unit

from . import payload as payloads
from . import share
from .desktop_files import preview_below_release
from .payload import PROGRAM, NotBuilt, in_order, run

PACKAGE = "cliproxyapi"
HOME = PurePosixPath("usr/lib/cliproxyapi")
LINK = PurePosixPath("usr/bin/cliproxyapi")

_SCRIPTS = Path(__file__).with_name("debian")
_DOCUMENTS = PurePosixPath("usr/share/doc/cliproxyapi")
_UNITS = PurePosixPath("usr/lib/systemd/user")
_OVERRIDES = PurePosixPath("usr/share/lintian/overrides/cliproxyapi")

# Besides glibc: the trust store, where the program reads whom to trust. A browser, a keyring and a panel are the
# person's own choice, and are done without.
_CONTROL = """\
Package: {package}
Version: {version}
Architecture: {architecture}
Maintainer: {publisher} <{address}>
Installed-Size: {kilobytes}
Depends: ca-certificates, libc6 (>= {glibc})
Recommends: xdg-utils
Section: net
Priority: optional
Homepage: {homepage}
Description: {summary}
 A program with an icon in the panel, and a server on your own machine: other
 programs talk to Claude through it with your API key or sign-in, whether they
 speak OpenAI Chat Completions or Anthropic Messages.
 .
 It brings its own Python. It is a community tool, not made or supported by
 Anthropic.
"""

# https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/, where MIT is "Expat".
_COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: {name}
Source: {homepage}
Comment:
 The program brings Python, libraries and packages along, each under its own
 licence. Their names and the licences in full are in
 {licences}

Files: *
Copyright: {holder}
License: Expat
{body}
"""

_SUMMARY = "local Claude proxy with a tray icon"


def build(payload: Path, folder: Path, *, version: str = __version__, seconds: int) -> Path:
    """Make the package of `payload` in `folder`. `seconds` since 1970: the time of all in it. Raises NotBuilt."""
    payloads.check(payload)
    architecture = run("dpkg", "--print-architecture").strip()
    debian_version = preview_below_release(version)
    output = folder / f"{PACKAGE}_{debian_version}_{architecture}.deb"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        root = Path(work, "root")
        shutil.copytree(payload, root / HOME, symlinks=True)
        for place, content in _files(payload, version, debian_version, seconds).items():
            _write(root / place, content)
        (root / LINK).parent.mkdir(parents=True)
        (root / LINK).symlink_to(os.path.relpath(HOME / PROGRAM, LINK.parent))
        _set_modes(root)
        _describe(root, payload, debian_version, architecture)
        for path in root.rglob("*"):
            os.utime(path, (seconds, seconds), follow_symlinks=False)
        os.utime(root, (seconds, seconds))
        # xz, which older tools read as well, makes it a fifth smaller than zstd; to unpack it takes two seconds.
        environ = {**os.environ, payloads.BUILD_TIME: str(seconds)}
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(output), environ=environ)
    return output


def _files(payload: Path, version: str, debian_version: str, seconds: int) -> Mapping[PurePosixPath, bytes]:
    command = Path("/", LINK)
    shared = {PurePosixPath("usr/share") / place: content for place, content in share.files(version, seconds).items()}
    return {
        **shared,
        # The same as the switch would write. Nothing switches them on but a person.
        _UNITS / UNIT: render_unit(command).encode(),
        _UNITS / HEADLESS_UNIT: render_headless_unit(command).encode(),
        _DOCUMENTS / "copyright": render_copyright(_licences(payload)).encode(),
        _DOCUMENTS / "changelog.gz": share.compressed(render_changelog(version, debian_version, seconds)),
        _OVERRIDES: (_SCRIPTS / "overrides").read_bytes(),
    }


def _licences(payload: Path) -> PurePosixPath:
    found = next(payload.glob(f"*/core/{TEXT_FILE}"), None)
    if found is None:
        raise NotBuilt(f"{payload} does not hold the licences of what is in it.")
    return HOME / found.relative_to(payload).as_posix()


def render_copyright(licences: PurePosixPath) -> str:
    """In Debian's form; `licences` is the file in the package that has those of all that the program brings along."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    holder = next(line for line in text.splitlines() if line.startswith("Copyright"))
    permission = text.partition(holder)[2].strip()
    body = "\n".join(f" {line}" if line else " ." for line in permission.splitlines())
    return _COPYRIGHT.format(
        name=identity.NAME,
        homepage=identity.HOMEPAGE,
        licences=f"/{licences}",
        holder=holder.removeprefix("Copyright (c) "),
        body=body,
    )


def render_changelog(version: str, debian_version: str, seconds: int) -> str:
    """What is new in `version`, in Debian's form: https://www.debian.org/doc/debian-policy/ch-source.html#s-dpkgchangelog"""
    changelog = CHANGELOG.read_text(encoding="utf-8")
    text = section(version, changelog) or section("Unreleased", changelog)
    points = [point for point in (" ".join(lines.split()) for lines in ("\n" + text).split("\n- ")) if point]
    lines = [textwrap.fill(point, 76, initial_indent="  * ", subsequent_indent="    ") for point in points]
    signed = f" -- {identity.PUBLISHER} <{identity.ADDRESS}>  {format_datetime(datetime.fromtimestamp(seconds, UTC))}"
    return "\n\n".join([f"{PACKAGE} ({debian_version}) stable; urgency=medium", "\n".join(lines), signed]) + "\n"


def _describe(root: Path, payload: Path, version: str, architecture: str) -> None:
    """What dpkg reads of the package."""
    files = [path for path in in_order(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    sums = "".join(f"{_md5(path)}  {path.relative_to(root)}\n" for path in files)
    kilobytes = sum(-(-path.stat().st_size // 1024) for path in files)
    control = _CONTROL.format(
        package=PACKAGE,
        version=version,
        architecture=architecture,
        publisher=identity.PUBLISHER,
        address=identity.ADDRESS,
        kilobytes=kilobytes,
        glibc=payloads.glibc_floor(payload),
        homepage=identity.HOMEPAGE,
        summary=_SUMMARY,
    )
    _write(root / "DEBIAN/control", control.encode())
    (root / "DEBIAN").chmod(0o755)
    _write(root / "DEBIAN/md5sums", sums.encode())
    for name in ("postinst", "prerm"):
        _write(root / "DEBIAN" / name, (_SCRIPTS / name).read_bytes())
        (root / "DEBIAN" / name).chmod(0o755)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)


def _set_modes(root: Path) -> None:
    """Nothing but the program is to be run, whatever the umask of who builds."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == root / HOME / PROGRAM else 0o644)
