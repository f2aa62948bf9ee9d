"""The token endpoint of an OAuth 2.0 provider (RFC 6749): codes and refresh tokens in, access tokens out.

No library does this for us. Authlib brings `cryptography`, and requests-oauthlib a second HTTP client, for two forms
and one JSON object; what is hard about tokens (who refreshes, when, and only once) is left to their callers anyway.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import __version__, json_codec
from ..environment_proxy import proxy_for, without_userinfo
from ..json_codec import object_or_empty
from ..log import redact

# Silence between two reads, and the whole answer.
_READ_SECONDS, _ANSWER_SECONDS = 15.0, 30.0
_LARGEST_ANSWER = 256 * 1024
_LONGEST_WORDS = 200
# The alphabet of RFC 6749 5.2 is wider; these are all the codes that exist.
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")
_REVOKE_SECONDS = 5.0


class TokenRefused(Exception):
    """The provider understood and said no. `error` is OAuth's code, such as `invalid_grant`."""

    def __init__(self, error: str, said: str) -> None:
        super().__init__(f"{error}: {said}" if said else error)
        self.error = error


class ProviderFailed(Exception):
    """The provider did not answer, or not as a provider: it may do so later. The message says what happened."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What the provider gave. `expires_in` is in seconds; `account` and `organisation` are names for people."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: float | None
    scopes: tuple[str, ...]
    account: str | None
    organisation: str | None


class TokenEndpoint:
    """Asks the provider at `url`. Its calls block, for half a minute at most."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        self._url = url
        self._environ = environ

    def ask(self, form: Mapping[str, str]) -> Granted:
        """Send `form`. Raises TokenRefused and ProviderFailed."""
        status, body = self._post(self._url, form, _READ_SECONDS)
        try:
            fields = object_or_empty(json_codec.decode(body))
        except json_codec.JSONError:
            fields = {}
        if 200 <= status < 300:
            return _granted(fields)
        if 400 <= status < 500 and status not in (408, 429) and (refusal := _refusal(fields, form)) is not None:
            raise refusal
        raise ProviderFailed(f"it answered with status {status}")

    def revoke(self, client_id: str, token: str) -> bool:
        """Ask the provider to forget `token` (RFC 7009, at the address that Anthropic has for it: /revoke below the
        token endpoint). False where it did not confirm that."""
        form = {"token": token, "token_type_hint": "refresh_token", "client_id": client_id}
        try:
            status, _ = self._post(f"{self._url.rstrip('/')}/revoke", form, _REVOKE_SECONDS)
        except ProviderFailed:
            return False
        return 200 <= status < 300

    def _post(self, url: str, form: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
        import ssl

        import httpx
        import truststore

        headers = {"accept": "application/json", "user-agent": f"cliproxyapi/{__version__}"}
        until = time.monotonic() + min(_ANSWER_SECONDS, 2 * seconds)
        try:
            context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            proxy = proxy_for(url, self._environ)
            with (
                httpx.Client(verify=context, proxy=proxy, trust_env=False, timeout=seconds) as client,
                client.stream("POST", url, data=dict(form), headers=headers) as answer,
            ):
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST_ANSWER or time.monotonic() > until:
                        raise ProviderFailed("its answer was too long, or took too long")
                return answer.status_code, bytes(body)
        except httpx.TimeoutException as error:
            raise ProviderFailed("it did not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise ProviderFailed(without_userinfo(str(error)) or type(error).__name__) from error


def _granted(fields: Mapping[str, Any]) -> Granted:
    token = fields.get("access_token")
    if not _is_token(token):
        raise ProviderFailed("its answer holds no access token")
    refresh = fields.get("refresh_token")
    lives = fields.get("expires_in")
    is_number = isinstance(lives, (int, float)) and not isinstance(lives, bool) and lives > 0
    scope = fields.get("scope")
    account, organisation = object_or_empty(fields.get("account")), object_or_empty(fields.get("organization"))
    return Granted(
        access_token=str(token),
        refresh_token=str(refresh) if _is_token(refresh) else None,
        expires_in=float(lives) if is_number else None,  # pyright: ignore[reportArgumentType]  # it is a number
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
        account=_text(account.get("email_address")),
        organisation=_text(organisation.get("name")),
    )


def _refusal(fields: Mapping[str, Any], sent: Mapping[str, str]) -> TokenRefused | None:
    """What an error says; None where it is no error of an OAuth provider."""
    inner = object_or_empty(fields.get("error"))  # Anthropic's own shape
    error = fields.get("error") if not inner else inner.get("type")
    if not isinstance(error, str) or not _ERROR_CODE.fullmatch(error):
        return None
    said = fields.get("error_description") if not inner else inner.get("message")
    words = said if isinstance(said, str) else ""
    for secret in ("code", "code_verifier", "refresh_token"):
        words = words.replace(sent.get(secret) or "\0", "[redacted]")
    return TokenRefused(error, " ".join(redact(words).split())[:_LONGEST_WORDS])


def _is_token(value: object) -> bool:
    """A token goes into a header as it is."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable() and " " not in value


def _text(value: object) -> str | None:
    return value[:_LONGEST_WORDS] if isinstance(value, str) and value else None
