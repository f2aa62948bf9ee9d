"""Finding other people's programs, and the environment of children."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from core.programs import candidates, child_environment, find_program, program_version

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_program_is_found_where_installers_put_it_though_the_path_is_short(tmp_path: Path) -> None:
    script(tmp_path / ".nvm/versions/node/v9.3.0/bin/claude", "echo 1.0.0")
    newest = script(tmp_path / ".nvm/versions/node/v22.1.0/bin/claude", "echo 2.1.330 '(Claude Code)'")
    assert find_program("claude", {"PATH": "/usr/bin:/bin"}, tmp_path) == (newest, "2.1.330 (Claude Code)")
    local = script(tmp_path / ".local/bin/claude", "echo 3.0.0")
    assert find_program("claude", {"PATH": "/usr/bin:/bin"}, tmp_path) == (local, "3.0.0")
    named = find_program("claude", {"PATH": "/usr/bin:/bin"}, tmp_path, named=str(newest))
    assert named is not None
    assert named[0] == newest


def test_one_that_does_not_answer_is_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "broken/claude", "exit 3")
    works = script(tmp_path / "works/claude", "echo 2.1.0")
    path = os.pathsep.join([str(tmp_path / "broken"), str(tmp_path / "works"), "/usr/bin", "/bin"])
    found = find_program("claude", {"PATH": path}, tmp_path)
    assert found is not None
    assert found[0] == works
    assert program_version(tmp_path / "nowhere", {}) is None
    assert [place.parent.name for place in candidates("claude", {"PATH": path}, tmp_path)] == ["broken", "works"]


def test_a_child_gets_nothing_of_the_frozen_programs_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = {
        "_PYI_ARCHIVE_FILE": "x",
        "LD_LIBRARY_PATH": "/tmp/_MEI1",
        "LD_LIBRARY_PATH_ORIG": "/opt/lib",
        "DYLD_LIBRARY_PATH": "/tmp/_MEI1",
        "PATH": "/bin",
    }
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    program = tmp_path / "bin" / "claude"
    path = f"{tmp_path / 'bin'}:/bin"
    assert child_environment(frozen, program=program) == {"LD_LIBRARY_PATH": "/opt/lib", "PATH": path}
    monkeypatch.setattr(sys, "frozen", False)
    assert child_environment({"LD_LIBRARY_PATH": "/mine"}) == {"LD_LIBRARY_PATH": "/mine"}
