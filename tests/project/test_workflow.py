"""The workflow that makes a release: linted, pinned, and made of what is there."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_there_is_one() -> None:
    assert [path.name for path in WORKFLOWS] == ["release.yml"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_zizmor_has_nothing_to_say(workflow: Path) -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--no-progress", "--color=never", str(workflow)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_pinned_to_a_commit_with_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []
    # One version of each.
    assert len({use.partition("@")[0] for use in used}) == len(set(used))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_the_modules_that_it_runs_are_there(workflow: Path) -> None:
    modules = set(re.findall(r"python -m ([\w.]+)", workflow.read_text(encoding="utf-8")))
    assert "installers.packaging.release" in modules
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_no_job_may_do_more_than_it_says(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    assert re.search(r"^permissions: \{\}$", text, re.MULTILINE)
    writers = re.findall(r"^      (\S+): write", text, re.MULTILINE)
    assert sorted(writers) == ["attestations", "contents", "id-token"]
