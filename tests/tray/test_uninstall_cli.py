"""`cliproxyapi uninstall`: what a real run wrote is gone, what others wrote is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.instance import Instance, announced, running_instances
from core.paths import Paths
from installers.uninstall import how_to_remove
from tests.evidence import kept
from tests.installers.standin import StandIn, systemctl
from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.server import TEST_KEY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is systemd's, a shell script")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def systemd(tmp_path: Path) -> StandIn:
    return systemctl(tmp_path)


@pytest.fixture
def environ(systemd: StandIn, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "runtime").mkdir()
    return {
        **systemd.environ,
        "XDG_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Run:
    def call(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tray", *arguments]
        done = subprocess.run(
            command, env=environ, cwd=tmp_path, input=given, capture_output=True, text=True, timeout=60, check=False
        )
        return kept(done)

    return call


@pytest.fixture
def paths(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Where the processes of this test look."""
    monkeypatch.setenv("HOME", environ["HOME"])
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Paths.find(environ)


def files(home: Path) -> set[Path]:
    """All files and links in the home, but for the stand-ins."""
    found = {path for path in home.rglob("*") if path.is_file() or path.is_symlink()}
    return {path for path in found if not path.is_relative_to(home / "stand-in")}


def a_full_life(run: Run, environ: dict[str, str], upstream: str) -> None:
    """A key is stored, start at login switched on, a server asked for its models, and then its power cut."""
    environ["CLIPROXYAPI_UPSTREAM_URL"] = upstream
    assert run("login", "--api-key", given=f"{TEST_KEY}\n").returncode == 0
    assert run("autostart", "enable").returncode == 0
    command = [sys.executable, "-m", "tray", "serve", "--route", "api-key", "--port", "0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().split("127.0.0.1:")[1].split("/")[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=30) as answer:
                assert json.load(answer)["data"]
        finally:
            process.send_signal(signal.SIGKILL)


def test_the_list_of_written_files_names_all_that_a_run_writes(
    run: Run, environ: dict[str, str], paths: Paths, tmp_path: Path, module_claude: SimulatedClaude
) -> None:
    a_full_life(run, environ, module_claude.url)
    config = tmp_path / ".config/systemd/user"
    of_the_system = {path for path in files(tmp_path) if path.is_relative_to(config)}
    assert of_the_system
    written = files(tmp_path) - of_the_system
    assert {path.name for path in written} >= {"cliproxyapi.log", "models.json", "api_key.json"}
    assert any(path.name.startswith("server-") for path in written)
    assert written == set(paths.written_files())


def test_purging_leaves_nothing_of_ours_and_all_of_others(
    run: Run, environ: dict[str, str], paths: Paths, tmp_path: Path, module_claude: SimulatedClaude
) -> None:
    a_full_life(run, environ, module_claude.url)
    paths.config_dir.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text("port = 4000\n")
    (paths.data_dir / ".models.json.abcd_123.tmp").write_text("half a li")
    theirs = [paths.data_dir / "notes.txt", paths.log_dir / "cliproxyapi.log.old", paths.config_dir / "config.toml.bak"]
    for path in theirs:
        path.write_text("mine")
    done = run("uninstall", "--purge")
    assert done.returncode == 0, done.stdout
    for path in theirs:
        assert f"{path.parent}: other files are in it" in done.stdout
    assert files(tmp_path) == set(theirs)
    for path in theirs:
        path.unlink()
    done = run("uninstall", "--purge")
    assert done.returncode == 0, done.stdout
    assert files(tmp_path) == set()
    assert not any(path.exists() for path in paths.directories())
    # Folders around them that have the program's name go, too; those of the system stay.
    assert not list(tmp_path.rglob("cliproxyapi"))
    assert (tmp_path / ".local/share").is_dir()


def test_without_purge_settings_and_data_stay_and_that_is_said(run: Run, paths: Paths, tmp_path: Path) -> None:
    assert run("autostart", "enable").returncode == 0
    paths.config_dir.mkdir(parents=True)
    paths.config_file.write_text("")
    done = run("uninstall")
    assert done.returncode == 0
    assert "Start at login is off" in done.stdout
    assert f"Left: {paths.config_dir}: `cliproxyapi uninstall --purge` deletes" in done.stdout
    assert "To remove the program itself: " in done.stdout
    assert files(tmp_path) == {paths.config_file}


def test_a_unit_of_another_program_stays(run: Run, tmp_path: Path) -> None:
    unit = tmp_path / ".config/systemd/user/cliproxyapi.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/opt/other\n")
    done = run("uninstall", "--purge")
    assert done.returncode == 0
    assert f"Left: {unit}: it belongs to another program." in done.stdout
    assert unit.exists()


