"""Where files live, and that nobody else can read those with a secret."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from core.paths import Paths, write_private

posix = pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")


def test_directories_of_ones_own_are_made_absolute_and_not_created(tmp_path: Path) -> None:
    paths = Paths.find({"CLIPROXYAPI_CONFIG_DIR": "a", "CLIPROXYAPI_DATA_DIR": str(tmp_path / "b")})
    assert paths.config_file == Path.cwd() / "a" / "config.toml"
    assert paths.log_file == tmp_path / "b" / "log" / "cliproxyapi.log"
    assert not paths.config_dir.exists()


def test_otherwise_they_are_the_platforms() -> None:
    paths = Paths.find({})
    assert paths.config_dir.is_absolute()
    assert "cliproxyapi" in str(paths.config_dir)


def test_every_file_that_has_a_name_is_known_by_it_and_nothing_else(tmp_path: Path) -> None:
    paths = Paths.find({"CLIPROXYAPI_CONFIG_DIR": str(tmp_path / "a"), "CLIPROXYAPI_DATA_DIR": str(tmp_path / "b")})
    properties = [name for name, value in vars(Paths).items() if isinstance(value, property)]
    named = {getattr(paths, name) for name in properties if not name.endswith("_dir")}
    ours = {
        *named,
        paths.oauth_file.with_suffix(".lock"),
        paths.claude_code_dir / "versions.json",
        paths.server_file(3456),
        paths.log_file.with_name("cliproxyapi.log.3"),
    }
    ours.add(paths.models_file.with_name(".models.json.k3_x9ab0.tmp"))
    theirs = {
        paths.log_file.with_name("cliproxyapi.log.4"),
        paths.config_file.with_name("config.toml.bak"),
        paths.models_file.with_name("models_json"),
        paths.run_dir / "server-3456.json.old",
    }
    assert list(paths.written_files()) == []
    for path in ours | theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert set(paths.written_files()) == ours


@posix
def test_a_private_file_and_its_directory_belong_to_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    before = os.umask(0)
    try:
        write_private(path, b"secret")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix
def test_a_file_that_was_open_to_others_is_not_any_more(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
