"""`cliproxyapi open` beside a server that runs, and a restart that a page asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.evidence import kept

PATIENCE = 60


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    own = {"HOME": str(tmp_path), "CLIPROXYAPI_CONFIG_DIR": str(tmp_path), "CLIPROXYAPI_DATA_DIR": str(tmp_path)}
    known = {name: value for name, value in os.environ.items() if not name.startswith(("CLIPROXYAPI_", "ANTHROPIC_"))}
    # No screen: no browser may open while tests run.
    return {**{name: value for name, value in known.items() if "DISPLAY" not in name}, **own, "PYTHONUNBUFFERED": "1"}


def cliproxyapi(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tray", *arguments]
    return kept(subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False))


@contextmanager
def server(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tray", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.terminate()


def address(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return next(line for line in child.stdout if "serves on" in line).split("serves on ")[1].split("/v1")[0]


def test_a_link_is_printed_and_works_once(environ: dict[str, str]) -> None:
    with server(environ) as child:
        root = address(child)
        printed = cliproxyapi(environ, "open", "--print", "--page", "account")
        assert printed.returncode == 0, printed.stderr
        page, _, token = printed.stdout.strip().partition("#token=")
        assert page == f"{root}/dashboard/account"
        with httpx.Client(base_url=f"{root}/api/", trust_env=False, verify=False, timeout=PATIENCE) as client:
            session = client.post("session", json={"token": token}).json()["session"]
            assert client.post("session", json={"token": token}).status_code == 401
            headers = {"x-cliproxyapi-session": session}
            assert client.get("state", headers=headers).json()["address"] == "127.0.0.1"
            # The server starts anew at the same address, and the session outlives that.
            client.post("settings", headers=headers, json={"host": "localhost"})
            assert client.post("controls/restart", headers=headers, json={}).status_code == 200
            assert address(child).rpartition(":")[2] == root.rpartition(":")[2]
            state = client.get("state", headers=headers).json()
            assert (state["address"], state["needs_restart"]) == ("localhost", [])
            assert client.post("controls/quit", headers=headers, json={}).status_code == 200
        assert child.wait(PATIENCE) == 0


def test_where_no_browser_opens_the_link_is_said(environ: dict[str, str]) -> None:
    with server(environ) as child:
        root = address(child)
        said = cliproxyapi(environ, "open")
        assert said.returncode == 0
        assert f"{root}/#token=" in said.stdout


def test_without_a_server_it_says_how_to_start_one(environ: dict[str, str]) -> None:
    said = cliproxyapi(environ, "open")
    assert (said.returncode, said.stdout) == (1, "")
    assert "cliproxyapi serve" in said.stderr
