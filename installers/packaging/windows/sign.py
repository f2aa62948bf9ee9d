"""Signs one file for Windows, in its place: `python -m installers.packaging.windows.sign FILE`.

With `osslsigncode`, which runs where NSIS does. WINDOWS_CERTIFICATE_FILE names the certificate with its key (PKCS #12),
WINDOWS_CERTIFICATE_PASSWORD_FILE a file with its password: a command line can be read by every program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import click

from installers.packaging import identity

CERTIFICATE, PASSWORD = "WINDOWS_CERTIFICATE_FILE", "WINDOWS_CERTIFICATE_PASSWORD_FILE"
# A signature with a time in it outlives its certificate.
_TIMESTAMPS = "http://timestamp.digicert.com"


class NotSigned(Exception):
    """The message says why."""


def sign(file: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Raises NotSigned, and then leaves `file` as it was."""
    certificate, password = environ.get(CERTIFICATE), environ.get(PASSWORD)
    if not certificate or not password:
        raise NotSigned(f"{CERTIFICATE} and {PASSWORD} are needed.")
    program = shutil.which("osslsigncode", path=environ.get("PATH"))
    if program is None:
        raise NotSigned("osslsigncode is not installed.")
    signed = file.with_name(f"{file.name}.signed")
    command = [program, "sign", "-pkcs12", certificate, "-readpass", password, "-h", "sha256"]
    command += ["-n", identity.NAME, "-i", identity.HOMEPAGE, "-ts", _TIMESTAMPS, "-in", str(file), "-out", str(signed)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        signed.unlink(missing_ok=True)
        raise NotSigned(f"osslsigncode failed:\n{done.stdout}{done.stderr}")
    signed.replace(file)


@click.command(help=__doc__)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(file: Path) -> None:
    try:
        sign(file)
    except NotSigned as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
