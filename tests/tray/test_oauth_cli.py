"""`cliproxyapi login --oauth`, as a person meets it: a real process, whose browser is on another machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.own_app import app_settings, signed_in, store
from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.oauth import ACCOUNT

ROOT = Path(__file__).parents[2]


@contextmanager
def cliproxyapi(home: Path, claude: SimulatedClaude | None, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLIPROXYAPI_", "ANTHROPIC_"))}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        kept.pop(name, None)
    ours = {"CLIPROXYAPI_CONFIG_DIR": str(home / "config"), "CLIPROXYAPI_DATA_DIR": str(home / "data")}
    environ = {**kept, **ours, "HOME": str(home), **(app_settings(claude) if claude else {})}
    command = [sys.executable, "-m", "tray", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def shown_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return next(line.strip() for line in process.stdout if "://" in line)


@pytest.mark.parametrize("flags", [["--no-browser"], []], ids=["--no-browser", "no screen"])
def test_the_address_where_the_browser_ended_can_be_pasted(
    tmp_path: Path, claude: SimulatedClaude, flags: list[str]
) -> None:
    with cliproxyapi(tmp_path, claude, "login", "--oauth", *flags) as process:
        callback = httpx.get(shown_address(process)).headers["location"]
        out, error = process.communicate(f"nonsense\n{callback}\n", timeout=60)
    assert (process.returncode, error) == (0, "")
    assert ACCOUNT in out
    assert "not the answer" in out
    assert "s3cr3t-marker" not in out
    assert store(tmp_path).usable().access_token in claude.provider.access


def test_the_browser_of_this_machine_ends_it_while_nothing_is_typed(tmp_path: Path, claude: SimulatedClaude) -> None:
    with cliproxyapi(tmp_path, claude, "login", "--oauth", "--no-browser") as process:
        page = httpx.get(shown_address(process), follow_redirects=True)
        assert "You are signed in" in page.text
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_what_goes_wrong_is_one_sentence(tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.provider.consent = "deny"
    with cliproxyapi(tmp_path, claude, "login", "--oauth", "--no-browser") as process:
        httpx.get(shown_address(process), follow_redirects=True)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert error == "cliproxyapi: You did not agree, so nothing changed. Sign in again if you change your mind.\n"


def test_missing_settings_are_named(tmp_path: Path) -> None:
    with cliproxyapi(tmp_path, None, "login", "--oauth") as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "oauth_client_id, oauth_authorize_url and oauth_token_url" in error


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process there")
def test_ctrl_c_ends_it(tmp_path: Path, claude: SimulatedClaude) -> None:
    with cliproxyapi(tmp_path, claude, "login", "--oauth", "--no-browser") as process:
        shown_address(process)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error


def test_signing_out_deletes_and_revokes(tmp_path: Path, claude: SimulatedClaude) -> None:
    sign_in = signed_in(claude, tmp_path)
    with cliproxyapi(tmp_path, claude, "logout") as process:
        out, _ = process.communicate(timeout=60)
    assert "deleted, and revoked" in out
    assert claude.provider.revoked == [sign_in.refresh_token]
    assert not (tmp_path / "data" / "oauth.json").exists()


@pytest.mark.parametrize("flags", [[], ["--api-key", "--oauth"], ["--no-browser"], ["--api-key", "--no-browser"]])
def test_it_must_be_one_way(tmp_path: Path, flags: list[str]) -> None:
    with cliproxyapi(tmp_path, None, "login", *flags) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 64
    assert "--oauth" in error
