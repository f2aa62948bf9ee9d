"""What this program is made of, and under which licences: read from the installed packages.

A frozen program has their metadata with it, and the text of all licences in one file that its build wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

DISTRIBUTION = "cliproxyapi"

# In the package `core` of a frozen program.
TEXT_FILE = "licences.txt"

_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors)([._-].*)?", re.IGNORECASE)
_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?")
_RULE = "─" * 78


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    licence: str


def packages() -> list[Package]:
    """What the program is made of, besides itself and Python. May block."""
    return sorted((_package(found) for found in _parts()), key=lambda package: package.name.lower())


def text() -> str:
    """The licences of all parts, in full. May block."""
    written = resources.files("core") / TEXT_FILE
    return written.read_text(encoding="utf-8") if written.is_file() else render(_parts())


def render(parts: Iterable[metadata.Distribution], others: Iterable[tuple[str, str]] = ()) -> str:
    """One text of the licences of `parts`, and of what else there is: a name, and its licence's text."""
    sections = [(_title(part), _licence_texts(part)) for part in parts]
    in_order = sorted([*sections, *others], key=lambda section: section[0].lower())
    return "\n".join(f"{_RULE}\n{title}\n{_RULE}\n\n{text.strip()}\n" for title, text in in_order)


def _title(part: metadata.Distribution) -> str:
    package = _package(part)
    return f"{package.name} {package.version}: {package.licence}"


def _licence_texts(part: metadata.Distribution) -> str:
    files = [file for file in part.files or [] if _is_licence(file)]
    return "\n\n".join(file.read_text(encoding="utf-8").strip() for file in files) or "(It comes without a text.)"


def _is_licence(file: metadata.PackagePath) -> bool:
    beside_metadata = any(folder.endswith(".dist-info") for folder in file.parts[:-1])
    return beside_metadata and bool(_LICENCE_FILE.fullmatch(file.name) or "licenses" in file.parts)


def _parts() -> list[metadata.Distribution]:
    try:
        ours = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        # Frozen: there is nothing here but what the program is made of.
        return list(metadata.distributions())
    return list(_required(ours, frozenset(), {}).values())


def _required(
    part: metadata.Distribution, extras: frozenset[str], known: dict[str, metadata.Distribution]
) -> dict[str, metadata.Distribution]:
    """`known`, and what `part` needs with these `extras` and is installed: what is not is for other systems."""
    for name, wanted in _requirements(part, extras):
        if name in known:
            continue
        try:
            known[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        _required(known[name], wanted, known)
    return known


def _requirements(part: metadata.Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in part.requires or []:
        if match := _REQUIREMENT.match(requirement):
            name, wanted, marker = match.groups("")
            named = re.search(r"extra\s*==\s*['\"]([\w.-]+)", marker)
            if named is None or named[1] in extras:
                yield name.lower().replace("_", "-"), frozenset(re.findall(r"[\w.-]+", wanted))


def _package(part: metadata.Distribution) -> Package:
    about: Any = part.metadata
    return Package(str(about["Name"]), str(about["Version"]), _licence(about))


def _licence(about: Any) -> str:
    if expression := about.get("License-Expression"):
        return str(expression)
    classifiers: list[str] = about.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License ::")]
    first = str(about.get("License") or "").partition("\n")[0]
    # Some put the whole text there, which begins with names.
    return named[0] if named else first if first and len(first) < 40 and "©" not in first else "see the package"
