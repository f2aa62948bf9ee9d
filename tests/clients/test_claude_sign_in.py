"""The real Claude Code, whose fixed addresses lead to a simulation: it signs in, and renews, for us."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from core.claude_cli import ClaudeCLI
from core.credentials.claude_login import ClaudeLoginStore
from core.credentials.claude_sign_in import ClaudeSignIn
from core.credentials.desk import SignInDesk
from core.credentials.renewal import Renewal
from tests.clients import claude_code
from tests.clients.simulated_sites import RENEWED, Sites, simulated_sites


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    with simulated_sites(tmp_path) as sites:
        yield sites


@pytest.fixture
def environ(tmp_path: Path, sites: Sites) -> dict[str, str]:
    # No browser opens where there is none on the PATH.
    path = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "BROWSER": "/bin/true"}
    return {**path, **sites.environ, "CLAUDE_CODE_FULL_SIGN_IN_LINK": "1"}


@pytest.fixture
def claude(environ: dict[str, str]) -> ClaudeCLI:
    named = str(claude_code.executable())
    return ClaudeCLI(environ, named=lambda: named)


def test_it_renews_what_it_stored(tmp_path: Path, environ: dict[str, str], claude: ClaudeCLI, sites: Sites) -> None:
    path = tmp_path / ".claude" / ".credentials.json"
    path.parent.mkdir()
    oauth = {
        "accessToken": "sk-ant-oat01-s3cr3t-marker-old",
        "refreshToken": "sk-ant-ort01-s3cr3t-marker-old",
        "expiresAt": int((time.time() - 60) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        "rateLimitTier": "default_claude_max_5x",
        "accountUuid": "acc",
    }
    path.write_text(json.dumps({"claudeAiOauth": oauth}))
    path.chmod(0o600)
    logins = ClaudeLoginStore(environ)
    expired = logins.find()
    assert expired is not None
    assert expired.expired
    renewed = Renewal(claude, logins).renewed(expired).result(60)
    assert renewed.token == RENEWED
    assert not renewed.expired
    assert renewed.identity == expired.identity
    assert sites.grants() == ["refresh_token"]
    [asked] = [body for _, path, body in sites.requests if path == "/v1/messages"]
    assert asked["model"] == "claude-haiku-4-5-20251001"
    assert asked["max_tokens"] <= 16
    assert not asked.get("tools")


def test_it_signs_in_with_a_pasted_code(environ: dict[str, str], claude: ClaudeCLI, sites: Sites) -> None:
    status = claude.auth_status(afresh=True)
    assert status is not None
    assert not status.logged_in
    desk = SignInDesk()
    desk.start(ClaudeSignIn(claude))
    until = time.monotonic() + 60
    while desk.progress is None or not desk.progress.wants_code:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert desk.progress.url is not None
    state = parse_qs(urlsplit(desk.progress.url).query)["state"][0]
    assert desk.paste(f"the-code#{state}")
    progress = desk.wait(60)
    assert progress is not None
    assert progress.state == "succeeded", progress.message
    assert sites.grants() == ["authorization_code"]
    login = ClaudeLoginStore(environ).find()
    assert login is not None
    assert login.token == RENEWED
