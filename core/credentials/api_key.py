"""The API key: in the system's keyring, or a file for its owner alone, or ANTHROPIC_API_KEY.

A small file of ours says which: without it no keyring is ever touched, as asking one takes time and may open a window.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from .. import json_codec
from ..errors import CredentialLocked
from ..json_codec import object_or_empty
from ..paths import Paths, write_private

log = logging.getLogger("cliproxyapi.credentials")

ENVIRONMENT_VARIABLE = "ANTHROPIC_API_KEY"
_SERVICE, _ACCOUNT = "cliproxyapi", "anthropic-api-key"
_KEYRING_SECONDS = 2.0
# How long a keyring that did not answer is left alone: each question may leave a thread that waits for a person.
_LOCKED_SECONDS = 10.0

T = TypeVar("T")


class Keyring(Protocol):
    """What we use of a backend of the package `keyring`."""

    def get_password(self, service: str, username: str, /) -> str | None: ...
    def set_password(self, service: str, username: str, password: str, /) -> None: ...
    def delete_password(self, service: str, username: str, /) -> None: ...


class KeyringUnavailable(Exception):
    """The keyring did not answer in time, or refused."""


class NoKeyring(KeyringUnavailable):
    """This machine has none."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key, and where it was found, in words for people."""

    value: str = field(repr=False)
    source: str


class ApiKeyStore:
    """Finds, stores and forgets the API key. Any thread may ask; asking may take two seconds."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], keyring_backend: Keyring | None = None) -> None:
        self._path = paths.api_key_file
        self._environ = environ
        self._backend = keyring_backend
        self._lock = threading.Lock()
        # What the keyring said, and the state of our file when it did: it is asked once, not for each request.
        self._known: tuple[tuple[int, int], StoredKey | None] | None = None
        # Until when (by the monotonic clock) a keyring that did not answer is left alone, and what it said.
        self._locked: tuple[float, CredentialLocked] | None = None

    def find(self) -> StoredKey | None:
        """The key to use: what the person stored here, else the environment's. Raises CredentialLocked."""
        return self.stored() or self.from_environment()

    def remembered(self) -> StoredKey | None:
        """What `find` would say, if that needs no keyring and no reading; else None. Never waits for long."""
        try:
            state = self._path.stat()
        except OSError:
            return self.from_environment()
        known = self._known
        return known[1] if known is not None and known[0] == (state.st_mtime_ns, state.st_ino) else None

    def from_environment(self) -> StoredKey | None:
        value = self._environ.get(ENVIRONMENT_VARIABLE, "").strip()
        return StoredKey(value, ENVIRONMENT_VARIABLE) if value else None

    def stored(self) -> StoredKey | None:
        """Raises CredentialLocked where the keyring that holds the key does not give it out."""
        with self._lock:
            try:
                state = self._path.stat()
            except OSError:
                return None
            version = (state.st_mtime_ns, state.st_ino)
            if self._known is None or self._known[0] != version:
                self._known = (version, self._read())
            return self._known[1]

    def _forget(self) -> None:
        self._known = self._locked = None

    def store(self, key: str) -> str:
        """Keep `key`; where it now is, in words. Raises ValueError for what is no key, OSError where none can be
        kept."""
        key = checked(key)
        with self._lock:
            self._forget()
            given_up = threading.Event()

            def put(keyring: Keyring) -> None:
                keyring.set_password(_SERVICE, _ACCOUNT, key)
                if given_up.is_set():
                    # It was unlocked too late: the key is in our file by now, and one place is enough.
                    keyring.delete_password(_SERVICE, _ACCOUNT)

            try:
                self._ask(put)
            except KeyringUnavailable:
                given_up.set()
                write_private(self._path, json_codec.encode({"stored": "file", "key": key}))
                return f"the file {self._path}"
            write_private(self._path, json_codec.encode({"stored": "keyring"}))
            return "the system's keyring"

    def delete(self) -> bool:
        """Forget the stored key. False where there was none. Raises OSError, and CredentialLocked where the keyring
        keeps it."""
        with self._lock:
            self._forget()
            try:
                fields = self._fields()
            except OSError:
                return False
            if fields.get("stored") == "keyring":
                with contextlib.suppress(NoKeyring):  # then there is nothing left to delete
                    self._delete_from_keyring()
            self._path.unlink(missing_ok=True)
            return True

    def _delete_from_keyring(self) -> None:
        def delete(keyring: Keyring) -> None:
            if keyring.get_password(_SERVICE, _ACCOUNT) is not None:
                keyring.delete_password(_SERVICE, _ACCOUNT)

        try:
            self._ask(delete)
        except NoKeyring:
            raise
        except KeyringUnavailable as error:
            raise CredentialLocked(
                f"The API key is in the system's keyring, which does not delete it ({error}). Unlock the keyring and "
                "try again."
            ) from error

    def _fields(self) -> dict[str, Any]:
        try:
            return object_or_empty(json_codec.decode(self._path.read_bytes()))
        except json_codec.JSONError:
            return {}

    def _read(self) -> StoredKey | None:
        try:
            fields = self._fields()
        except OSError as error:
            log.warning("%s cannot be read: %s", self._path, error.strerror)
            return None
        match fields:
            case {"stored": "file", "key": str(key)} if key:
                return StoredKey(key, f"the file {self._path}")
            case {"stored": "keyring"}:
                return self._read_keyring()
            case _:
                log.warning("%s is damaged; store the key again with `cliproxyapi login --api-key`", self._path)
                return None

    def _read_keyring(self) -> StoredKey | None:
        if self._locked is not None and time.monotonic() < self._locked[0]:
            raise self._locked[1]
        try:
            key = self._ask(lambda keyring: keyring.get_password(_SERVICE, _ACCOUNT))
        except KeyringUnavailable as error:
            locked = CredentialLocked(
                f"The API key is in the system's keyring, which does not give it out ({error}). Unlock the keyring, or "
                "store the key again with `cliproxyapi login --api-key`."
            )
            self._locked = (time.monotonic() + _LOCKED_SECONDS, locked)
            raise locked from error
        return StoredKey(key, "the system's keyring") if key else None

    def _ask(self, question: Callable[[Keyring], T]) -> T:
        """Ask the keyring, for two seconds at most: a locked one may wait for a person who is not there.

        Raises KeyringUnavailable.
        """
        answers: list[T] = []
        failures: list[Exception] = []

        def ask() -> None:
            try:
                answers.append(question(self._backend or _system_keyring()))
            except Exception as error:  # every backend has errors of its own
                failures.append(error)

        worker = threading.Thread(target=ask, name="keyring", daemon=True)
        worker.start()
        worker.join(_KEYRING_SECONDS)
        if answers:
            return answers[0]
        if failures and isinstance(failures[0], KeyringUnavailable):
            raise failures[0]
        if failures:
            raise KeyringUnavailable(type(failures[0]).__name__) from failures[0]
        raise KeyringUnavailable(f"no answer within {_KEYRING_SECONDS:.0f} seconds")


def checked(key: str) -> str:
    """`key` without what a paste adds. Raises ValueError for what cannot be a key."""
    key = key.strip()
    if not key:
        raise ValueError("The key is empty. Paste an API key, which begins with sk-ant-.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("This is no API key: it has spaces or unusual characters in it.")
    return key


def _system_keyring() -> Keyring:
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, (fail.Keyring, null.Keyring)):
        raise NoKeyring("there is none")
    return backend
