"""The keychain of macOS, played by a script: asked only with consent, seldom, and not again after a no."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from core.credentials import keychain as module
from core.credentials.claude_login import ClaudeLoginStore
from core.credentials.keychain import Keychain
from core.errors import NotSignedIn
from tests.stand_ins import StandIn, stand_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts of POSIX")

IN_KEYCHAIN, IN_FILE = "sk-ant-oat01-s3cr3t-marker-keychain", "sk-ant-oat01-s3cr3t-marker-file"


def item(token: str, expires: int) -> str:
    return json.dumps({"claudeAiOauth": {"accessToken": token, "expiresAt": expires, "subscriptionType": "max"}})


@pytest.fixture
def script(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path, "security")


@pytest.fixture
def environ(tmp_path: Path, script: StandIn) -> dict[str, str]:
    return {"HOME": str(tmp_path), "USER": "me", "PATH": f"{script.directory}:/usr/bin:/bin"}


def store_of(environ: dict[str, str], *, allowed: bool = True) -> ClaudeLoginStore:
    return ClaudeLoginStore(environ, keychain=Keychain(environ, lambda: allowed, platform="darwin"))


def write_file(tmp_path: Path, expires: int) -> None:
    path = tmp_path / ".claude" / ".credentials.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(item(IN_FILE, expires))
    path.chmod(0o600)


def test_its_item_is_a_sign_in(environ: dict[str, str], script: StandIn) -> None:
    script.does(item(IN_KEYCHAIN, 4_000_000_000_000))
    login = store_of(environ).find()
    assert login is not None
    assert (login.token, login.plan) == (IN_KEYCHAIN, "max")
    assert login.source == "the keychain item 'Claude Code-credentials'"
    given = script.calls[0]["given"]
    assert given == ["find-generic-password", "-s", "Claude Code-credentials", "-a", "me", "-w"]


def test_hexadecimal_digits_are_read_as_well(environ: dict[str, str], script: StandIn) -> None:
    script.does(item(IN_KEYCHAIN, 4_000_000_000_000).encode().hex())
    login = store_of(environ).find()
    assert login is not None
    assert login.token == IN_KEYCHAIN


def test_without_consent_or_on_another_system_it_is_not_asked(environ: dict[str, str], script: StandIn) -> None:
    script.does(item(IN_KEYCHAIN, 4_000_000_000_000))
    assert store_of(environ, allowed=False).find() is None
    assert Keychain(environ, lambda: True, platform="linux").read() is None
    assert script.calls == []


def test_another_directory_of_claude_code_has_an_item_of_its_own(environ: dict[str, str], script: StandIn) -> None:
    directory = "/somewhere/else"
    store_of({**environ, "CLAUDE_CONFIG_DIR": directory}).find()
    suffix = hashlib.sha256(directory.encode()).hexdigest()[:8]
    assert script.calls[0]["given"][2] == f"Claude Code-credentials-{suffix}"


@pytest.mark.parametrize(("in_file", "in_keychain", "token"), [(1, 2, IN_KEYCHAIN), (2, 1, IN_FILE), (1, 1, IN_FILE)])
def test_of_file_and_keychain_the_one_that_lives_longer_counts(
    environ: dict[str, str], script: StandIn, tmp_path: Path, in_file: int, in_keychain: int, token: str
) -> None:
    write_file(tmp_path, 4_000_000_000_000 + in_file)
    script.does(item(IN_KEYCHAIN, 4_000_000_000_000 + in_keychain))
    login = store_of(environ).find()
    assert login is not None
    assert login.token == token


def test_it_is_asked_at_most_every_ten_seconds(
    environ: dict[str, str], script: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BETWEEN_READS_SECONDS", 1000.0)
    script.does(item(IN_KEYCHAIN, 4_000_000_000_000))
    store = store_of(environ)
    for _ in range(5):
        assert store.find() is not None
    assert len(script.calls) == 1
    monkeypatch.setattr(module, "_BETWEEN_READS_SECONDS", 0.0)
    script.does("none")
    assert store.find() is None
    assert len(script.calls) == 2


@pytest.mark.parametrize("mode", ["denial", "hang"])
def test_after_a_no_or_no_answer_it_is_left_alone_until_the_person_asks(
    environ: dict[str, str], script: StandIn, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(module, "_BETWEEN_READS_SECONDS", 0.0)
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 1.0)
    script.does(mode)
    store = store_of(environ)
    for _ in range(3):
        assert store.find() is None
    assert len(script.calls) == 1
    assert store.keychain.denied
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 60.0)
    script.does(item(IN_KEYCHAIN, 4_000_000_000_000))
    store.keychain.ask_again()
    assert store.find() is not None


def test_garbage_is_named_by_the_item(environ: dict[str, str], script: StandIn) -> None:
    script.does("{half")
    with pytest.raises(NotSignedIn, match="keychain item"):
        store_of(environ).find()
