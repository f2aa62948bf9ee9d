"""What tests leave for the search for secrets: what came out of programs, and never their homes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import evidence
from tests.secret_scan import MARKER, main


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """None of pytest's, whose logs a real search reads: what lies here is meant to be found."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "nothing.txt").touch()
    monkeypatch.setenv(evidence.VARIABLE, str(folder))
    return folder


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_program_printed_is_searched(folder: Path, stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = f"import sys; print('s3cr3t' + '-marker', file=sys.{stream})"
    evidence.kept(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True))
    assert main([str(folder)]) == 1
    assert "printed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cliproxyapi.log", "cliproxyapi.log.1", "report.zip"])
def test_logs_and_reports_are_searched(
    folder: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home" / "data"
    home.mkdir(parents=True)
    with zipfile.ZipFile(home / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.txt", MARKER * 10)
    evidence.keep_files(tmp_path / "home")
    assert main([str(folder)]) == 1
    assert name in capsys.readouterr().out


def test_a_stored_secret_is_none_that_came_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "api_key.json").write_text(MARKER)
    evidence.keep_files(tmp_path / "home")
    assert main([str(folder)]) == 0


def test_nothing_is_kept_where_nobody_asked(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(evidence.VARIABLE)
    evidence.keep_text("these words")
    (tmp_path / "one.log").write_text("these words")
    evidence.keep_files(tmp_path)
    assert not any(b"these words" in path.read_bytes() for path in folder.rglob("*"))
