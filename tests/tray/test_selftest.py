"""The self-test of the program, run from source; `tests/packages` runs it in the built executables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tray import selftest


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What it tells. Its folders for a moment are made below `tmp_path`, and there is no desktop."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "from elsewhere")
    return []


def test_what_is_whole_passes_and_leaves_nothing(said: list[str], tmp_path: Path) -> None:
    assert selftest.run(said.append) == 0, said
    assert [line for line in said[1:-1] if not line.startswith("ok ")] == []
    assert said[-1] == "All is well."
    for name in ("server", "chat", "dashboard", "icons", "tray", "TLS trust", "start at login", "children", "licences"):
        assert any(line.startswith(f"ok      {name}: ") for line in said), name
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_part_that_is_missing_is_told_and_the_others_are_looked_at(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.licences.text", lambda: "")
    monkeypatch.setattr("tray.program.Program.start", lambda _program: False)
    assert selftest.run(said.append) == 1
    failed = [line for line in said if line.startswith("FAILED")]
    assert failed == [
        "FAILED  server: it did not start",
        "FAILED  chat: there is no server",
        "FAILED  dashboard: there is no server",
        "FAILED  licences: the texts are not there",
    ]
    assert said[-1] == "4 of these do not work."


def test_a_machine_that_trusts_nobody_is_told(said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(selftest, "_ROOTS", ())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "tmp"))
    selftest.run(said.append)
    failed = [line for line in said if line.startswith("FAILED")]
    assert failed == ["FAILED  TLS trust: this system trusts no certificate authority: install its ca-certificates"]
