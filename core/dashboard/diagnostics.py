"""What helps somebody else to find a fault: versions, settings, states and the end of the log; nothing secret."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib import metadata
from typing import Any

from .. import __version__
from ..log import last_lines, redact
from ..paths import Paths, without_home
from ..settings import DEFAULT, Settings
from ..status import SignIn, Status

_DISTRIBUTION = "cliproxyapi"
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


def licences() -> list[dict[str, str]]:
    """The packages that this program is made of, with the licence that each names. May block."""
    found: list[dict[str, str]] = []
    for requirement in metadata.requires(_DISTRIBUTION) or []:
        name = re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]
        try:
            about: Any = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        found.append({"name": name, "version": str(about["Version"]), "licence": _licence(about)})
    return sorted(found, key=lambda item: item["name"])


def _licence(about: Any) -> str:
    if expression := about.get("License-Expression"):
        return str(expression)
    classifiers: list[str] = about.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License ::")]
    first = str(about.get("License") or "").partition("\n")[0]
    # Some put the whole text there, which begins with names.
    return named[0] if named else first if first and len(first) < 40 and "©" not in first else "see the package"


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
