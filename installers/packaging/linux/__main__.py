"""`python -m installers.packaging.linux PAYLOAD FOLDER` makes both packages in FOLDER, of the folder PAYLOAD that
PyInstaller made. The time in them is that of SOURCE_DATE_EPOCH, so that the same payload makes the same packages.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from . import archive, deb, payload
from .payload import NotBuilt


@click.command(help=__doc__)
@click.argument("built", metavar="PAYLOAD", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(built: Path, folder: Path) -> None:
    try:
        seconds = payload.build_time(os.environ)
        for build in (deb.build, archive.build):
            click.echo(build(built, folder, seconds=seconds))
    except NotBuilt as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
