"""One secret of ours: in the system's keyring, or in a file for its owner alone where there is no keyring.

A small file says which: without it no keyring is ever touched, as asking one takes time and may open a window.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .. import json_codec
from ..errors import CredentialLocked
from ..json_codec import object_or_empty
from ..paths import write_private

log = logging.getLogger("cliproxyapi.credentials")

_SERVICE = "cliproxyapi"
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
class Named:
    """How a secret is told to people: `name` begins a sentence, `again` is how to store it once more; `account` is its
    name in the keyring, `field` in our file."""

    account: str
    field: str
    name: str
    again: str


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret, and where it was found, in words for people."""

    value: str = field(repr=False)
    source: str


class SecretStore:
    """Finds, stores and forgets one secret. Any thread may ask; asking may take two seconds."""

    def __init__(self, path: Path, named: Named, keyring_backend: Keyring | None = None) -> None:
        self._path = path
        self._named = named
        self._backend = keyring_backend
        self._lock = threading.Lock()
        # What the keyring said, and the state of our file when it did: it is asked once, not for each request.
        self._known: tuple[tuple[int, int], StoredSecret | None] | None = None
        # Until when (by the monotonic clock) a keyring that did not answer is left alone, and what it said.
        self._locked: tuple[float, CredentialLocked] | None = None

    def exists(self) -> bool:
        """Whether something was stored, wherever it lies. Never waits for long."""
        return self._version() is not None

    def remembered(self) -> StoredSecret | None:
        """What `stored` would say, if that needs no keyring and no reading; else None. Never waits for long."""
        version, known = self._version(), self._known
        return known[1] if version is not None and known is not None and known[0] == version else None

    def stored(self) -> StoredSecret | None:
        """Raises CredentialLocked where the keyring that holds the secret does not give it out."""
        with self._lock:
            version = self._version()
            if version is None:
                return None
            if self._known is None or self._known[0] != version:
                self._known = (version, self._read())
            return self._known[1]

    def store(self, secret: str) -> str:
        """Keep `secret`; where it now is, in words. Raises OSError where none can be kept."""
        with self._lock:
            self._forget()
            given_up = threading.Event()

            def put(keyring: Keyring) -> None:
                keyring.set_password(_SERVICE, self._named.account, secret)
                if given_up.is_set():
                    # It was unlocked too late: the secret is in our file by now, and one place is enough.
                    keyring.delete_password(_SERVICE, self._named.account)

            try:
                self._ask(put)
            except KeyringUnavailable:
                given_up.set()
                write_private(self._path, json_codec.encode({"stored": "file", self._named.field: secret}))
                return f"the file {self._path}"
            write_private(self._path, json_codec.encode({"stored": "keyring"}))
            return "the system's keyring"

    def delete(self) -> bool:
        """Forget the stored secret. False where there was none. Raises OSError, and CredentialLocked where the keyring
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

    def _version(self) -> tuple[int, int] | None:
        """Changes whenever somebody stores something; None where nothing is stored."""
        try:
            state = self._path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_ino

    def _forget(self) -> None:
        self._known = self._locked = None

    def _delete_from_keyring(self) -> None:
        def delete(keyring: Keyring) -> None:
            if keyring.get_password(_SERVICE, self._named.account) is not None:
                keyring.delete_password(_SERVICE, self._named.account)

        try:
            self._ask(delete)
        except NoKeyring:
            raise
        except KeyringUnavailable as error:
            raise CredentialLocked(
                f"{self._named.name} is in the system's keyring, which does not delete it ({error}). Unlock the "
                "keyring and try again."
            ) from error

    def _fields(self) -> dict[str, Any]:
        try:
            return object_or_empty(json_codec.decode(self._path.read_bytes()))
        except json_codec.JSONError:
            return {}

    def _read(self) -> StoredSecret | None:
        try:
            fields = self._fields()
        except OSError as error:
            log.warning("%s cannot be read: %s", self._path, error.strerror)
            return None
        secret = fields.get(self._named.field)
        if fields.get("stored") == "file" and isinstance(secret, str) and secret:
            return StoredSecret(secret, f"the file {self._path}")
        if fields.get("stored") == "keyring":
            return self._read_keyring()
        log.warning("%s is damaged; %s", self._path, self._named.again)
        return None

    def _read_keyring(self) -> StoredSecret | None:
        if self._locked is not None and time.monotonic() < self._locked[0]:
            raise self._locked[1]
        try:
            secret = self._ask(lambda keyring: keyring.get_password(_SERVICE, self._named.account))
        except KeyringUnavailable as error:
            locked = CredentialLocked(
                f"{self._named.name} is in the system's keyring, which does not give it out ({error}). Unlock the "
                f"keyring, or {self._named.again}."
            )
            self._locked = (time.monotonic() + _LOCKED_SECONDS, locked)
            raise locked from error
        return StoredSecret(secret, "the system's keyring") if secret else None

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


def _system_keyring() -> Keyring:
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, (fail.Keyring, null.Keyring)):
        raise NoKeyring("there is none")
    return backend
