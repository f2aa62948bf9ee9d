"""The certificates that a release is signed with, for those who have them: takes them from variables that the workflow
fills, puts them where the signers look, and prints the variables by which these find them.

`python -m installers.packaging.certificates macos|windows FOLDER >> "$GITHUB_ENV"`; without a certificate it prints
nothing, and all is built unsigned. Read are CERTIFICATE (PKCS #12 in base64) and CERTIFICATE_PASSWORD, and for macOS's
notary NOTARY_KEY (the key itself), NOTARY_KEY_ID and NOTARY_ISSUER. Secrets are written to files that only their owner
reads, and never printed.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from core.paths import write_private

from .macos import dmg
from .windows import installer, sign


class NotUsable(Exception):
    """A certificate that cannot be taken up; the message says why."""


def windows(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for `sign` and `installer`; none without a certificate. Raises NotUsable."""
    if not environ.get("CERTIFICATE"):
        return {}
    certificate, password = folder / "windows.p12", folder / "windows-password.txt"
    write_private(certificate, _decoded(environ["CERTIFICATE"]))
    write_private(password, environ.get("CERTIFICATE_PASSWORD", "").encode())
    return {
        sign.CERTIFICATE: str(certificate),
        sign.PASSWORD: str(password),
        installer.SIGN: f'"{sys.executable}" -m installers.packaging.windows.sign',
    }


def macos(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for `build.spec` and `dmg`; none without a certificate. Raises NotUsable."""
    if not environ.get("CERTIFICATE"):
        return {}
    found = {dmg.IDENTITY: _in_a_keychain(folder, environ)}
    if environ.get("NOTARY_KEY"):
        key = folder / "notary.p8"
        write_private(key, environ["NOTARY_KEY"].encode())
        values = (str(key), environ.get("NOTARY_KEY_ID", ""), environ.get("NOTARY_ISSUER", ""))
        found |= dict(zip(dmg.NOTARY, values, strict=True))
    return found


def _in_a_keychain(folder: Path, environ: Mapping[str, str]) -> str:
    """Import the certificate into a keychain of its own, for `codesign`; the name that it goes by."""
    certificate, keychain = folder / "macos.p12", str(folder / "release.keychain-db")
    write_private(certificate, _decoded(environ["CERTIFICATE"]))
    # Of a machine that is thrown away: it is not worth hiding from those who see this machine's processes.
    password = secrets.token_urlsafe(32)
    try:
        _security(environ, "create-keychain", "-p", password, keychain)
        _security(environ, "set-keychain-settings", "-lut", "21600", keychain)
        _security(environ, "unlock-keychain", "-p", password, keychain)
        given = ["-P", environ.get("CERTIFICATE_PASSWORD", ""), "-t", "cert", "-f", "pkcs12", "-k", keychain]
        _security(environ, "import", str(certificate), *given, "-T", "/usr/bin/codesign")
        # Or codesign would ask somebody in front of the screen.
        tools = "apple-tool:,apple:,codesign:"
        _security(environ, "set-key-partition-list", "-S", tools, "-s", "-k", password, keychain)
        _security(environ, "list-keychains", "-d", "user", "-s", keychain, "login.keychain-db")
        listed = _security(environ, "find-identity", "-v", "-p", "codesigning", keychain)
    finally:
        certificate.unlink()
    name = re.search(r'"(Developer ID Application: [^"]+)"', listed)
    if name is None:
        raise NotUsable("The certificate is none for a Developer ID Application.")
    return name[1]


def _security(environ: Mapping[str, str], verb: str, *arguments: str) -> str:
    program = shutil.which("security", path=environ.get("PATH"))
    if program is None:
        raise NotUsable("security is not there: this certificate is for macOS.")
    command = [program, verb, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise NotUsable(f"security {verb} failed: {done.stderr.strip()}")
    return done.stdout


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise NotUsable("CERTIFICATE is not in base64.") from None


@click.command(help=__doc__)
@click.argument("system", type=click.Choice(["macos", "windows"]))
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(system: str, folder: Path) -> None:
    try:
        found = (macos if system == "macos" else windows)(folder, os.environ)
    except NotUsable as error:
        raise click.ClickException(str(error)) from None
    for name, value in found.items():
        click.echo(f"{name}={value}")


if __name__ == "__main__":
    main()
