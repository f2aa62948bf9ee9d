"""`cliproxyapi doctor`: shows what was found, and writes a report that may be given away."""

from __future__ import annotations

import asyncio
import os
import platform
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

import click

from core import __version__, json_codec
from core.doctor import Finding, examine
from core.log import last_lines, redact
from core.paths import Paths
from core.settings import Settings, SettingsStore
from installers.program import this_program

_MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
_LOG_LINES = 500
# Settings whose values are nobody else's business.
_PRIVATE_SETTINGS = ("api_key", "oauth_client_id")


def run_doctor(paths: Paths, settings: SettingsStore, *, as_json: bool, report: Path | None) -> int:
    """The exit code: 1 where there is a problem."""
    program = this_program(os.environ)
    findings = [_redacted(finding) for finding in asyncio.run(examine(paths, settings, os.environ, program))]
    if as_json:
        click.echo(json_codec.encode_text([asdict(finding) for finding in findings]))
    else:
        click.echo("\n".join(lines(findings)))
    if report is not None:
        write_report(report, findings, paths, settings.current)
        click.echo(f"The report is in {report}. Look through it before you give it away.", err=as_json)
    return int(any(finding.verdict == "problem" for finding in findings))


def lines(findings: Iterable[Finding]) -> list[str]:
    """The findings for people, each with what to do below it."""
    shown: list[str] = []
    for finding in findings:
        shown.append(f"{_MARKS[finding.verdict]}  {finding.check + ':':<16} {finding.said}")
        shown += [f"{'':<25} → {finding.todo}"] if finding.todo else []
    return shown


def write_report(path: Path, findings: Sequence[Finding], paths: Paths, settings: Settings) -> None:
    """A zip file without secrets, e-mail addresses and the person's name in paths."""
    parts = {
        "doctor.txt": "\n".join(lines(findings)),
        "doctor.json": json_codec.encode_text([asdict(finding) for finding in findings]),
        "system.txt": f"CLIProxyAPI {__version__}\n{platform.platform()}\nPython {platform.python_version()}",
        "settings.txt": "\n".join(_setting_lines(settings)),
        "log.txt": "\n".join(last_lines(paths.log_file, _LOG_LINES)) if paths.log_file.exists() else "",
    }
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in parts.items():
                bundle.writestr(name, without_home(redact(text)))
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None


def without_home(text: str) -> str:
    """`text` without the home directory, which names the person."""
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def _redacted(finding: Finding) -> Finding:
    return replace(finding, said=redact(finding.said), todo=redact(finding.todo) if finding.todo else None)


def _setting_lines(settings: Settings) -> list[str]:
    names = [item.name for item in fields(settings) if item.name != "sources"]
    return [f"{name} = {_shown(settings, name)}  ({settings.source(name)})" for name in names]


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return "(set)" if name in _PRIVATE_SETTINGS and value else repr(value)
