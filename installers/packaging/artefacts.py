"""What a release consists of, by name and checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from . import identity

System = Literal["linux", "macos", "windows"]

# As the systems' own tools name them.
ARCHITECTURES: Mapping[System, tuple[str, ...]] = {
    "linux": ("x86_64",),
    "macos": ("arm64", "x86_64"),
    "windows": ("x64",),
}


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def linux_archive(version: str, architecture: str) -> str:
    return f"cliproxyapi-{version}-linux-{architecture}.tar.xz"


def disk_image(version: str, architecture: str) -> str:
    return f"{identity.NAME}-{version}-macos-{architecture}.dmg"


def windows_installer(version: str) -> str:
    (architecture,) = ARCHITECTURES["windows"]
    return f"{identity.NAME}-{version}-windows-{architecture}.exe"
