"""The API key: what the person stored here, in the keyring or a file of its own, or ANTHROPIC_API_KEY."""

from __future__ import annotations

from collections.abc import Mapping

from ..paths import Paths
from .secret_store import Keyring, Named, SecretStore, StoredSecret

ENVIRONMENT_VARIABLE = "ANTHROPIC_API_KEY"
_NAMED = Named(
    account="anthropic-api-key",
    field="key",
    name="The API key",
    again="store the key again with `cliproxyapi login --api-key`",
)


class ApiKeyStore:
    """Finds, stores and forgets the API key. Any thread may ask; asking may take two seconds."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], keyring_backend: Keyring | None = None) -> None:
        self._secret = SecretStore(paths.api_key_file, _NAMED, keyring_backend)
        self._environ = environ

    def find(self) -> StoredSecret | None:
        """The key to use: what the person stored here, else the environment's. Raises CredentialLocked."""
        return self.stored() or self.from_environment()

    def remembered(self) -> StoredSecret | None:
        """What `find` would say, if that needs no keyring and no reading; else None. Never waits for long."""
        return self._secret.remembered() if self._secret.exists() else self.from_environment()

    def from_environment(self) -> StoredSecret | None:
        value = self._environ.get(ENVIRONMENT_VARIABLE, "").strip()
        return StoredSecret(value, ENVIRONMENT_VARIABLE) if value else None

    def stored(self) -> StoredSecret | None:
        """Raises CredentialLocked where the keyring that holds the key does not give it out."""
        return self._secret.stored()

    def store(self, key: str) -> str:
        """Keep `key`; where it now is, in words. Raises ValueError for what is no key, OSError where none can be
        kept."""
        return self._secret.store(checked(key))

    def delete(self) -> bool:
        """Forget the stored key. False where there was none. Raises OSError, and CredentialLocked where the keyring
        keeps it."""
        return self._secret.delete()


def checked(key: str) -> str:
    """`key` without what a paste adds. Raises ValueError for what cannot be a key."""
    key = key.strip()
    if not key:
        raise ValueError("The key is empty. Paste an API key, which begins with sk-ant-.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("This is no API key: it has spaces or unusual characters in it.")
    return key
