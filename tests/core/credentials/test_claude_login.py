"""The sign-in that Claude Code stored: found, chosen among several, and never a traceback whatever lies there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.credentials.claude_login import ClaudeLoginStore, DirectCredential, SignInExpired
from core.errors import CredentialRefused, NotSignedIn

TOKEN = "sk-ant-oat01-s3cr3t-marker-stored"
LATER = 4_000_000_000_000  # ms since 1970: the year 2096


def login(token: Any = TOKEN, **fields: Any) -> dict[str, Any]:
    return {
        "claudeAiOauth": {"accessToken": token, "refreshToken": "s3cr3t-marker-refresh", "expiresAt": LATER, **fields}
    }


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(0o600)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".claude" / ".credentials.json"


@pytest.fixture
def store(tmp_path: Path) -> ClaudeLoginStore:
    return ClaudeLoginStore({"HOME": str(tmp_path)})


def test_a_stored_sign_in_is_used(store: ClaudeLoginStore, path: Path) -> None:
    write(path, login(subscriptionType="max"))
    found = store.find()
    assert found is not None
    assert (found.token, found.source, found.plan) == (TOKEN, str(path), "max")
    assert not found.expired
    assert TOKEN not in repr(found)
    assert DirectCredential(store).headers() == {
        "authorization": f"Bearer {TOKEN}",
        "anthropic-beta": "oauth-2025-04-20",
    }


def test_without_any_there_is_none(store: ClaudeLoginStore) -> None:
    assert store.find() is None
    with pytest.raises(NotSignedIn, match="claude auth login"):
        DirectCredential(store).headers()


def test_a_token_in_the_environment_wins_outright(tmp_path: Path, path: Path) -> None:
    write(path, login())
    found = ClaudeLoginStore({"HOME": str(tmp_path), "CLAUDE_CODE_OAUTH_TOKEN": " s3cr3t-marker\n"}).find()
    assert found is not None
    assert (found.token, found.source, found.expires_at) == ("s3cr3t-marker", "CLAUDE_CODE_OAUTH_TOKEN", None)


def test_of_several_the_one_that_lives_longest_is_used_and_of_equals_the_first(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("secure", "config", ".claude", ".config/claude")]
    environ = {
        "HOME": str(tmp_path),
        "CLAUDE_SECURESTORAGE_CONFIG_DIR": str(places[0]),
        "CLAUDE_CONFIG_DIR": str(places[1]),
    }
    store = ClaudeLoginStore(environ)
    for index, place in enumerate(places):
        write(place / ".credentials.json", login(f"s3cr3t-marker-{index}"))
    assert [found.parent for found in store.files()] == places
    found = store.find()
    assert found is not None
    assert found.token == "s3cr3t-marker-0"
    write(places[2] / ".credentials.json", login("s3cr3t-marker-2", expiresAt=LATER + 1000))
    found = store.find()
    assert found is not None
    assert found.token == "s3cr3t-marker-2"


def test_it_is_read_anew_each_time(store: ClaudeLoginStore, path: Path) -> None:
    credential = DirectCredential(store)
    for token in ("s3cr3t-marker-one", "s3cr3t-marker-two"):
        write(path, login(token))
        assert credential.headers()["authorization"] == f"Bearer {token}"


def test_an_expired_one_says_what_to_do(store: ClaudeLoginStore, path: Path) -> None:
    write(path, login(expiresAt=(time.time() - 1) * 1000))
    with pytest.raises(SignInExpired, match="claude auth login") as caught:
        DirectCredential(store).headers()
    assert (caught.value.status, caught.value.code) == (401, "upstream_auth_expired")


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX's")
def test_one_that_others_can_read_is_used_with_a_warning_once(
    store: ClaudeLoginStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, login()).chmod(0o644)
    for _ in range(3):
        assert store.find() is not None
    assert caplog.text.count("can be read by other users") == 1


def make_directory(path: Path) -> None:
    path.mkdir(parents=True)


def make_dangling_link(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(path.parent / "nowhere")


def make_link_to_itself(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(path)


def make_pipe(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path)


WHOLE = json.dumps(login()).encode()
BROKEN: dict[str, tuple[Any, str]] = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "half-written": (WHOLE[:50], "half-written"),
    "cut in the token": (WHOLE[:35], "half-written"),
    "zeros after a crash": (b"\0" * 200, "half-written"),
    "no JSON": (b"not json", "not valid JSON"),
    "not UTF-8": (b'{"claudeAiOauth": "\xff\xfe"}', "not valid JSON"),
    "nested without end": (b"[" * 100_000, "not valid JSON"),
    "two documents": (WHOLE + WHOLE, "not valid JSON"),
    "a list": ([], "no JSON object"),
    "a text": ("hello", "no JSON object"),
    "null": (None, "no JSON object"),
    "another program's": ({"mcpOAuth": {}}, "holds no Claude sign-in"),
    "nothing in it": ({}, "holds no Claude sign-in"),
    "sign-in is null": ({"claudeAiOauth": None}, "claudeAiOauth is no object"),
    "sign-in is a text": ({"claudeAiOauth": TOKEN}, "claudeAiOauth is no object"),
    "no token": ({"claudeAiOauth": {}}, "accessToken is missing"),
    "token is a number": (login(5), "accessToken is missing"),
    "token is null": (login(None), "accessToken is missing"),
    "signed out": (login(""), "signed out"),
    "token with a line break": (login("s3cr3t-marker\nb"), "characters that no token has"),
    "token with other letters": (login("s3cr3t-marker-tökèn"), "characters that no token has"),
    "expiry is a text": (login(expiresAt="tomorrow"), "expiresAt is no number"),
    "expiry is true": (login(expiresAt=True), "expiresAt is no number"),
    "far too large": (b" " * 2_000_000, "too large"),
    "a directory": (make_directory, "is a directory"),
    "a dangling link": (make_dangling_link, "leads nowhere"),
    "a link to itself": (make_link_to_itself, "cannot be read"),
    "a pipe": (make_pipe, "is not a file"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_named_with_what_is_wrong_with_it(store: ClaudeLoginStore, path: Path, kind: str) -> None:
    content, expected = BROKEN[kind]
    if isinstance(content, Callable):  # type: ignore[arg-type]
        content(path)
    else:
        write(path, content)
    with pytest.raises(NotSignedIn) as caught:
        store.find()
    message = caught.value.message
    assert str(path) in message
    assert expected in message
    assert "claude auth login" in message
    assert TOKEN not in message


def test_a_broken_file_does_not_hide_a_good_one(tmp_path: Path, store: ClaudeLoginStore, path: Path) -> None:
    write(path, b"")
    write(tmp_path / ".config" / "claude" / ".credentials.json", login("s3cr3t-marker"))
    found = store.find()
    assert found is not None
    assert found.token == "s3cr3t-marker"


@pytest.mark.parametrize("expires", [LATER, None, 1e300, 0])
def test_odd_expiries(store: ClaudeLoginStore, path: Path, expires: Any) -> None:
    write(path, login(expiresAt=expires))
    found = store.find()
    assert found is not None
    assert found.expired == (expires == 0)


def test_a_refused_sign_in_is_not_tried_again_until_it_is_another(store: ClaudeLoginStore, path: Path) -> None:
    credential = DirectCredential(store)
    write(path, login(accountUuid="me", subscriptionType="pro", scopes=["one", "two"]))
    credential.refused(CredentialRefused("no"))
    renewed = login(
        "s3cr3t-marker-renewed",
        accountUuid="me",
        subscriptionType="pro",
        scopes=["two", "one"],
        refreshToken="s3cr3t-marker-rotated",
    )
    write(path, renewed)
    with pytest.raises(CredentialRefused, match="no"):
        credential.headers()
    write(path, login(accountUuid="me", subscriptionType="max"))
    assert credential.headers()
    found = store.find()
    assert found is not None
    assert credential.refused_at(found) is None
