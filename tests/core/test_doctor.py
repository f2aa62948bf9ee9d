"""What the doctor says of what it sees, check by check."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from core import doctor
from core.claude_cli import ClaudeCLI
from core.instance import Instance
from core.paths import Paths
from core.settings import SettingsStore
from core.status import SignIn, StatusBoard
from core.updates import UpdateCheck
from tests.releases_feed import NOBODY
from tests.simulated_claude import SimulatedClaude
from tests.stand_ins import stand_in


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_the_route_is_told_with_its_reason_and_the_others_with_their_step() -> None:
    used = SignIn("direct", "signed_in", expires_at=2000.0, source="a file")
    others = [SignIn("api-key", "not_signed_in", missing="Store a key."), used, SignIn("demo", "not_needed")]
    first, second = doctor.chosen(used, others, "auto", 1000.0)
    assert (first.verdict, first.todo) == ("ok", None)
    assert "direct, the first of those that can work; it is signed in, from a file; it expires" in first.said
    assert (second.said, second.todo) == ("The route api-key is not signed in.", "Store a key.")


@pytest.mark.parametrize("state", ["refused", "renewal_failed", "damaged", "locked", "not_signed_in"])
def test_a_sign_in_that_cannot_serve_is_a_problem(state: str) -> None:
    [finding] = doctor.chosen(SignIn("direct", state, missing="Do this."), [], "direct", 0.0)  # type: ignore[arg-type]
    assert (finding.verdict, finding.todo) == ("problem", "Do this.")


def test_a_free_port_a_taken_one_and_our_own(taken: int) -> None:
    [free] = doctor.port("127.0.0.1", free_port(), [])
    assert free.verdict == "ok"
    [busy] = doctor.port("127.0.0.1", taken, [])
    assert busy.verdict == "problem"
    assert f"Port {taken}" in busy.said
    [ours] = doctor.port("127.0.0.1", taken, [Instance(1, "127.0.0.1", taken, "s3cr3t-marker")])
    assert "of yours runs" in ours.said
    assert ours.verdict == "ok"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"https_proxy": "http://p:1"}, None),
        ({"http_proxy": "http://p:1", "no_proxy": "localhost, 127.0.0.1"}, None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"http_proxy": "http://p:1"}, "127.0.0.1,localhost"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "a.example,localhost"}, "a.example,localhost,127.0.0.1"),
    ],
)
def test_a_proxy_that_would_be_asked_for_this_machine(environ: dict[str, str], expected: str | None) -> None:
    findings = doctor.loopback_proxies(environ)
    assert [expected in (finding.todo or "") for finding in findings if expected] == ([True] if expected else [])
    assert bool(findings) == (expected is not None)


def test_each_step_of_the_way_is_named(claude: SimulatedClaude) -> None:
    steps = [finding.said.partition(":")[0] for finding in doctor.upstream(claude.url, {})]
    assert steps == ["DNS", "TCP", "HTTP"]
    assert claude.requests[-1].headers.keys().isdisjoint({"x-api-key", "authorization"})


@pytest.mark.parametrize(
    ("url", "environ", "said"),
    [
        ("https://nowhere.invalid", {}, "DNS: nowhere.invalid is not found"),
        ("http://127.0.0.1:1", {}, "TCP: no connection to 127.0.0.1 port 1"),
        (
            "https://api.example",
            {"https_proxy": "http://me:s3cr3t-marker@127.0.0.1:1"},
            "TCP: no connection to 127.0.0.1",
        ),
    ],
)
def test_the_first_step_that_fails_is_the_last_one_told(url: str, environ: dict[str, str], said: str) -> None:
    findings = doctor.upstream(url, environ)
    assert said in findings[-1].said
    assert findings[-1].verdict == "problem"
    assert findings[-1].todo
    assert "s3cr3t-marker" not in repr(findings)


def test_a_certificate_that_nobody_vouches_for_is_named() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with SimulatedClaude(ssl_context=context) as claude:
        findings = doctor.upstream(claude.url, {})
    assert findings[-1].said.startswith("TLS:")
    assert findings[-1].verdict == "problem"


def test_a_newer_version_is_told_from_what_was_heard_before(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "log", tmp_path / "run")

    def told(on: str) -> doctor.Finding:
        settings = SettingsStore(paths, {"CLIPROXYAPI_CHECK_UPDATES": on}, {})
        return doctor.updates(UpdateCheck(paths, settings, StatusBoard(), {}, feed=NOBODY))

    assert "check_updates = true" in (told("no").todo or "")
    paths.data_dir.mkdir()
    paths.updates_file.write_text('{"asked_at": 1700000000, "version": "0.0.1"}')
    assert told("yes").verdict == "ok"
    assert "2023-11-1" in told("yes").said
    paths.updates_file.write_text('{"asked_at": 1700000000, "version": "99.0.0"}')
    assert told("no").said == "Version 99.0.0 is out."
    assert "/releases/tag/v99.0.0" in (told("no").todo or "")


@pytest.mark.skipif(os.name == "nt", reason="an executable is a matter of its mode")
def test_another_program_of_our_name_on_the_path_is_told(tmp_path: Path) -> None:
    def program(folder: str) -> Path:
        path = tmp_path / folder / "cliproxyapi"
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
        return path

    ours, other, brewed = program("app"), program("other"), program("homebrew/Cellar/cliproxyapi/7.0/bin")
    linked = tmp_path / "bin/cliproxyapi"
    linked.parent.mkdir()
    linked.symlink_to(ours)

    def told(on_the_path: Path | None) -> doctor.Finding:
        return doctor.own_program({"PATH": str(on_the_path.parent if on_the_path else tmp_path)}, ours)

    assert told(None).verdict == "note"
    assert "no `cliproxyapi` on the PATH" in told(None).said
    assert (told(ours).verdict, told(linked).verdict) == ("ok", "ok")
    assert told(other).verdict == "note"
    assert f"is {other}, and this one runs from {ours}" in told(other).said
    assert told(brewed).verdict == "problem"
    assert "another program" in (told(brewed).todo or "")
    # What Homebrew's own Python installed is ours all the same.
    assert doctor.own_program({"PATH": str(brewed.parent)}, brewed).verdict == "ok"


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts of POSIX")
def test_claude_code_is_told_with_its_version(tmp_path: Path) -> None:
    script = stand_in(tmp_path, "claude")

    def told() -> doctor.Finding:
        return doctor.claude_code(ClaudeCLI({"HOME": str(tmp_path)}, named=lambda: str(script.path)))

    assert told().todo == "Run `cliproxyapi login --claude`."
    assert "2.1.330" in told().said
    script.does("old")
    assert told().verdict == "problem"
    script.path.unlink()
    assert "npm install" in (told().todo or "")
