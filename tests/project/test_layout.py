"""The project's own promises: which module may import what, that each documented row is tested, honest wording."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "installers", "tray")
TRANSLATION = ROOT / "docs" / "translation.md"
UNTESTED_HEADING = "## What has no test here, and why"

# How many rows each table of docs/translation.md has: a row that is lost in an edit is noticed.
ROWS = {"B": 10, "P": 45, "T": 18, "M": 32, "K": 26, "I": 17, "R": 39, "U": 8, "E": 24, "C": 12}
ROW_IDS = [f"{letter}{number}" for letter, count in ROWS.items() for number in range(1, count + 1)]

# In a comment, a docstring or an id a row is written K13; in the name of a test, k13. "K1 to K26" names none of them.
_WRITTEN = re.compile(r"\b[BPTMKIRUEC]\d{1,2}\b")
_RANGE = re.compile(r"\b[BPTMKIRUEC]\d{1,2}(?: to |-|–)[BPTMKIRUEC]?\d{1,2}\b")
_TEST_NAME = re.compile(r"\bdef test_(\w+)")
_IN_NAME = re.compile(r"(?:^|_)([bptmkiruec]\d{1,2})(?=_|$)")

# What would make our own requests look like another program's.
DISGUISES = (
    "x-anthropic-billing-header",
    "claude-code-20250219",
    "x-app: cli",
    "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
    "claude-cli/",
    "You are Claude Code",
)


def lint_imports(directory: Path) -> tuple[int, str]:
    """The exit code of import-linter in `directory`, and what it said, on one line."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", command, "--no-cache"],
        cwd=directory,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(directory)},
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_imports_point_the_right_way() -> None:
    code, said = lint_imports(ROOT)
    assert code == 0, said


@pytest.mark.parametrize(
    ("module", "line", "reason"),
    [
        ("core/status.py", "import tray", "the proxy must run where there is no desktop"),
        ("core/status.py", "import click", "The proxy has no screen and no terminal"),
        ("core/sse.py", "import asyncio", "Translation is pure"),
        ("tray/entries.py", "import pystray", "What the tray shows is data"),
        ("tray/icon.py", "import pystray", "Only the backends of the tray touch a toolkit"),
        ("core/dialects/one.py", "from . import two", "No dialect knows another"),
        ("core/dialects/one.py", "from .. import gateway", "No dialect knows how a request travels"),
        ("core/upstreams/demo.py", "from .. import dialects", "No upstream knows who asked"),
    ],
)
def test_a_wrong_import_fails_with_a_reason(tmp_path: Path, module: str, line: str, reason: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            # The modules alone, without what they import: only the wrong line is there to be found.
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
    for name in ("one", "two"):
        (tmp_path / "core" / "dialects" / f"{name}.py").touch()
    assert lint_imports(tmp_path)[0] == 0
    (tmp_path / module).write_text(f"{line}\n")
    code, said = lint_imports(tmp_path)
    assert code == 1, said
    assert f"{reason}" in said.partition("Broken contracts")[2], said


def documented_rows() -> list[str]:
    return re.findall(r"^\| ([A-Z]\d+) \|", TRANSLATION.read_text(encoding="utf-8"), re.MULTILINE)


def untested_rows() -> set[str]:
    section = TRANSLATION.read_text(encoding="utf-8").partition(UNTESTED_HEADING)[2]
    return set(re.findall(r"\*\*([A-Z]\d+)\*\*", section))


def named_rows() -> Iterator[str]:
    for source in (ROOT / "tests").rglob("*.py"):
        if source == Path(__file__):
            continue
        text = source.read_text(encoding="utf-8")
        yield from _WRITTEN.findall(_RANGE.sub("", text))
        for name in _TEST_NAME.findall(text):
            yield from map(str.upper, _IN_NAME.findall(name))


def test_the_translation_is_documented_row_by_row() -> None:
    assert documented_rows() == ROW_IDS


def test_every_documented_row_is_named_by_a_test() -> None:
    covered = {*named_rows(), *untested_rows()}
    missing = [row for row in ROW_IDS if row not in covered]
    assert not missing, f"no test names {', '.join(missing)}"


@pytest.mark.parametrize("disguise", DISGUISES)
def test_the_proxy_imitates_no_other_program(disguise: str) -> None:
    sources = [source for package in PACKAGES for source in (ROOT / package).rglob("*.py")]
    guilty = [str(source) for source in sources if disguise.lower() in source.read_text(encoding="utf-8").lower()]
    assert not guilty


def test_the_package_states_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "core.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?", core.__version__)


def test_the_package_is_described_by_files_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (ROOT / project["readme"]).is_file()
    for licence in project["license-files"]:
        assert (ROOT / licence).read_text(encoding="utf-8").startswith("MIT License")


def test_the_changelog_has_room_for_the_next_change() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.startswith("# Changelog\n")
    assert re.search(r"^## \[?Unreleased\]?$", changelog, re.MULTILINE)


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    broken = [target for target in targets if target and not (document.parent / target).exists()]
    assert not broken
