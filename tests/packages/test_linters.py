"""What linters of other languages say of what we write for them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from installers.packaging.macos.cask import render_cask
from tests import needs

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def test_actionlint_has_nothing_to_say_of_the_workflow() -> None:
    installed = shutil.which("actionlint")
    command = [installed] if installed else [str(needs.program("go")), "run", ACTIONLINT]
    done = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruby_can_read_the_cask(tmp_path: Path) -> None:
    ruby = needs.program("ruby")
    cask = tmp_path / "cask.rb"
    cask.write_text(render_cask("1.2.3", {"arm64": "a" * 64, "x86_64": "b" * 64}), encoding="utf-8")
    done = subprocess.run([str(ruby), "-wc", str(cask)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
