"""The licences of what the program is made of."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from core import licences


def test_all_that_is_needed_is_named_and_nothing_else() -> None:
    named = {package.name: package for package in licences.packages()}
    # Ours, and what these need in turn; `socksio` is for an extra of httpx that we ask for.
    assert {"pystray", "fastapi", "starlette", "pydantic_core", "socksio"} <= set(named)
    assert {"cliproxyapi", "pytest", "pyinstaller", "ruff", "h2"} & set(named) == set()
    assert "Lesser" in named["pystray"].licence
    assert named["click"].version == metadata.version("click")


def test_the_texts_are_whole() -> None:
    text = licences.text()
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text
    for package in licences.packages():
        assert f"{package.name} {package.version}: " in text


def test_what_has_no_text_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "silent-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: silent\nVersion: 1.0\nLicense: MIT\n")
    (folder / "RECORD").write_text("silent-1.0.dist-info/METADATA,,\n")
    text = licences.render([metadata.Distribution.at(folder)], [("Other", "Its words.")])
    assert text.index("Other") < text.index("silent 1.0: MIT")
    assert "(It comes without a text.)" in text
    assert "Its words." in text
