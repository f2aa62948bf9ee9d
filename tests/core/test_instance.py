"""Finding the servers that run, and none that does not."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.instance import announced, running_instances
from core.paths import Paths

HOLD = """
import sys
from pathlib import Path
from core.instance import announced, new_token
from core.paths import Paths
home = Path(sys.argv[1])
with announced(Paths(home, home, home, home / "run"), "127.0.0.1", int(sys.argv[2]), "token"):
    print("here", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path, tmp_path / "run")


def hold(paths: Paths, port: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(paths.config_dir), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


def test_a_server_is_found_while_it_runs_and_not_after_that(paths: Paths) -> None:
    with hold(paths, 4001) as one, hold(paths, 4002) as two:
        found = running_instances(paths)
        assert {(instance.pid, instance.port) for instance in found} == {(one.pid, 4001), (two.pid, 4002)}
        assert found[0].token not in repr(found[0])
        one.communicate("leave\n")
        assert [instance.port for instance in running_instances(paths)] == [4002]
        two.kill()
        two.wait()
    assert running_instances(paths) == []
    assert list(paths.run_dir.iterdir()) == [paths.run_dir / "server-4002.json"]
    with hold(paths, 4002) as again:
        assert [instance.port for instance in running_instances(paths)] == [4002]
        again.communicate("leave\n")


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")
def test_the_file_is_for_its_owner_alone(paths: Paths) -> None:
    with announced(paths, "127.0.0.1", 4003, "token") as instance:
        assert instance is not None
        assert stat.S_IMODE((paths.run_dir / "server-4003.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "\0\0"])
def test_what_a_crash_left_behind_is_passed_over(paths: Paths, text: str) -> None:
    paths.run_dir.mkdir()
    (paths.run_dir / "server-1.json").write_text(text)
    assert running_instances(paths) == []


def test_where_nothing_can_be_written_a_server_runs_all_the_same(paths: Paths) -> None:
    paths.run_dir.write_text("a file where the directory should be")
    with announced(paths, "127.0.0.1", 4004, "token") as instance:
        assert instance is None
    assert running_instances(paths) == []
