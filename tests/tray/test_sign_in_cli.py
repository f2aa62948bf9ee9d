"""`login`, `logout` and `doctor` as a person meets them: real processes, and scripts that play `claude` and `ant`."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.evidence import kept
from tests.secret_scan import main as secret_scan
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.server import TEST_KEY, TEST_TOKEN
from tests.stand_in_claude import install
from tests.stand_ins import StandIn, stand_in
from tray.sign_in_cli import CONSENT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts of POSIX")

NEW = "sk-ant-oat01-s3cr3t-marker-new"


@pytest.fixture
def script(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path, "claude")


@pytest.fixture
def ant(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path, "ant")


@pytest.fixture
def environ(tmp_path: Path, script: StandIn, ant: StandIn) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LANG", "PYTHONPATH") if name in os.environ}
    return {
        **kept,
        "PATH": f"{script.directory}:{ant.directory}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "CLIPROXYAPI_CONFIG_DIR": str(tmp_path / "config"),
        "CLIPROXYAPI_DATA_DIR": str(tmp_path / "data"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "PYTHONUNBUFFERED": "1",
    }


def run(environ: dict[str, str], *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tray", *arguments]
    return kept(
        subprocess.run(command, env=environ, input=given, capture_output=True, text=True, timeout=60, check=False)
    )


def config(tmp_path: Path) -> str:
    path = tmp_path / "config" / "config.toml"
    return path.read_text() if path.exists() else ""


@contextmanager
def serving(environ: dict[str, str], *arguments: str) -> Iterator[str]:
    """A proxy that runs on a free port, and its port."""
    command = [sys.executable, "-m", "tray", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("127.0.0.1:")[1].split("/")[0]
        finally:
            process.kill()


def test_login_with_claude_shows_its_progress_and_asks_the_consent_once(
    environ: dict[str, str], tmp_path: Path
) -> None:
    done = run(environ, "login", "--claude", given="y\n")
    assert done.returncode == 0, done.stderr
    for part in ("Opening browser", "https://claude.ai/oauth/authorize?abc", "Signed in to Claude as", CONSENT):
        assert part in done.stdout
    assert "direct_consent = true" in config(tmp_path)
    again = run(environ, "login", "--claude")
    assert again.returncode == 0
    assert CONSENT not in again.stdout
    assert NEW not in done.stdout + done.stderr + again.stdout


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_whoever_does_not_agree_is_signed_in_and_nothing_is_used(
    environ: dict[str, str], tmp_path: Path, answer: str
) -> None:
    done = run(environ, "login", "--claude", given=answer)
    assert done.returncode == 0
    assert "not used directly" in done.stdout
    assert "direct_consent" not in config(tmp_path)


def test_a_code_is_pasted_before_the_question_is_answered(environ: dict[str, str], script: StandIn) -> None:
    script.does("code")
    done = run(environ, "login", "--claude", given="code#state\ny\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CLIProxyAPI uses this sign-in from now on." in done.stdout


@pytest.mark.parametrize(("mode", "said"), [("denial", "access_denied"), ("old", "too old"), ("nothing", "nobody")])
def test_a_sign_in_that_fails_is_one_sentence(environ: dict[str, str], script: StandIn, mode: str, said: str) -> None:
    script.does(mode)
    done = run(environ, "login", "--claude")
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_claude_it_names_the_install_command(environ: dict[str, str], script: StandIn) -> None:
    script.path.unlink()
    environ["CLIPROXYAPI_CLAUDE_PATH"] = str(script.path)
    done = run(environ, "login", "--claude")
    assert done.returncode == 1
    assert "npm install -g @anthropic-ai/claude-code" in done.stderr


def test_ctrl_c_gives_it_up(environ: dict[str, str], script: StandIn) -> None:
    script.does("hang")
    with subprocess.Popen(
        [sys.executable, "-m", "tray", "login", "--claude"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.send_signal(signal.SIGINT)
        assert "cancelled" in process.stdout.read()
        assert process.wait(30) == 130
    assert not any(is_running(pid) for pid in pids)


def test_the_console_is_chosen_by_signing_in(environ: dict[str, str], tmp_path: Path) -> None:
    done = run(environ, "login", "--console")
    assert done.returncode == 0, done.stderr
    assert "bill the Console organisation" in done.stdout
    assert 'console_profile = "default"' in config(tmp_path)


def test_logout_leaves_what_others_stored_until_the_next_login(
    environ: dict[str, str], tmp_path: Path, claude: SimulatedClaude
) -> None:
    environ["CLIPROXYAPI_UPSTREAM_URL"] = claude.url
    assert run(environ, "login", "--claude", given="y\n").returncode == 0
    assert run(environ, "login", "--console").returncode == 0
    assert run(environ, "login", "--api-key", given=f"{TEST_KEY}\n").returncode == 0
    done = run(environ, "logout")
    assert done.returncode == 0, done.stderr
    assert 'claude_login = "ignore"' in config(tmp_path)
    assert "console_profile" not in config(tmp_path)
    assert not (tmp_path / "data" / "api_key.json").exists()
    assert (tmp_path / ".claude" / ".credentials.json").exists()
    assert (tmp_path / ".config" / "anthropic" / "credentials" / "default.json").exists()
    assert run(environ, "login", "--claude").returncode == 0
    assert "claude_login" not in config(tmp_path)


def test_a_running_proxy_takes_login_and_logout_up_at_once(environ: dict[str, str]) -> None:
    with SimulatedClaude(tokens=[NEW]) as claude:
        # By name: `auto` would go on through Claude Code after the refusal.
        environ |= {"CLIPROXYAPI_UPSTREAM_URL": claude.url, "CLIPROXYAPI_ROUTE": "direct"}
        with serving(environ) as port:
            assert "not signed in" in run(environ, "status").stdout
            done = run(environ, "login", "--claude", given="y\n")
            assert f"The proxy that runs on port {port} takes it up." in done.stdout
            assert run(environ, "chat", "Hello").returncode == 0
            claude.script.append(scenarios.refused(1))
            assert run(environ, "chat", "Hello").returncode == 1
            assert "not accepted" in run(environ, "status").stdout
            assert "Claude refused this sign-in" in run(environ, "doctor").stdout
            # The person asks for it once more.
            assert run(environ, "login", "--claude").returncode == 0
            assert run(environ, "chat", "Hello").returncode == 0
            assert run(environ, "logout").returncode == 0
            assert run(environ, "chat", "Hello").returncode == 1


def test_a_refusal_that_claude_code_stands_in_for_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    claude_code = install(tmp_path / "bin")
    environ |= {"CLIPROXYAPI_DIRECT_CONSENT": "true", "CLIPROXYAPI_CLAUDE_PATH": str(claude_code.path)}
    with SimulatedClaude(tokens=[TEST_TOKEN]) as claude:
        environ |= {"CLIPROXYAPI_UPSTREAM_URL": claude.url, "CLAUDE_CODE_OAUTH_TOKEN": TEST_TOKEN}
        claude.script.append(scenarios.refused(1))
        with serving(environ):
            assert "You said: Hello" in run(environ, "chat", "Hello").stdout
            shown = run(environ, "status").stdout
            assert "claude-code, which auto takes" in shown
            assert "direct, by Claude at" in shown
            assert "over claude-code: 200" in shown
            assert "Claude has refused the route direct since" in run(environ, "doctor").stdout


def test_in_a_terminal_without_a_sign_in_it_asks_signs_in_and_serves(environ: dict[str, str], tmp_path: Path) -> None:
    environ["CLIPROXYAPI_PORT"] = "0"
    ours, theirs = os.openpty()
    process = subprocess.Popen([sys.executable, "-m", "tray"], env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        read_until(ours, "Number:")
        os.write(ours, b"4\n")
        read_until(ours, "Use the sign-in directly? [y/N]")
        os.write(ours, b"y\n")
        read_until(ours, "CLIProxyAPI serves on")
        assert "direct_consent = true" in config(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # Nobody may have taken note of its end yet.
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def read_until(descriptor: int, text: str) -> None:
    seen = ""
    until = time.monotonic() + 60
    while text not in " ".join(seen.split()):
        assert time.monotonic() < until, seen
        if select.select([descriptor], [], [], 0.2)[0]:
            seen += os.read(descriptor, 65536).decode("utf-8", "replace")


def test_the_doctor_names_what_it_found_and_its_report_tells_no_secret(
    environ: dict[str, str], tmp_path: Path, claude: SimulatedClaude
) -> None:
    environ |= {
        "CLIPROXYAPI_UPSTREAM_URL": claude.url,
        "CLIPROXYAPI_API_KEY": "s3cr3t-marker-local",
        "ANTHROPIC_API_KEY": TEST_KEY,
        "http_proxy": "http://me:s3cr3t-marker-password@proxy.example:8080",
        "NO_PROXY": "internal.example",
    }
    run(environ, "login", "--claude", given="y\n")
    (tmp_path / ".claude" / ".credentials.json").chmod(0o644)
    out = tmp_path / "out"
    out.mkdir()
    shown = run(environ, "doctor", "--report", str(out / "report.zip"))
    (out / "shown.txt").write_text(shown.stdout + shown.stderr)
    told = run(environ, "doctor", "--json")
    (out / "told.json").write_text(told.stdout)
    assert (shown.returncode, told.returncode) == (1, 1), shown.stdout + shown.stderr
    for part in ("route direct", ".credentials.json", "chmod 600", "127.0.0.1", "NO_PROXY=internal.example,127.0.0.1"):
        assert part in shown.stdout
    checks = {finding["check"] for finding in json.loads(told.stdout)}
    assert {"route", "claude sign-in", "api key", "claude code", "upstream", "port", "proxy"} <= checks
    with zipfile.ZipFile(out / "report.zip") as report:
        names = set(report.namelist())
        everything = "\n".join(report.read(name).decode() for name in names)
    assert {"doctor.txt", "doctor.json", "settings.txt", "log.txt", "system.txt"} <= names
    assert "me@example.com" not in everything
    assert str(tmp_path) not in everything
    assert secret_scan([str(out)]) == 0
