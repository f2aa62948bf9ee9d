"""The disk image: the app beside a link to the folder for apps; signed, notarised and stapled where somebody can.

`python -m installers.packaging.macos.dmg APP OUTPUT`, on macOS alone. The app itself is signed as it is built. What is
needed for more is read from the environment: MACOS_SIGN_IDENTITY, the name of a "Developer ID Application" certificate
in the keychain; and MACOS_NOTARY_KEY, MACOS_NOTARY_KEY_ID, MACOS_NOTARY_ISSUER, the file of an App Store Connect key
and its two ids.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from installers.packaging import identity

IDENTITY = "MACOS_SIGN_IDENTITY"
NOTARY = ("MACOS_NOTARY_KEY", "MACOS_NOTARY_KEY_ID", "MACOS_NOTARY_ISSUER")


class NotBuilt(Exception):
    """There is no disk image; the message says why."""


def build(app: Path, output: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Make the disk image `output` with `app` in it. Raises NotBuilt."""
    if not (app / "Contents" / "Info.plist").is_file():
        raise NotBuilt(f"{app} is no app of macOS.")
    signer = environ.get(IDENTITY)
    notary = [environ.get(name, "") for name in NOTARY]
    if any(notary) and not (signer and all(notary)):
        raise NotBuilt(f"To notarise, {IDENTITY}, {', '.join(NOTARY)} are needed together.")
    if signer:
        # Apple refuses, after minutes, what this tells in a second.
        _run(["codesign", "--verify", "--deep", "--strict", str(app)], environ)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(app, Path(folder, app.name), symlinks=True)
        Path(folder, "Applications").symlink_to("/Applications")
        image = ["hdiutil", "create", "-volname", identity.NAME, "-srcfolder", folder, "-fs", "HFS+"]
        _run([*image, "-format", "UDZO", "-ov", str(output)], environ)
    if signer:
        _run(["codesign", "--sign", signer, "--timestamp", str(output)], environ)
    if all(notary):
        _notarise(output, *notary, environ=environ)


def _notarise(image: Path, key: str, key_id: str, issuer: str, *, environ: Mapping[str, str]) -> None:
    account = ["--key", key, "--key-id", key_id, "--issuer", issuer]
    _run(["xcrun", "notarytool", "submit", str(image), *account, "--wait"], environ)
    # So that it also opens where there is no network.
    _run(["xcrun", "stapler", "staple", str(image)], environ)
    _run(["xcrun", "stapler", "validate", str(image)], environ)


def _run(command: list[str], environ: Mapping[str, str]) -> None:
    program = shutil.which(command[0], path=environ.get("PATH"))
    if program is None:
        raise NotBuilt(f"{command[0]} is not there: a disk image is made on macOS.")
    done = subprocess.run(
        [program, *command[1:]],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise NotBuilt(f"{' '.join(command[:2])} failed:\n{done.stdout}{done.stderr}")


@click.command(help=__doc__)
@click.argument("app", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
def main(app: Path, output: Path) -> None:
    try:
        build(app, output)
    except NotBuilt as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
