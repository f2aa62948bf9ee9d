"""The command line, as a person meets it: real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core import __version__
from tests.evidence import keep_text, kept

GOOD_KEY = "sk-ant-api03-s3cr3t-marker-good"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLIPROXYAPI_", "ANTHROPIC_"))}
    return {
        **kept,
        "HOME": str(tmp_path),
        "CLIPROXYAPI_CONFIG_DIR": str(tmp_path / "config"),
        "CLIPROXYAPI_DATA_DIR": str(tmp_path / "data"),
        # Whatever keyring this machine has is not for tests.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PYTHONUNBUFFERED": "1",
    }


def run(environ: dict[str, str], *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tray", *arguments]
    return kept(
        subprocess.run(command, env=environ, input=given, capture_output=True, text=True, timeout=60, check=False)
    )


class Models(BaseHTTPRequestHandler):
    """Claude's list of models, for those who have the good key."""

    def do_GET(self) -> None:
        accepted = self.headers["x-api-key"] == GOOD_KEY and self.headers["user-agent"] == f"cliproxyapi/{__version__}"
        error = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
        body = json.dumps({"data": []} if accepted else error).encode()
        self.send_response(200 if accepted else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def models() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Models) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def demo(environ: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A proxy that runs, and its port."""
    command = [sys.executable, "-m", "tray", "serve", "--demo", "--port", "0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        try:
            yield process, first.split("127.0.0.1:")[1].split("/")[0]
        finally:
            process.kill()
            assert process.stderr is not None
            keep_text(process.stderr.read())


def test_the_version(environ: dict[str, str]) -> None:
    done = run(environ, "--version")
    assert (done.returncode, done.stdout) == (0, f"cliproxyapi {__version__}\n")


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--port", "x"], ["login"], ["chat"], ["serve", "extra"]])
def test_wrong_usage_is_64_and_one_sentence(environ: dict[str, str], arguments: list[str]) -> None:
    done = run(environ, *arguments)
    assert done.returncode == 64
    assert done.stderr.startswith("cliproxyapi: ")
    assert len(done.stderr.splitlines()) == 1


def test_demo_and_another_route_contradict_each_other(environ: dict[str, str]) -> None:
    assert run(environ, "serve", "--demo", "--route", "api-key").returncode == 64


@pytest.mark.parametrize("arguments", [[], ["serve"], ["status"], ["chat", "Hi"]])
def test_bad_settings_are_78_and_named(environ: dict[str, str], tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('port = "many"')
    done = run(environ, *arguments)
    assert done.returncode == 78
    assert "config.toml: port = 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_route_is_a_bad_setting(environ: dict[str, str]) -> None:
    done = run(environ, "serve", "--route", "teleport")
    assert done.returncode == 78
    assert "--route" in done.stderr


def test_a_running_proxy_answers_shows_its_state_and_ends_well(
    environ: dict[str, str], demo: tuple[subprocess.Popen[str], str]
) -> None:
    process, port = demo
    said = run(environ, "chat", "Hello!", "--port", port)
    assert said.returncode == 0, said.stderr
    assert "[demo]" in said.stdout
    state = run(environ, "status", "--json", "--port", port)
    assert state.returncode == 0
    assert json.loads(state.stdout)["route"] == "demo"
    assert "Running at" in run(environ, "status", "--port", port).stdout
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_it_is_found_without_its_port(environ: dict[str, str], demo: tuple[subprocess.Popen[str], str]) -> None:
    state = json.loads(run(environ, "status", "--json").stdout)
    assert state["url"].endswith(demo[1])
    assert "[demo]" in run(environ, "chat", "Hello!").stdout
    models = run(environ, "models")
    assert models.returncode == 0
    assert "claude-opus-5-5" in models.stdout
    assert "Claude Opus 5.5" in models.stdout


def test_the_log_is_shown_and_followed(environ: dict[str, str], demo: tuple[subprocess.Popen[str], str]) -> None:
    run(environ, "chat", "A secret word")
    shown = run(environ, "logs", "-n", "1")
    assert "POST /v1/chat/completions 200" in shown.stdout
    assert len(shown.stdout.splitlines()) == 1
    assert "secret" not in run(environ, "logs").stdout
    with subprocess.Popen(
        [sys.executable, "-m", "tray", "logs", "-f", "-n", "0"], env=environ, stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        time.sleep(1.5)
        run(environ, "chat", "Hello!")
        assert "POST /v1/chat/completions 200" in following.stdout.readline()
        following.kill()


def test_without_a_log_it_says_so(environ: dict[str, str]) -> None:
    done = run(environ, "logs")
    assert done.returncode == 1
    assert "no log yet" in done.stderr


def test_an_interrupt_ends_it_as_well(demo: tuple[subprocess.Popen[str], str]) -> None:
    process, _ = demo
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_second_proxy_on_the_port_says_so(environ: dict[str, str], demo: tuple[subprocess.Popen[str], str]) -> None:
    done = run(environ, "serve", "--demo", "--port", demo[1])
    assert done.returncode == 1
    assert f"port {demo[1]}" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_the_proxy_is_one_sentence(
    environ: dict[str, str], demo: tuple[subprocess.Popen[str], str]
) -> None:
    done = run(environ, "chat", "Hello!", "--port", demo[1], "--model", "gpt-4o")
    assert done.returncode == 1
    assert "gpt-4o" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_where_nothing_runs_chat_and_status_say_so(environ: dict[str, str]) -> None:
    # Port 1 belongs to a service that nobody has run for decades.
    for arguments in (["chat", "Hi", "--port", "1"], ["status", "--port", "1"]):
        done = run(environ, *arguments)
        assert done.returncode == 1
        assert "127.0.0.1:1" in done.stdout + done.stderr
    assert json.loads(run(environ, "status", "--json", "--port", "1").stdout)["running"] is False


def test_another_program_on_the_port_is_told_from_ours(environ: dict[str, str], models: str) -> None:
    done = run(environ, "status", "--port", models.rpartition(":")[2])
    assert done.returncode == 1
    assert "another program" in done.stdout


def test_a_key_is_verified_and_stored_and_forgotten(environ: dict[str, str], tmp_path: Path, models: str) -> None:
    environ["CLIPROXYAPI_UPSTREAM_URL"] = models
    refused = run(environ, "login", "--api-key", given="sk-ant-api03-s3cr3t-marker-bad\n")
    assert refused.returncode == 1
    assert "invalid x-api-key" in refused.stderr
    assert not (tmp_path / "data" / "api_key.json").exists()
    accepted = run(environ, "login", "--api-key", given=f"{GOOD_KEY}\n")
    assert accepted.returncode == 0, accepted.stderr
    assert GOOD_KEY not in accepted.stdout + accepted.stderr
    assert json.loads((tmp_path / "data" / "api_key.json").read_text())["key"] == GOOD_KEY
    assert run(environ, "logout").returncode == 0
    assert not (tmp_path / "data" / "api_key.json").exists()
    assert "No API key" in run(environ, "logout").stdout


def test_a_key_that_cannot_be_verified_is_not_stored(environ: dict[str, str], tmp_path: Path) -> None:
    environ["CLIPROXYAPI_UPSTREAM_URL"] = "http://127.0.0.1:1"
    done = run(environ, "login", "--api-key", given=f"{GOOD_KEY}\n")
    assert done.returncode == 1
    assert "was not stored" in done.stderr
    assert not (tmp_path / "data" / "api_key.json").exists()


def test_what_is_no_key_is_not_sent_anywhere(environ: dict[str, str]) -> None:
    done = run(environ, "login", "--api-key", given="")
    assert done.returncode == 1
    assert "empty" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes end differently there")
def test_a_reader_that_leaves_is_no_reason_to_complain(environ: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tray", "status"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
