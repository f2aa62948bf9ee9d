"""Where the API key is kept, and which one is used."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest
from keyring.errors import PasswordDeleteError

from core.credentials import secret_store
from core.credentials.api_key import ApiKeyStore, checked
from core.errors import CredentialLocked
from core.paths import Paths

KEY = "sk-ant-api03-s3cr3t-marker-mine"
ENVIRONMENT = {"ANTHROPIC_API_KEY": " sk-ant-api03-s3cr3t-marker-elsewhere\n"}


class FakeKeyring:
    """A keyring in memory, which counts how often it is asked."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.entries:
            raise PasswordDeleteError
        del self.entries[service, username]


class BrokenKeyring(FakeKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the bus is gone")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("the bus is gone")


class WaitingKeyring(FakeKeyring):
    """Locked: it waits for somebody to type a password."""

    def __init__(self) -> None:
        super().__init__()
        self.unlocked = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.unlocked.wait(20)
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.unlocked.wait(20)
        super().set_password(service, username, password)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path / "data", tmp_path, tmp_path)


def test_without_anything_there_is_none_and_no_keyring_is_touched(paths: Paths) -> None:
    keyring = FakeKeyring()
    assert ApiKeyStore(paths, {}, keyring).find() is None
    assert keyring.asked == 0


def test_the_environments_key_is_used_where_none_is_stored(paths: Paths) -> None:
    found = ApiKeyStore(paths, ENVIRONMENT, FakeKeyring()).find()
    assert found is not None
    assert (found.value, found.source) == ("sk-ant-api03-s3cr3t-marker-elsewhere", "ANTHROPIC_API_KEY")


def test_a_stored_key_wins_and_is_not_in_our_file(paths: Paths) -> None:
    keyring = FakeKeyring()
    store = ApiKeyStore(paths, ENVIRONMENT, keyring)
    assert store.store(f" {KEY}\n") == "the system's keyring"
    found = store.find()
    assert found is not None
    assert found.value == KEY
    assert KEY not in repr(found)
    assert KEY not in paths.api_key_file.read_text()


def test_the_keyring_is_asked_once_and_again_after_another_login(paths: Paths) -> None:
    keyring = FakeKeyring()
    store = ApiKeyStore(paths, {}, keyring)
    store.store(KEY)
    for _ in range(5):
        store.find()
    assert keyring.asked == 1
    ApiKeyStore(paths, {}, keyring).store("sk-ant-api03-s3cr3t-marker-another")
    found = store.find()
    assert found is not None
    assert found.value == "sk-ant-api03-s3cr3t-marker-another"


def test_without_a_keyring_it_is_a_file_for_its_owner_alone(paths: Paths) -> None:
    store = ApiKeyStore(paths, {}, BrokenKeyring())
    assert str(paths.api_key_file) in store.store(KEY)
    found = store.find()
    assert found is not None
    assert found.value == KEY
    if os.name != "nt":
        assert stat.S_IMODE(paths.api_key_file.stat().st_mode) == 0o600


def test_a_keyring_that_waits_for_a_person_is_left_alone(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_store, "_KEYRING_SECONDS", 0.05)
    keyring = WaitingKeyring()
    paths.data_dir.mkdir()
    paths.api_key_file.write_text('{"stored": "keyring"}')
    with pytest.raises(CredentialLocked) as caught:
        ApiKeyStore(paths, ENVIRONMENT, keyring).find()
    assert caught.value.status == 401
    assert "Unlock" in caught.value.message
    keyring.unlocked.set()


def test_a_keyring_that_waits_is_asked_once_in_a_while(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_store, "_KEYRING_SECONDS", 0.2)
    keyring = WaitingKeyring()
    paths.data_dir.mkdir()
    paths.api_key_file.write_text('{"stored": "keyring"}')
    store = ApiKeyStore(paths, {}, keyring)
    began = time.monotonic()
    for _ in range(10):
        with pytest.raises(CredentialLocked):
            store.find()
    assert time.monotonic() - began < 1
    keyring.unlocked.set()


def test_a_keyring_that_keeps_its_entry_is_no_logout(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_store, "_KEYRING_SECONDS", 0.05)
    keyring = WaitingKeyring()
    paths.data_dir.mkdir()
    paths.api_key_file.write_text('{"stored": "keyring"}')
    with pytest.raises(CredentialLocked):
        ApiKeyStore(paths, {}, keyring).delete()
    assert paths.api_key_file.exists()
    keyring.unlocked.set()


def test_a_keyring_that_is_unlocked_too_late_keeps_nothing(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_store, "_KEYRING_SECONDS", 0.05)
    keyring = WaitingKeyring()
    assert "file" in ApiKeyStore(paths, {}, keyring).store(KEY)
    keyring.unlocked.set()
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(5)
    assert keyring.entries == {}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"stored": "file"}', '{"stored": "cloud"}', "\0\0\0", '{"stored": 1}']
)
def test_a_damaged_file_is_no_key_and_is_warned_about(
    paths: Paths, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    paths.data_dir.mkdir()
    paths.api_key_file.write_text(text)
    store = ApiKeyStore(paths, ENVIRONMENT, FakeKeyring())
    found = store.find()
    assert found is not None
    assert found.source == "ANTHROPIC_API_KEY"
    assert "damaged" in caplog.text
    store.store(KEY)
    assert json.loads(paths.api_key_file.read_text()) == {"stored": "keyring"}


@pytest.mark.parametrize("keyring", [FakeKeyring(), BrokenKeyring()])
def test_a_deleted_key_is_gone(paths: Paths, keyring: FakeKeyring) -> None:
    store = ApiKeyStore(paths, {}, keyring)
    assert not store.delete()
    store.store(KEY)
    assert store.delete()
    assert store.find() is None
    assert not keyring.entries
    assert not paths.api_key_file.exists()


def test_an_entry_that_somebody_else_deleted_does_no_harm(paths: Paths) -> None:
    keyring = FakeKeyring()
    store = ApiKeyStore(paths, {}, keyring)
    store.store(KEY)
    keyring.entries.clear()
    assert ApiKeyStore(paths, {}, keyring).find() is None
    assert store.delete()


@pytest.mark.parametrize("key", ["", "  \n", "two words", "schlüssel", "a\x00b"])
def test_what_is_no_key_is_not_stored(paths: Paths, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        checked(key)
    with pytest.raises(ValueError, match="key"):
        ApiKeyStore(paths, {}, FakeKeyring()).store(key)
    assert not paths.api_key_file.exists()
