"""Start at login, for real: a systemd that begins and ends sessions, and desktops' own readers of autostart entries."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.systemd_unit import render_headless_unit, render_system_unit, render_unit
from installers.xdg_autostart import render_entry
from tests import needs
from tests.desktop.user_systemd import UserSystemd, eventually, user_systemd

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd and its desktops are Linux's")

PROGRAM = Path(sys.executable).parent / "cliproxyapi"
UNIT, SERVER = "cliproxyapi.service", "cliproxyapi-headless.service"


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def systemd(tmp_path: Path, port: int) -> Iterator[UserSystemd]:
    if not PROGRAM.exists():
        needs.missing(f"{PROGRAM} is not installed")
    settings = tmp_path / ".config/cliproxyapi/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'port = {port}\nroute = "demo"\n')
    with user_systemd(tmp_path) as systemd:
        yield systemd


def cliproxyapi(systemd: UserSystemd, *arguments: str, program: Path = PROGRAM) -> str:
    done = systemd.run(str(program), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def state(systemd: UserSystemd, program: Path = PROGRAM) -> dict[str, object]:
    return json.loads(cliproxyapi(systemd, "autostart", "status", "--json", program=program))


def serves(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return json.load(answer)["service"] == "cliproxyapi"
    except OSError:
        return False


def left_of(home: Path) -> list[str]:
    """What start at login wrote: units, links, entries."""
    folders = [home / ".config/systemd", home / ".config/autostart"]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return sorted(path.name for path in found if path.name != "a-session.target")


def enabled_and_running(systemd: UserSystemd, port: int) -> None:
    """Before the session began it was not there to be switched on in, so begin, enable, and begin again."""
    systemd.begin_session(DISPLAY=":77")
    cliproxyapi(systemd, "autostart", "enable")
    systemd.end_session()
    systemd.begin_session()
    eventually(lambda: serves(port), "the proxy serves")


def test_it_starts_with_the_session_and_ends_with_it(systemd: UserSystemd, port: int) -> None:
    systemd.begin_session(DISPLAY=":77")
    cliproxyapi(systemd, "autostart", "enable")
    assert left_of(systemd.home) == [UNIT, UNIT]
    assert state(systemd)["condition"] == "on"
    # Switching it on starts nothing: the one that was clicked in runs.
    assert systemd.property(UNIT, "ActiveState") == "inactive"
    for _ in range(2):
        systemd.end_session()
        eventually(lambda: not serves(port), "it ends with the session")
        assert systemd.property(UNIT, "Result") == "success"
        systemd.begin_session()
        eventually(lambda: serves(port), "it starts with the session")
    assert systemd.property(UNIT, "Slice") == "app.slice"


def test_a_crash_starts_it_again_and_quitting_does_not(systemd: UserSystemd, port: int) -> None:
    enabled_and_running(systemd, port)
    first = systemd.main_pid(UNIT)
    systemd.kill(UNIT, "KILL")
    eventually(lambda: systemd.main_pid(UNIT) not in (0, first) and serves(port), "it is back after a crash")
    systemd.kill(UNIT, "TERM")
    eventually(lambda: systemd.property(UNIT, "ActiveState") == "inactive", "it has ended")
    assert systemd.property(UNIT, "Result") == "success"
    assert systemd.property(UNIT, "ExecMainStatus") == "0"
    assert systemd.property(UNIT, "NRestarts") == "1"


def test_a_page_that_it_opened_outlives_it(systemd: UserSystemd, port: int) -> None:
    browser = systemd.home / "bin" / "xdg-open"
    browser.parent.mkdir()
    # It stays, as browsers do.
    browser.write_text("#!/bin/sh\nexec sleep 300\n")
    browser.chmod(0o755)
    systemd.systemctl("set-environment", f"PATH={browser.parent}:/usr/bin:/bin")
    enabled_and_running(systemd, port)
    # A second start asks the first one to open its dashboard.
    done = systemd.run(str(PROGRAM), DISPLAY=":77")
    assert done.returncode == 0, done.stdout + done.stderr
    opened = "list-units", "--no-legend", "--state=active", "run-*.service"
    eventually(lambda: "xdg-open" in systemd.systemctl(*opened), "the page opens")
    systemd.kill(UNIT, "TERM")
    eventually(lambda: systemd.property(UNIT, "ActiveState") == "inactive", "it has ended")
    assert "xdg-open" in systemd.systemctl(*opened)


def test_bad_settings_fail_once(systemd: UserSystemd, port: int) -> None:
    systemd.begin_session(DISPLAY=":77")
    cliproxyapi(systemd, "autostart", "enable", "--headless")
    (systemd.home / ".config/cliproxyapi/config.toml").write_text('port = "many"\n')
    systemd.run("systemctl", "--user", "start", SERVER)
    eventually(lambda: systemd.property(SERVER, "ActiveState") == "failed", "it has failed")
    assert systemd.property(SERVER, "ExecMainStatus") == "78"
    assert systemd.property(SERVER, "NRestarts") == "0"
    assert systemd.property(SERVER, "SubState") == "failed"
    # The state of the failure goes with it.
    cliproxyapi(systemd, "autostart", "disable")
    assert systemd.property(SERVER, "ActiveState") == "inactive"
    assert left_of(systemd.home) == []


def test_without_a_screen_the_session_passes_it_over(systemd: UserSystemd, port: int) -> None:
    systemd.begin_session()
    cliproxyapi(systemd, "autostart", "enable")
    systemd.end_session()
    systemd.begin_session()
    assert systemd.property(UNIT, "ConditionResult") == "no"
    assert systemd.property(UNIT, "ActiveState") == "inactive"
    assert not serves(port)


def test_switched_off_while_it_runs_it_goes_on_and_does_not_come_back(systemd: UserSystemd, port: int) -> None:
    enabled_and_running(systemd, port)
    assert cliproxyapi(systemd, "autostart", "disable") == "CLIProxyAPI does not start at login.\n"
    assert left_of(systemd.home) == []
    assert serves(port)
    assert state(systemd)["condition"] == "off"
    systemd.kill(UNIT, "TERM")
    eventually(lambda: systemd.property(UNIT, "ActiveState") == "inactive", "it has ended")
    systemd.end_session()
    systemd.begin_session()
    assert systemd.property("graphical-session.target", "ActiveState") == "active"
    assert systemd.property(UNIT, "ActiveState") == "inactive"
    assert systemd.property(UNIT, "LoadState") == "not-found"


def test_a_server_starts_without_a_session_and_waits_for_a_busy_port(systemd: UserSystemd, port: int) -> None:
    cliproxyapi(systemd, "autostart", "enable", "--headless")
    assert state(systemd)["headless"] is True
    with socket.create_server(("127.0.0.1", port)):
        systemd.systemctl("start", SERVER)
        eventually(lambda: systemd.property(SERVER, "SubState") == "auto-restart", "it waits to try again")
        assert systemd.property(SERVER, "ExecMainStatus") == "1"
    systemd.systemctl("restart", SERVER)
    eventually(lambda: serves(port), "it serves once the port is free")
    assert SERVER in systemd.systemctl("list-dependencies", "--plain", "default.target")


def test_starting_now_needs_no_session(systemd: UserSystemd, port: int) -> None:
    assert "It is started." in cliproxyapi(systemd, "autostart", "enable", "--headless", "--now")
    eventually(lambda: serves(port), "it serves")
    assert "It runs already" in cliproxyapi(systemd, "autostart", "enable", "--headless", "--now")


def test_the_tray_takes_over_from_the_server(systemd: UserSystemd, port: int) -> None:
    cliproxyapi(systemd, "autostart", "enable", "--headless")
    systemd.begin_session(DISPLAY=":77")
    cliproxyapi(systemd, "autostart", "enable")
    assert left_of(systemd.home) == [UNIT, UNIT]
    assert systemd.property(SERVER, "LoadState") == "not-found"


@pytest.mark.parametrize("name", ["with space", "$HOME", "a&b", "ünï ✓", "it's", 'say "hi"', "50%", "back\\slash"])
def test_systemd_starts_any_path(systemd: UserSystemd, port: int, name: str) -> None:
    program = systemd.home / name / "cliproxyapi"
    program.parent.mkdir()
    program.symlink_to(PROGRAM)
    cliproxyapi(systemd, "autostart", "enable", "--headless", program=program)
    assert state(systemd, program)["program"] == str(program)
    systemd.systemctl("start", SERVER)
    eventually(lambda: serves(port), f"{program} serves")
    assert state(systemd, program)["condition"] == "on"
    cliproxyapi(systemd, "autostart", "disable", program=program)
    assert left_of(systemd.home) == []
    assert not os.path.lexists(systemd.home / ".local/share/cliproxyapi/launcher")


def test_another_programs_unit_gives_way_completely(systemd: UserSystemd, port: int) -> None:
    theirs = systemd.home / ".config/systemd/user" / UNIT
    theirs.parent.mkdir(parents=True, exist_ok=True)
    theirs.write_text("[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n")
    systemd.systemctl("enable", UNIT)
    systemd.begin_session(DISPLAY=":77")
    assert state(systemd)["condition"] == "foreign"
    assert systemd.run(str(PROGRAM), "autostart", "enable").returncode == 1
    cliproxyapi(systemd, "autostart", "enable", "--replace")
    assert state(systemd)["condition"] == "on"
    assert UNIT not in systemd.systemctl("list-dependencies", "--plain", "default.target")


def test_a_unit_of_a_package_is_switched_on_where_it_lies(systemd: UserSystemd, port: int) -> None:
    packaged = systemd.home / ".local/share/systemd/user" / UNIT
    packaged.parent.mkdir(parents=True)
    packaged.write_text(render_unit(PROGRAM))
    systemd.begin_session(DISPLAY=":77")
    assert state(systemd)["condition"] == "off"
    cliproxyapi(systemd, "autostart", "enable")
    assert state(systemd)["place"] == str(packaged)
    assert left_of(systemd.home) == [UNIT]  # the link alone
    cliproxyapi(systemd, "autostart", "disable")
    assert left_of(systemd.home) == []
    assert packaged.exists()


def test_a_masked_unit_is_told_and_unmasked_on_demand(systemd: UserSystemd, port: int) -> None:
    systemd.begin_session(DISPLAY=":77")
    systemd.systemctl("mask", UNIT)
    assert state(systemd)["condition"] == "switched_off"
    cliproxyapi(systemd, "autostart", "enable")
    assert state(systemd)["condition"] == "on"
    assert systemd.systemctl("is-enabled", UNIT) == "enabled"


def test_a_home_that_cannot_be_written_is_one_sentence(systemd: UserSystemd, port: int) -> None:
    systemd.begin_session(DISPLAY=":77")
    config = systemd.home / ".config"
    assert systemd.run("mount", "--bind", str(config), str(config)).returncode == 0
    assert systemd.run("mount", "-o", "remount,bind,ro", str(config)).returncode == 0
    done = systemd.run(str(PROGRAM), "autostart", "enable")
    assert done.returncode == 1
    assert done.stderr == f"cliproxyapi: {config}/systemd/user/{UNIT} cannot be written: Read-only file system.\n"


def test_uninstalling_leaves_no_unit(systemd: UserSystemd, port: int) -> None:
    systemd.begin_session(DISPLAY=":77")
    cliproxyapi(systemd, "autostart", "enable")
    said = cliproxyapi(systemd, "uninstall", "--purge")
    assert "Start at login is off" in said
    assert left_of(systemd.home) == []
    assert not list(systemd.home.rglob("*cliproxyapi*"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (UNIT, render_unit(Path("/bin/true"))),
        (SERVER, render_headless_unit(Path("/bin/true"))),
        ("cliproxyapi-of-root.service", render_system_unit(Path("/bin/true"), "root")),
    ],
)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, name: str, text: str) -> None:
    analyze = needs.program("systemd-analyze")
    unit = tmp_path / name
    unit.write_text(text)
    scope = "--system" if "of-root" in name else "--user"
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [str(analyze), scope, "verify", str(unit)], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in done.stderr.splitlines() if name in line]
    assert (done.returncode, said) == (0, [])


ODD_NAMES = [
    "plain",
    "with space",
    "$HOME",
    "a&b",
    "ünï ✓",
    "a;b",
    "a`b",
    "(a)",
    "it's",
    'say "hi"',
    "50%",
    "back\\slash",
]


def record(home: Path, name: str) -> tuple[Path, Path]:
    """A program in a folder of that name which writes down how it is called, and where it does."""
    program = home / name / "cliproxyapi"
    program.parent.mkdir()
    called = home / "called"
    program.write_text(f'#!/bin/sh\necho "$*" > "{called}"\n')
    program.chmod(0o755)
    return program, called


def entry_for(home: Path, program: Path) -> Path:
    """The entry that the switch writes where systemd does not answer."""
    from installers.autostart import Autostart
    from installers.xdg_autostart import XdgAutostart

    environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    launcher = home / "data/launcher"
    Autostart([XdgAutostart(environ, home, launcher)], program, launcher).enable()
    return home / "config/autostart/cliproxyapi.desktop"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_glib_starts_the_entry_of_any_path(tmp_path: Path, name: str) -> None:
    gio = needs.program("gio")
    program, called = record(tmp_path, name)
    entry = entry_for(tmp_path, program)
    done = subprocess.run([str(gio), "launch", str(entry)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    eventually(lambda: called.exists() and called.read_text() == "--autostarted\n", f"{program} is called")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_systemds_own_reader_of_entries_starts_any_path(tmp_path: Path, name: str) -> None:
    generator = Path("/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator")
    if not generator.exists():
        needs.missing(f"{generator} is not installed")
    program, called = record(tmp_path, name)
    entry_for(tmp_path, program)
    units = tmp_path / "units"
    units.mkdir()
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CONFIG_DIRS": str(tmp_path)}
    subprocess.run([str(generator), *[str(units)] * 3], env=environ, timeout=60, check=True)
    (unit,) = units.glob("app-cliproxyapi*.service")
    with user_systemd(tmp_path) as systemd:
        place = tmp_path / ".config/systemd/user/entry.service"
        place.parent.mkdir(parents=True)
        text = unit.read_text()
        # Its condition asks for a desktop by name, which nobody runs here.
        place.write_text("\n".join(line for line in text.splitlines() if not line.startswith("ExecCondition")))
        systemd.systemctl("daemon-reload")
        systemd.systemctl("start", "entry.service")
        eventually(lambda: called.exists() and called.read_text() == "--autostarted\n", f"{program} is called: {text}")


def test_the_entry_is_valid(tmp_path: Path) -> None:
    validate = needs.program("desktop-file-validate")
    entry = tmp_path / "cliproxyapi.desktop"
    entry.write_text(render_entry(Path("/usr/bin/cliproxyapi")))
    done = subprocess.run([str(validate), str(entry)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")
