"""What helps somebody else to find a fault: versions, settings, states and the end of the log; nothing secret."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import fields

from .. import __version__
from ..log import last_lines, redact
from ..paths import Paths, without_home
from ..settings import DEFAULT, Settings
from ..status import SignIn, Status

_SECRET = ("api_key",)
_LOG_LINES = 60


def report(settings: Settings, status: Status, options: Sequence[SignIn], paths: Paths) -> str:
    """The report as text. May block."""
    parts = [
        ("Versions", _versions()),
        ("Settings", _settings(settings)),
        ("State", _state(status)),
        ("Routes", [f"{option.route}: {option.state}" for option in options]),
        ("Log", list(last_lines(paths.log_file, _LOG_LINES))),
    ]
    text = "\n\n".join(f"## {title}\n" + "\n".join(lines or ["(nothing)"]) for title, lines in parts)
    return redact(without_home(f"# CLIProxyAPI diagnostics\n\n{text}\n"))


def _versions() -> list[str]:
    kind = "bundle" if getattr(sys, "frozen", False) else "package"
    return [
        f"CLIProxyAPI {__version__} ({kind})",
        f"Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}",
    ]


def _settings(settings: Settings) -> list[str]:
    names = [item.name for item in fields(Settings) if item.name != "sources"]
    return [
        f"{name} = {'(hidden)' if name in _SECRET else getattr(settings, name)!r}  ({settings.source(name)})"
        for name in names
        if settings.source(name) != DEFAULT
    ]


def _state(status: Status) -> list[str]:
    problem = status.problem
    return [
        f"server: {status.server}",
        f"route of the last request: {status.route}",
        f"problem: {problem.kind} ({problem.code})" if problem else "problem: none",
        f"last error: {status.last_error}",
        f"requests remembered: {len(status.requests)}",
    ]
