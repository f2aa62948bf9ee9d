"""A person's own systemd, for real, on a machine whose first process is not systemd: a container, a build server.

It gets namespaces and a cgroup of its own and believes that the machine was booted with systemd. Nobody logs in, so
there is no logind; all else is what a desktop has. Needs root, and a cgroup tree of the second version, alone or beside
the first.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import needs

# Generous: the machine may be busy with other tests.
SECONDS = 60.0

_CGROUPS = Path("/sys/fs/cgroup")
_MANAGER = Path("/lib/systemd/systemd")

# The first process inside. It ends when its standard input does, and with it everything that was started here.
_INSIDE = r"""
set -eu
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR"      # the first says: booted with systemd
chmod 700 "$XDG_RUNTIME_DIR"
mkdir -p /etc/systemd/user
mount -t tmpfs tmpfs /etc/systemd/user               # what this machine switched on for everybody stays outside
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null || {
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/unified
    mount -t cgroup2 none /sys/fs/cgroup/unified
}
top=/sys/fs/cgroup
[ ! -d $top/unified ] || top=$top/unified
slice=$top/user.slice/user-$(id -u).slice/user@$(id -u).service
mkdir -p $top/init "$slice"                          # a manager owns its part of the tree, and nobody sits above it
for pid in $(cat $top/cgroup.procs); do echo "$pid" > $top/init/cgroup.procs 2>/dev/null || true; done
sh -c 'echo $$ > "$1/cgroup.procs"; exec "$2" --user --log-level=warning --log-target=null' manager "$slice" "$1" &
tries=0
until systemctl --user is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo "systemd --user does not come up"; exit 1; }
    sleep 0.1
done
echo ready
cat > /dev/null
systemctl --user exit > /dev/null 2>&1 || true
wait
"""

_SESSION = """\
[Unit]
Description=A desktop session
BindsTo=graphical-session.target
Before=graphical-session.target
"""


@dataclass(frozen=True)
class UserSystemd:
    """It runs; commands are run inside, with the environment of a login."""

    home: Path
    pid: int
    environ: dict[str, str]

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--cgroup", f"--wd={self.home}", *command]
        return subprocess.run(
            inside,
            env={**self.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def systemctl(self, *arguments: str) -> str:
        """What `systemctl --user` prints, which has to succeed."""
        done = self.run("systemctl", "--user", *arguments)
        assert done.returncode == 0, f"systemctl --user {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def property(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--property", name, "--value", unit)

    def begin_session(self, **variables: str) -> None:
        """What a desktop does after the login: it makes its variables known and reaches graphical-session.target."""
        if variables:
            self.systemctl("set-environment", *(f"{name}={value}" for name, value in variables.items()))
        target = self.home / ".config/systemd/user/a-session.target"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_SESSION)
        self.systemctl("daemon-reload")
        self.systemctl("start", target.name)

    def end_session(self) -> None:
        self.systemctl("stop", "a-session.target")

    def main_pid(self, unit: str) -> int:
        """As seen inside. 0 for a unit that does not run, which as an argument of `kill` means the test itself."""
        return int(self.property(unit, "MainPID"))

    def kill(self, unit: str, signal: str) -> None:
        pid = self.main_pid(unit)
        assert pid > 0, f"{unit} does not run"
        assert self.run("kill", f"-{signal}", str(pid)).returncode == 0


def eventually(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.1)


@contextmanager
def user_systemd(home: Path) -> Iterator[UserSystemd]:
    needs.program("unshare")
    needs.program("nsenter")
    if not _MANAGER.exists():
        needs.missing("systemd is not installed")
    if os.geteuid() != 0:
        needs.missing("a systemd of one's own needs root")
    environ = {
        "HOME": str(home),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": f"/run/user/{os.getuid()}",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{os.getuid()}/bus",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    with _cgroup() as cgroup:
        shell = ["sh", "-c", _INSIDE, "user-systemd", str(_MANAGER)]
        with subprocess.Popen(
            _unshared(cgroup, shell),
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                lines: list[str] = []
                for line in process.stdout:
                    lines.append(line)
                    if line == "ready\n":
                        break
                else:
                    needs.missing(f"no systemd --user can be had on this machine: {''.join(lines).strip()}")
                yield UserSystemd(home, _only_child(process.pid), environ)
            finally:
                process.stdin.close()
                try:
                    process.wait(SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def _cgroup() -> Iterator[Path]:
    """A part of the tree that only this systemd will see."""
    base = _CGROUPS / "unified" if (_CGROUPS / "unified").is_dir() else _CGROUPS
    cgroup = base / f"user-systemd-{os.getpid()}"
    try:
        cgroup.mkdir()
    except OSError as error:
        needs.missing(f"no cgroup can be made: {error.strerror}")
    if not (cgroup / "cgroup.procs").exists():
        cgroup.rmdir()
        needs.missing(f"{base} is no cgroup tree of the second version")
    try:
        yield cgroup
    finally:
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            eventually(lambda folder=folder: _removed(folder), f"{folder} is empty")
        eventually(lambda: _removed(cgroup), f"{cgroup} is empty")


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return not folder.exists()
    return True


def _unshared(cgroup: Path, command: Sequence[str]) -> list[str]:
    namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--propagation", "private"]
    # Into the cgroup first: what is its root inside is where the process was when the namespace began.
    join = 'echo $$ > "$0/cgroup.procs" && exec unshare "$@"'
    return ["sh", "-c", join, str(cgroup), *namespaces, *command]


def _only_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])
