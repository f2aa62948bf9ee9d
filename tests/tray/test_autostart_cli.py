"""`cliproxyapi autostart`, and what a start by the system changes: real processes, a systemctl that plays systemd."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installers.standin import StandIn, systemctl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is systemd's, a shell script")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def systemd(tmp_path: Path) -> StandIn:
    return systemctl(tmp_path)


@pytest.fixture
def environ(systemd: StandIn, tmp_path: Path) -> dict[str, str]:
    return {
        **systemd.environ,
        "XDG_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Run:
    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tray", *arguments]
        return subprocess.run(
            command,
            env={**environ, **variables},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def state(run: Run) -> dict[str, object]:
    done = run("autostart", "status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_on_off_and_what_the_system_will_do(run: Run, tmp_path: Path) -> None:
    assert state(run)["condition"] == "off"
    assert run("autostart", "status").stdout == "CLIProxyAPI does not start at login.\n"
    done = run("autostart", "enable")
    assert done.returncode == 0, done.stderr
    unit = tmp_path / ".config/systemd/user/cliproxyapi.service"
    assert done.stdout.startswith(f"CLIProxyAPI starts at login: the systemd user unit {unit} starts ")
    assert state(run) == {
        "condition": "on",
        "mechanism": "systemd user unit",
        "place": str(unit),
        "program": str(Path(sys.executable).parent / "cliproxyapi"),
        "headless": False,
        "note": None,
        "sentence": done.stdout.strip(),
    }
    done = run("autostart", "disable")
    assert (done.returncode, done.stdout) == (0, "CLIProxyAPI does not start at login.\n")
    assert not unit.exists()


def test_a_server_says_what_it_needs_to_start_without_a_login(run: Run) -> None:
    done = run("autostart", "enable", "--headless")
    assert done.returncode == 0, done.stderr
    assert "loginctl enable-linger" in done.stdout
    assert state(run)["headless"] is True


def test_variables_of_the_terminal_are_not_taken_along(run: Run) -> None:
    done = run("autostart", "enable", CLIPROXYAPI_PORT="4000")
    assert "does not see CLIPROXYAPI_PORT" in done.stdout


def test_printing_writes_nothing_and_says_the_place_apart(run: Run, tmp_path: Path) -> None:
    done = run("autostart", "print")
    assert done.returncode == 0
    assert done.stdout.startswith("[Unit]\n")
    assert "cliproxyapi.service" in done.stderr
    headless = run("autostart", "print", "--headless")
    assert "--autostarted serve" in headless.stdout
    system = run("autostart", "print", "--system", "--user", "ada")
    assert "User=ada" in system.stdout
    assert "/etc/systemd/system" in system.stderr
    assert not (tmp_path / ".config").exists()


@pytest.mark.parametrize("arguments", [["--system"], ["--user", "ada"]])
def test_a_system_wide_unit_needs_its_user(run: Run, arguments: list[str]) -> None:
    done = run("autostart", "print", *arguments)
    assert done.returncode == 64
    assert "belong together" in done.stderr


def test_a_user_that_is_none_is_refused(run: Run) -> None:
    done = run("autostart", "print", "--system", "--user", "a b")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no name of a user" in done.stderr


def test_another_programs_unit_is_replaced_only_when_told_so(run: Run, tmp_path: Path) -> None:
    unit = tmp_path / ".config/systemd/user/cliproxyapi.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/opt/other\n")
    done = run("autostart", "enable")
    assert done.returncode == 1
    assert "/opt/other" in done.stderr
    assert "--replace" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "/opt/other" in run("autostart", "disable").stdout
    assert run("autostart", "enable", "--replace").returncode == 0
    assert state(run)["condition"] == "on"


def test_a_moved_program_is_told_with_the_step_that_helps(run: Run, tmp_path: Path) -> None:
    unit = tmp_path / ".config/systemd/user/cliproxyapi.service"
    run("autostart", "enable")
    unit.write_text(unit.read_text().replace('cliproxyapi"', 'gone"'))
    done = run("autostart", "status")
    assert "not there any more" in done.stdout
    assert "`cliproxyapi autostart enable` sets it right" in done.stdout


def test_what_fails_is_one_sentence(run: Run, systemd: StandIn) -> None:
    systemd.set("no_manager")
    done = run("autostart", "enable", "--headless")
    assert done.returncode == 1
    assert done.stderr.startswith("cliproxyapi: systemd does not answer")
    assert len(done.stderr.splitlines()) == 1


def test_starting_now_is_systemds(run: Run, systemd: StandIn) -> None:
    done = run("autostart", "enable", "--now")
    assert "It is started." in done.stdout
    assert "--user start cliproxyapi.service" in systemd.calls()


LAUNCHD = {"XPC_SERVICE_NAME": "ai.openclaw.proxy"}


@pytest.mark.parametrize(("variables", "code"), [({}, 78), (LAUNCHD, 0)])
def test_bad_settings_end_a_start_by_the_system_for_good(
    run: Run, tmp_path: Path, variables: dict[str, str], code: int
) -> None:
    # systemd knows that 78 is final; launchd would start again, for ever, whatever ends with another code than 0.
    (tmp_path / ".config/cliproxyapi").mkdir(parents=True)
    (tmp_path / ".config/cliproxyapi/config.toml").write_text('port = "many"')
    done = run("--autostarted", "serve", **variables)
    assert done.returncode == code
    assert "port = 'many'" in done.stderr
    assert "port = 'many'" in run("logs").stdout
    # Started by a person it is their error, whoever started their terminal.
    assert run("serve", **LAUNCHD).returncode == 78


@pytest.mark.parametrize(("variables", "code"), [({}, 1), (LAUNCHD, 0)])
def test_a_busy_port_is_tried_again_by_systemd_alone(run: Run, variables: dict[str, str], code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = run("--autostarted", "serve", "--demo", "--port", port, **variables)
    assert done.returncode == code
    assert f"port {port}" in run("logs").stdout


@pytest.mark.parametrize(("variables", "code"), [({}, 64), (LAUNCHD, 0)])
def test_wrong_usage_is_final_as_well(run: Run, variables: dict[str, str], code: int) -> None:
    assert run("--autostarted", "serve", "--nonsense", **variables).returncode == code


@pytest.mark.parametrize("variables", [{}, LAUNCHD])
def test_a_start_by_the_system_serves_and_ends_well(environ: dict[str, str], variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tray", "--autostarted", "serve", "--demo", "--port", "0"]
    with subprocess.Popen(command, env={**environ, **variables}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "serves on" in process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