def test_a_settings_file_that_is_a_link_loses_the_link_alone(run: Run, paths: Paths, tmp_path: Path) -> None:
    dotfile = tmp_path / "dotfiles/config.toml"
    dotfile.parent.mkdir()
    dotfile.write_text("")
    paths.config_dir.mkdir(parents=True)
    paths.config_file.symlink_to(dotfile)
    done = run("uninstall", "--purge")
    assert f"Left: {dotfile}: {paths.config_file} was only a link to it." in done.stdout
    assert files(tmp_path) == {dotfile}


@contextmanager
def running_server(paths: Paths, *, quits: bool) -> Iterator[Instance]:
    """A server that this person runs, as far as somebody sees who wants to end it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server, ExitStack() as running:
        instance = running.enter_context(announced(paths, "127.0.0.1", server.server_port, "token"))
        assert instance is not None

        class Control(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                allowed = self.headers["x-cliproxyapi-token"] == instance.token and self.path == "/api/quit"
                self.send_response(200 if allowed and quits else 404)
                self.end_headers()
                if allowed and quits:
                    running.close()

            def log_message(self, format: str, *args: object) -> None:
                pass

        server.RequestHandlerClass = Control
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield instance
        finally:
            server.shutdown()
            thread.join()


def test_a_running_server_is_asked_to_quit(run: Run, paths: Paths, tmp_path: Path) -> None:
    with running_server(paths, quits=True) as instance:
        done = run("uninstall", "--purge")
        assert done.returncode == 0, done.stdout
        assert f"The server on port {instance.port} has quit." in done.stdout
        assert running_instances(paths) == []
    assert files(tmp_path) == set()


def test_a_server_that_does_not_quit_is_told_and_keeps_its_files(run: Run, paths: Paths) -> None:
    paths.config_dir.mkdir(parents=True)
    paths.config_file.write_text("")
    with running_server(paths, quits=False) as instance:
        done = run("uninstall", "--purge")
        assert done.returncode == 1
        assert f"process {instance.pid}, port {instance.port}" in done.stdout
        assert "still in use" in done.stdout
        assert instance.token not in done.stdout + done.stderr
        assert paths.config_file.exists()
        assert len(running_instances(paths)) == 1


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("/usr/bin/cliproxyapi", "apt remove"),
        ("/usr/lib/cliproxyapi/cliproxyapi", "apt remove"),
        ("/Applications/CLIProxyAPI.app/Contents/MacOS/CLIProxyAPI", "move /Applications/CLIProxyAPI.app to the Trash"),
        ("/home/ada/CLIProxyAPI.AppImage", "delete /home/ada/CLIProxyAPI.AppImage"),
        ("/home/ada/.local/bin/cliproxyapi", "pipx uninstall"),
        ("/usr/local/bin/cliproxyapi", "pip uninstall"),
        ("/home/ada/Programs/CLIProxyAPI/CLIProxyAPI.exe", "Installed apps"),
        ("/home/ada/venv/Scripts/cliproxyapi.exe", "pip uninstall"),
    ],
)
def test_each_kind_of_program_is_removed_in_its_own_way(program: str, words: str) -> None:
    assert words in how_to_remove(Path(program), {"APPIMAGE": "/home/ada/CLIProxyAPI.AppImage"})


def test_what_the_archive_installed_is_removed_by_its_own_script(tmp_path: Path) -> None:
    program = tmp_path / "cliproxyapi"
    assert "pip uninstall" in how_to_remove(program, {})
    script = tmp_path / "uninstall.sh"
    script.touch()
    assert how_to_remove(program, {}) == f"run {script}"


def test_a_checkout_is_a_folder_to_delete() -> None:
    assert "folder" in how_to_remove(None, {})
