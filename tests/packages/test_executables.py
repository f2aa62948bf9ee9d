"""What the built executables do on a machine that has nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from core import __version__
from tests.desktop.tray_host import Desktop, Host
from tests.packages.executables import KINDS, SECONDS, Executables, Kind, run, serving

BOTH = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def nothing(tmp_path: Path) -> dict[str, str]:
    """An environment without anything, but an empty home and an empty folder for temporary files."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    return {"PATH": "/nonexistent", "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}


def left(environ: dict[str, str]) -> list[str]:
    return [name for folder in ("HOME", "TMPDIR") for name in os.listdir(environ[folder])]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@BOTH
def test_it_tells_its_version(executables: Executables, nothing: dict[str, str], kind: Kind) -> None:
    done = run(executables.path(kind), "--version", environ=nothing)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"cliproxyapi {__version__}\n", "")


@BOTH
def test_the_selftest_passes_where_there_is_nothing(
    executables: Executables, nothing: dict[str, str], kind: Kind
) -> None:
    done = run(executables.path(kind), "--selftest", environ=nothing)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "no screen" in done.stdout
    assert left(nothing) == []


@BOTH
@pytest.mark.parametrize(("host", "backend"), [("xfce", "StatusNotifierIcon"), ("tint2", "XEmbedIcon")])
def test_the_selftest_shows_an_icon_where_there_is_a_tray(
    executables: Executables, nothing: dict[str, str], kind: Kind, host: Host, backend: str
) -> None:
    with Desktop(host) as desktop:
        screen = {name: desktop.environment[name] for name in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")}
        done = run(executables.path(kind), "--selftest", environ={**nothing, **screen})
    assert done.returncode == 0, done.stdout
    assert f"tray: {backend} " in done.stdout
    assert "no screen" not in done.stdout
    assert left(nothing) == []


def test_the_selftest_says_what_is_missing(executables: Executables, nothing: dict[str, str], tmp_path: Path) -> None:
    """A file that is lost is told by its name, and makes the test fail."""
    page = executables.folder / "_internal" / "core" / "dashboard" / "static" / "app.js"
    aside = page.rename(tmp_path / "app.js")
    try:
        done = run(executables.path("folder"), "--selftest", environ=nothing)
    finally:
        aside.rename(page)
    assert done.returncode == 1
    assert "FAILED  dashboard: /dashboard/app.js is answered with status 404" in done.stdout


@BOTH
def test_it_serves_and_sigterm_ends_all_of_it(executables: Executables, nothing: dict[str, str], kind: Kind) -> None:
    with serving(executables.path(kind), nothing) as (process, address):
        question = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hello!"}], "stream": True}
        with httpx.Client(base_url=address, trust_env=False, timeout=SECONDS) as client:
            said = client.post("/v1/chat/completions", json=question).raise_for_status().text
            page = client.get("/", headers={"accept": "text/html"}).raise_for_status().text
        assert said.endswith("data: [DONE]\n\n")
        assert "<title>CLIProxyAPI</title>" in page
        below = children(process.pid)
        # A single file is a loader and, as its child, the program.
        assert len(below) == (1 if kind == "single file" else 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert not any(Path(f"/proc/{child}").exists() for child in below)
    assert os.listdir(nothing["TMPDIR"]) == []


@BOTH
@pytest.mark.parametrize("libraries", [None, "/opt/lib"])
def test_a_program_that_it_starts_gets_a_clean_environment(
    executables: Executables, nothing: dict[str, str], tmp_path: Path, kind: Kind, libraries: str | None
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    seen = tmp_path / "environment.txt"
    (programs / "claude").write_text(f"#!/bin/sh\n/usr/bin/env > '{seen}'\necho '2.1.0 (Claude Code)'\n")
    (programs / "claude").chmod(0o755)
    # `doctor` asks it for its version, and needs no network for that.
    environ = {**nothing, "PATH": str(programs), "CLIPROXYAPI_UPSTREAM_URL": "http://127.0.0.1:1"}
    if libraries:
        environ["LD_LIBRARY_PATH"] = libraries
    said = run(executables.path(kind), "doctor", environ=environ).stdout
    assert "2.1.0" in said
    found = dict(line.split("=", 1) for line in seen.read_text().splitlines())
    assert found.get("LD_LIBRARY_PATH") == libraries
    assert [name for name in found if name.startswith(("_PYI", "_MEI", "PYSTRAY")) or name.endswith("_ORIG")] == []


def test_it_names_the_licences_of_what_is_in_it(executables: Executables, nothing: dict[str, str]) -> None:
    program = executables.path("folder")
    named = run(program, "licences", environ=nothing).stdout
    assert {"pystray", "uvicorn", "fastapi", "pydantic_core"} <= {line.split()[0] for line in named.splitlines()}
    # What builds it or tests it is not in it.
    assert "pyinstaller" not in named
    assert "cliproxyapi" not in named
    text = run(program, "licences", "--text", environ=nothing).stdout
    for expected in ("The CLIProxyAPI authors", "GNU LESSER GENERAL PUBLIC LICENSE", "Bootloader", "PYTHON SOFTWARE"):
        assert expected in text
