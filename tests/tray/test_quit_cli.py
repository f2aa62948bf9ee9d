"""`cliproxyapi quit`: real processes end, and what does not is told."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from core.instance import announced, running_instances
from core.paths import Paths
from tray.single_instance import icon_is_shown, only_tray


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLIPROXYAPI_", "ANTHROPIC_"))}
    return {
        **kept,
        "HOME": str(tmp_path),
        "CLIPROXYAPI_CONFIG_DIR": str(tmp_path / "config"),
        "CLIPROXYAPI_DATA_DIR": str(tmp_path / "data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PYTHONUNBUFFERED": "1",
    }


def run_quit(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tray", "quit"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_where_nothing_runs_there_is_nothing_to_do(environ: dict[str, str]) -> None:
    done = run_quit(environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing runs.\n", "")


def test_each_server_that_runs_ends_well(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tray", "serve", "--demo", "--port", "0"]
    servers = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        ports: list[str] = []
        for server in servers:
            assert server.stdout is not None
            ports.append(server.stdout.readline().split("127.0.0.1:")[1].split("/")[0])
        done = run_quit(environ)
        assert done.returncode == 0, done.stdout
        for port in ports:
            assert f"The server on port {port} has quit." in done.stdout
        assert [server.wait(30) for server in servers] == [0, 0]
        assert running_instances(Paths.find(environ)) == []
    finally:
        for server in servers:
            server.kill()
            server.communicate()


def test_a_server_that_goes_on_is_told_with_its_process(environ: dict[str, str]) -> None:
    # It answers 501 to a POST.
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        with announced(Paths.find(environ), "127.0.0.1", server.server_port, "s3cr3t-marker") as instance:
            done = run_quit(environ)
        server.shutdown()
        thread.join()
    assert instance is not None
    assert done.returncode == 1
    said = f"The server on port {instance.port} still runs: it cannot be asked to quit (process {instance.pid}, "
    assert said in done.stdout
    assert "s3cr3t-marker" not in done.stdout + done.stderr


def test_an_icon_whose_server_is_stopped_ends_too(environ: dict[str, str]) -> None:
    with ExitStack() as stack:
        only = stack.enter_context(only_tray(Paths.find(environ)))
        assert only is not None
        only.on_quit = stack.close
        done = run_quit(environ)
    assert (done.returncode, done.stdout) == (0, "The icon has quit.\n")
    assert not icon_is_shown(Paths.find(environ))
