"""The Homebrew cask: its names, versions and checksums are those of what is released."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import __version__
from installers.launch_agent import LABEL
from installers.packaging import identity
from installers.packaging.artefacts import ARCHITECTURES, disk_image
from installers.packaging.macos.cask import macos_paths, render_cask

SUMS = {"arm64": "a" * 64, "x86_64": "b" * 64}


def value(cask: str, name: str) -> str:
    found = re.search(rf'^\s*{name} "(.*)"', cask, re.MULTILINE)
    assert found is not None, f"no {name}"
    return found[1]


def test_the_address_is_that_of_the_image_in_the_release() -> None:
    cask = render_cask("1.2.3", SUMS)
    assert value(cask, "version") == "1.2.3"
    for arch in ARCHITECTURES["macos"]:
        url = value(cask, "url").replace("#{version}", "1.2.3").replace("#{arch}", arch)
        assert url == f"{identity.HOMEPAGE}/releases/download/v1.2.3/{disk_image('1.2.3', arch)}"
    assert re.search(r'arch arm: "arm64", intel: "x86_64"', cask)
    assert re.search(rf'sha256 arm: +"{SUMS["arm64"]}",\s+intel: "{SUMS["x86_64"]}"', cask)


def test_it_has_not_the_name_of_the_formula_that_is_another_program() -> None:
    cask = render_cask("1.2.3", SUMS)
    assert cask.startswith(f'cask "{identity.CASK}" do\n')
    assert identity.CASK != "cliproxyapi"
    assert "is another program" in cask


def test_uninstalling_knows_the_agent_and_every_file_by_name() -> None:
    cask = render_cask("1.2.3", SUMS)
    assert f'launchctl: "{LABEL}"' in cask
    assert f'quit:      "{identity.APPLICATION_ID}"' in cask
    trash, _, folders = cask.partition("zap trash: [")[2].partition("rmdir: [")
    assert re.findall(r'"(.+)"', trash) == [name.as_posix() for name in macos_paths().written_names()]
    assert re.findall(r'"(~.+)"', folders) == [folder.as_posix() for folder in macos_paths().directories()]


def test_the_folders_are_those_that_the_program_uses_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from platformdirs.macos import MacOS

    monkeypatch.setenv("HOME", "/home/ada")
    system, paths = MacOS("cliproxyapi", appauthor=False), macos_paths()
    found = [system.user_config_dir, system.user_data_dir, system.user_log_dir]
    expected = [paths.config_dir, paths.data_dir, paths.log_dir]
    assert found == [path.as_posix().replace("~", "/home/ada") for path in expected]


def test_the_command_takes_the_checksums_of_the_images(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "installers.packaging.macos.cask", str(tmp_path), str(tmp_path / "cask.rb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"holds no {disk_image(__version__, 'arm64')}" in done.stderr
    for arch in ARCHITECTURES["macos"]:
        (tmp_path / disk_image(__version__, arch)).write_bytes(arch.encode())
    assert subprocess.run(command, check=False).returncode == 0
    sums = {arch: hashlib.sha256(arch.encode()).hexdigest() for arch in ARCHITECTURES["macos"]}
    assert (tmp_path / "cask.rb").read_text(encoding="utf-8") == render_cask(__version__, sums)
