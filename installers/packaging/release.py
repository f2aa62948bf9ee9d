"""A release: that its versions agree, what its page says, and the checksums of what it consists of.

The workflow calls `python -m installers.packaging.release`: what can be wrong in it is here, where tests reach it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from core import __version__

from . import identity
from .artefacts import sha256

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
CHECKSUMS = "SHA256SUMS"

_HEADING = re.compile(r"^## \[?([^\]\s]+)\]?.*$", re.MULTILINE)

_UNSIGNED = {
    "macos": "**The app for macOS is not signed by a developer that Apple knows.** macOS refuses the first start: open "
    "System Settings, Privacy & Security, and choose Open Anyway there.",
    "windows": "**The installer for Windows is not signed.** SmartScreen warns before it runs: More info, Run anyway. "
    f"Compare its checksum with `{CHECKSUMS}` first.",
}


class NotReleasable(Exception):
    """What was tagged cannot become a release; the message says why."""


def check(tag: str, changelog: str, version: str = __version__) -> None:
    """That the tag, the program and the newest entry of the changelog name one version. Raises NotReleasable."""
    if tag != f"v{version}":
        raise NotReleasable(f"The tag is {tag}, but the program is version {version}: core/__init__.py says so.")
    released = [name for name in _HEADING.findall(changelog) if name.lower() != "unreleased"]
    if not released or released[0] != version:
        newest = released[0] if released else "none"
        raise NotReleasable(f"The newest version in CHANGELOG.md is {newest}, not {version}.")
    if not section(version, changelog):
        raise NotReleasable(f"CHANGELOG.md says nothing about {version}.")
    if waiting := section("Unreleased", changelog):
        raise NotReleasable(f"CHANGELOG.md still has this under Unreleased:\n{waiting}")


def section(name: str, changelog: str) -> str:
    """What the changelog says under the heading of a version; empty where there is none."""
    headings = list(_HEADING.finditer(changelog))
    for place, heading in enumerate(headings):
        if heading[1].lower() == name.lower():
            end = headings[place + 1].start() if place + 1 < len(headings) else len(changelog)
            return changelog[heading.end() : end].strip()
    return ""


def notes(version: str, changelog: str, unsigned: Sequence[str]) -> str:
    """The text of the release's page. `unsigned` names the systems whose package nobody signed."""
    parts = [section(version, changelog)]
    if unsigned:
        parts.append("## Before you install\n\n" + "\n\n".join(_UNSIGNED[system] for system in unsigned))
    parts.append(
        f"## Verify\n\n`sha256sum --check --ignore-missing {CHECKSUMS}` compares what you downloaded. `gh attestation "
        f"verify FILE --repo {identity.HOMEPAGE.removeprefix('https://github.com/')}` says that this project's own "
        "workflow built it."
    )
    return "\n\n".join(parts) + "\n"


def checksums(folder: Path) -> str:
    """The lines of `sha256sum` for all files in `folder`."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name != CHECKSUMS]
    if not files:
        raise NotReleasable(f"{folder} is empty.")
    return "".join(f"{sha256(file)}  {file.name}\n" for file in files)


def is_preview(version: str) -> bool:
    return re.search(r"(a|b|rc)\d+$", version) is not None


@click.group(help=__doc__)
def main() -> None: ...


@main.command("check")
@click.argument("tag")
def check_command(tag: str) -> None:
    """Fail unless TAG can be released."""
    try:
        check(tag, CHANGELOG.read_text(encoding="utf-8"))
    except NotReleasable as error:
        raise click.ClickException(str(error)) from None


@main.command("outputs")
def outputs_command() -> None:
    """Print what the later steps of the workflow need to know."""
    click.echo(f"version={__version__}")
    click.echo(f"preview={str(is_preview(__version__)).lower()}")


@main.command("notes")
@click.option("--macos-signed", type=bool, required=True)
@click.option("--windows-signed", type=bool, required=True)
def notes_command(macos_signed: bool, windows_signed: bool) -> None:
    """Print the text of the release's page."""
    signed = {"macos": macos_signed, "windows": windows_signed}
    unsigned = [system for system, is_signed in signed.items() if not is_signed]
    click.echo(notes(__version__, CHANGELOG.read_text(encoding="utf-8"), unsigned), nl=False)


@main.command("checksums")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def checksums_command(folder: Path) -> None:
    """Write the checksums of the files in FOLDER beside them."""
    try:
        text = checksums(folder)
    except NotReleasable as error:
        raise click.ClickException(str(error)) from None
    (folder / CHECKSUMS).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
