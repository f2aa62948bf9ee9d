"""What may be released, what its page says, and the checksums."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core import __version__
from installers.packaging.release import CHECKSUMS, NotReleasable, check, checksums, is_preview, notes, section

CHANGELOG = """# Changelog

## Unreleased

## 1.2.0 (2026-12-01)

- The tray is new.
  It has an icon.

## [1.1.0] - 2026-11-01

- Older.
"""


def test_a_tag_that_agrees_with_all_is_released() -> None:
    check("v1.2.0", CHANGELOG, "1.2.0")


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "why"),
    [
        ("v1.2.1", "1.2.0", CHANGELOG, "the program is version 1.2.0"),
        ("1.2.0", "1.2.0", CHANGELOG, "The tag is 1.2.0"),
        ("v1.1.0", "1.1.0", CHANGELOG, "The newest version in CHANGELOG.md is 1.2.0"),
        ("v1.2.0", "1.2.0", "# Changelog\n\n## Unreleased\n\n- All.\n", "is none, not 1.2.0"),
        ("v1.2.0", "1.2.0", "# Changelog\n\n## 1.2.0\n\n## 1.1.0\n\n- Older.\n", "says nothing about 1.2.0"),
        ("v1.2.0", "1.2.0", CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n- Forgotten.\n"), "Forgotten"),
    ],
)
def test_what_disagrees_is_told(tag: str, version: str, changelog: str, why: str) -> None:
    with pytest.raises(NotReleasable, match=why):
        check(tag, changelog, version)


def test_the_page_has_the_words_of_the_changelog_and_of_no_other_version() -> None:
    assert section("1.2.0", CHANGELOG) == "- The tray is new.\n  It has an icon."
    assert section("1.1.0", CHANGELOG) == "- Older."
    text = notes("1.2.0", CHANGELOG, [])
    assert text.startswith("- The tray is new.")
    assert "Older" not in text
    assert "signed" not in text
    assert CHECKSUMS in text


@pytest.mark.parametrize(
    ("system", "words"), [("macos", "not signed by a developer that Apple knows"), ("windows", "SmartScreen warns")]
)
def test_what_nobody_signed_is_told(system: str, words: str) -> None:
    assert words in notes("1.2.0", CHANGELOG, [system])


@pytest.mark.parametrize(("version", "preview"), [("1.0.0", False), ("1.0.0rc1", True), ("1.0.0b2", True)])
def test_a_preview_is_known_by_its_version(version: str, preview: bool) -> None:
    assert is_preview(version) == preview


def test_checksums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    with pytest.raises(NotReleasable, match="is empty"):
        checksums(tmp_path)
    (tmp_path / "b.deb").write_bytes(b"package")
    (tmp_path / "a.exe").write_bytes(b"program")
    (tmp_path / CHECKSUMS).write_text("old")
    text = checksums(tmp_path)
    assert text.splitlines() == [
        f"{hashlib.sha256(b'program').hexdigest()}  a.exe",
        f"{hashlib.sha256(b'package').hexdigest()}  b.deb",
    ]
    (tmp_path / CHECKSUMS).write_text(text)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", CHECKSUMS], cwd=tmp_path, check=True, capture_output=True)


def test_the_commands_of_the_workflow_say_what_it_reads(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "installers.packaging.release", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("outputs").stdout.splitlines() == [
        f"version={__version__}",
        f"preview={str('rc' in __version__).lower()}",
    ]
    done = run("check", "v0.0.1")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "The tag is v0.0.1" in done.stderr
    told = run("notes", "--macos-signed", "true", "--windows-signed", "false").stdout
    assert "SmartScreen" in told
    assert "Apple" not in told
    (tmp_path / "a.exe").write_bytes(b"program")
    assert run("checksums", str(tmp_path)).returncode == 0
    assert (tmp_path / CHECKSUMS).read_text().endswith("  a.exe\n")
