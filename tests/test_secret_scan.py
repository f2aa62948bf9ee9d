"""The search for secrets of the tests finds them in whatever form they came out."""

from __future__ import annotations

import base64
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.secret_scan import MARKER, main

SECRET = f"sk-ant-api03-{MARKER}-x"


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.txt", SECRET * 10)


FORMS: dict[str, Callable[[Path], object]] = {
    "plain": lambda path: path.write_text(f"a line\nkey={SECRET}\n"),
    "wide": lambda path: path.write_text(SECRET, "utf-16"),
    "compressed": lambda path: path.write_bytes(gzip.compress(SECRET.encode())),
    "archive": zipped,
    **{
        f"base64 behind {before}": lambda path, before=before: path.write_bytes(
            base64.b64encode(b"." * before + SECRET.encode())
        )
        for before in range(3)
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    (tmp_path / "below").mkdir()
    FORMS[form](tmp_path / "below" / "file")
    assert main([str(tmp_path)]) == 1
    assert "file" in capsys.readouterr().out


def test_what_holds_none_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("POST /v1/messages 200")
    assert main([str(tmp_path)]) == 0
    assert "1 files read, 0 with a secret" in capsys.readouterr().out


def test_nothing_read_is_no_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert main([str(tmp_path / "missing")]) == 64
    assert main([]) == 64
    capsys.readouterr()
