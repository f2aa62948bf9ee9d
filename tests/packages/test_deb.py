"""The package for Debian: what lintian says of it, and its life in a clean system, from installing to purging."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from core import __version__
from installers.packaging.linux import deb
from installers.packaging.linux.payload import NotBuilt, glibc_floor
from installers.systemd_unit import HEADLESS_UNIT, UNIT, render_headless_unit, render_unit
from tests import needs
from tests.packages.linux import (
    SECONDS,
    TIME,
    CleanRoot,
    LinuxPackages,
    clean_root,
    small_payload,
    unpacked,
)

OVERRIDES = Path(deb.__file__).with_name("debian") / "overrides"
PROGRAM = "/usr/bin/cliproxyapi"
SERVES = re.compile(r"serves on (http://127\.0\.0\.1:\d+)/v1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> CleanRoot:
    needs.linux()
    return clean_root(tmp_path_factory.mktemp("root") / "root")


@pytest.fixture(scope="module")
def system(linux_packages: LinuxPackages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(linux_packages.deb, tmp_path_factory.mktemp("system"))


def field(package: Path, name: str) -> str:
    command = [str(needs.program("dpkg-deb")), "--field", str(package), name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_lintian_has_nothing_to_say(linux_packages: LinuxPackages) -> None:
    lintian = needs.program("lintian")
    command = [str(lintian), "--allow-root", "--fail-on", "error,warning", str(linux_packages.deb)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_override_has_its_reason() -> None:
    lines = OVERRIDES.read_text().splitlines()
    overrides = [place for place, line in enumerate(lines) if not line.startswith("#")]
    assert overrides
    assert [lines[place] for place in overrides if not lines[place - 1].startswith("# ")] == []


def test_the_scripts_are_plain_shell() -> None:
    shellcheck = needs.program("shellcheck")
    scripts = [str(OVERRIDES.with_name(name)) for name in ("postinst", "prerm")]
    done = subprocess.run([str(shellcheck), *scripts], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_depends_on_the_glibc_that_dpkg_finds(linux_packages: LinuxPackages, system: Path, tmp_path: Path) -> None:
    shlibdeps = needs.program("dpkg-shlibdeps")
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian/control").write_text("Source: cliproxyapi\n\nPackage: cliproxyapi\nArchitecture: any\n")
    home = system / deb.HOME
    binaries = [home / "cliproxyapi", *(path for path in home.rglob("*.so*") if not path.is_symlink())]
    command = [
        str(shlibdeps),
        "-O",
        "--ignore-missing-info",
        f"-l{home}/_internal",
        *(f"-e{path}" for path in binaries),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=True)
    (libc,) = re.findall(r"libc6 \(>= [\d.]+\)", done.stdout)
    assert field(linux_packages.deb, "Depends") == f"ca-certificates, {libc}"


def test_a_library_that_is_not_inside_is_told(tmp_path: Path) -> None:
    payload = small_payload(tmp_path / "payload")
    # Of what every system has, something that needs more than glibc.
    shutil.copy("/bin/bash", payload / "cliproxyapi")
    with pytest.raises(NotBuilt, match=r"libtinfo\.so\.6"):
        glibc_floor(payload)


def test_the_same_payload_makes_the_same_package(tmp_path: Path) -> None:
    needs.program("dpkg-deb")
    payload = small_payload(tmp_path / "payload")
    one, other = (deb.build(payload, tmp_path / name, seconds=TIME) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert deb.build(payload, tmp_path / "later", seconds=TIME + 1).read_bytes() != one.read_bytes()


def test_its_units_are_those_of_the_switch(system: Path) -> None:
    units = {path.name: path.read_text() for path in (system / "usr/lib/systemd/user").iterdir()}
    assert units == {UNIT: render_unit(Path(PROGRAM)), HEADLESS_UNIT: render_headless_unit(Path(PROGRAM))}
    # Nothing in the package switches one on.
    assert not [path for path in system.rglob("*") if path.suffix in (".wants", ".requires", ".preset")]


def test_nothing_but_the_program_is_to_be_run(system: Path) -> None:
    runs = [path for path in system.rglob("*") if path.is_file() and path.stat().st_mode & 0o111]
    assert {path.resolve() for path in runs} == {(system / deb.HOME / "cliproxyapi").resolve()}


def test_it_is_installed_run_and_purged_without_a_trace(root: CleanRoot, linux_packages: LinuxPackages) -> None:
    before = root.files()
    shutil.copy(linux_packages.deb, root.path / "tmp/cliproxyapi.deb")
    ok(root.run("dpkg --install /tmp/cliproxyapi.deb"))

    version = subprocess.run(root.as_person(PROGRAM, "--version"), capture_output=True, text=True, check=False)
    assert (version.stdout, version.stderr) == (f"cliproxyapi {__version__}\n", "")
    tested = subprocess.run(root.as_person(PROGRAM, "--selftest"), capture_output=True, text=True, check=False)
    assert (tested.returncode, tested.stderr) == (0, ""), tested.stdout
    serves_as_a_person(root)

    shutil.rmtree(root.path / "home/person")
    said = ok(root.run("dpkg --purge cliproxyapi"))
    assert "not empty" not in said
    assert root.files() == before
    assert not list((root.path / "var/lib/dpkg/info").glob("cliproxyapi*"))


def serves_as_a_person(root: CleanRoot) -> None:
    command = root.as_person(PROGRAM, "serve", "--demo", "--port", "0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = SERVES.search(process.stdout.readline())
            assert address is not None
            health = httpx.get(f"{address[1]}/health", trust_env=False, timeout=SECONDS).raise_for_status().json()
            assert health["service"] == "cliproxyapi"
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()


def while_it_serves(root: CleanRoot, script: str) -> str:
    """What `script` says while a person's server runs, and how that ended."""
    serve = shlex.join(root.as_person(PROGRAM, "serve", "--demo", "--port", "0")[3:])
    # In the root already: only the change of the person is left of it.
    return ok(
        root.run(f"""
            setpriv --reuid=1000 --regid=1000 --clear-groups {serve} >/tmp/said & server=$!
            until grep -q 'serves on' /tmp/said; do kill -0 $server || exit 1; sleep 0.1; done
            {script}
            kill -TERM $server 2>/dev/null && echo 'it ran on'
            wait $server; echo "it ended with $?"
        """)
    )


def test_an_upgrade_tells_who_runs_the_older_version(root: CleanRoot, linux_packages: LinuxPackages) -> None:
    shutil.copy(linux_packages.deb, root.path / "tmp/cliproxyapi.deb")
    assert "older version" not in ok(root.run("dpkg --install /tmp/cliproxyapi.deb"))
    root.as_person()
    said = while_it_serves(root, "dpkg --install /tmp/cliproxyapi.deb")
    assert re.search(r"CLIProxyAPI of \S+ \(process \d+\) still runs in its older version: quit it", said), said
    assert "it ran on\nit ended with 0" in said


def test_removing_it_ends_what_runs(root: CleanRoot, linux_packages: LinuxPackages) -> None:
    shutil.copy(linux_packages.deb, root.path / "tmp/cliproxyapi.deb")
    ok(root.run("dpkg --install /tmp/cliproxyapi.deb"))
    root.as_person()
    said = while_it_serves(root, "dpkg --remove cliproxyapi")
    assert "it ran on" not in said
    assert "it ended with 0" in said
    assert not (root.path / deb.HOME).exists()
