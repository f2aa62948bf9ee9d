"""The provider of OAuth sign-ins that the simulated Claude plays: consent, tokens that rotate, what can go wrong."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from .scenarios import Scenario

CLIENT_ID = "simulated-app"
MARKER = "s3cr3t-marker"
ACCOUNT = "ada@example.com"
OAUTH_BETA = "oauth-2025-04-20"
EXPIRED = "OAuth token has expired. Please obtain a new token or refresh your existing token."
REVOKED = "OAuth token has been revoked. Please obtain a new token."
INVALID = "Invalid bearer token"

Consent = Literal["page", "grant", "deny", "wrong_state"]


@dataclass(frozen=True)
class Reply:
    """What is sent back: JSON, a page or a redirect. `scenario` takes its place."""

    status: int = 200
    value: Any = None
    page: str | None = None
    location: str | None = None
    scenario: Scenario | None = None

    @property
    def body(self) -> bytes:
        return self.page.encode() if self.page is not None else json.dumps(self.value).encode()

    @property
    def headers(self) -> dict[str, str]:
        kind = "text/html; charset=utf-8" if self.page is not None else "application/json"
        return {"content-type": kind, **({"location": self.location} if self.location else {})}


@dataclass
class _Code:
    redirect_uri: str
    challenge: str
    state: str
    scopes: str


@dataclass
class _Token:
    expires_at: float
    scopes: str
    revoked: bool = False


@dataclass
class Provider:
    """One registered app, whose redirect address is a loopback one with any port.

    `consent` is what becomes of a visit to /oauth/authorize: a page with two buttons, or at once a redirect. `script`
    holds what the next requests for tokens are answered with, None for an ordinary answer.
    """

    consent: Consent = "grant"
    script: list[Scenario | None] = field(default_factory=list)
    # Off: a refresh is answered without a new refresh token, and the old one goes on.
    rotates: bool = True
    expires_in: float | None = 28800
    codes: dict[str, _Code] = field(default_factory=dict)
    access: dict[str, _Token] = field(default_factory=dict)
    # Refresh tokens that are good, and the scopes that they stand for.
    refresh: dict[str, str] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def expire(self) -> None:
        """Every access token is too old, whatever its `expires_in` said."""
        for token in self.access.values():
            token.expires_at = 0

    def sign_out(self) -> None:
        """Somebody took the consent back: no token works any more."""
        self.refresh.clear()
        for token in self.access.values():
            token.revoked = True

    def refusal(self, token: str) -> str | None:
        """Why an access token does not work; None where it does."""
        known = self.access.get(token)
        if known is None:
            return INVALID
        if known.revoked:
            return REVOKED
        return EXPIRED if time.time() >= known.expires_at else None

    def reply(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        """None for what is not the provider's."""
        match method, path:
            case "GET", "/oauth/authorize":
                return self._authorize(_fields(query))
            case "POST", "/v1/oauth/token":
                scenario = self.script.pop(0) if self.script else None
                return Reply(scenario=scenario) if scenario else self._token(_form(headers, body))
            case "POST", "/v1/oauth/token/revoke":
                return self._revoke(_form(headers, body))
            case "GET", "/api/oauth/profile" | "/api/oauth/usage":
                return self._about(path, headers)
            case _:
                return None

    def grant(self, scopes: str = "user:inference user:profile") -> dict[str, Any]:
        """Tokens as a code would bring them, with the names of their owner."""
        return {
            **self._tokens(scopes, rotates=True),
            "organization": {"uuid": "org-simulated", "name": "Simulated Ltd"},
            "account": {"uuid": "account-simulated", "email_address": ACCOUNT},
        }

    def _authorize(self, given: Mapping[str, str]) -> Reply:
        redirect = urlsplit(given.get("redirect_uri", ""))
        wrong = (
            ("client_id", given.get("client_id") != CLIENT_ID),
            ("redirect_uri", (redirect.scheme, redirect.hostname, redirect.path) != ("http", "127.0.0.1", "/callback")),
            ("response_type", given.get("response_type") != "code"),
            ("state", len(given.get("state", "")) < 16),
            ("code_challenge", len(given.get("code_challenge", "")) != 43),
            ("code_challenge_method", given.get("code_challenge_method") != "S256"),
        )
        if bad := [name for name, is_wrong in wrong if is_wrong]:
            # What cannot be trusted is never redirected to.
            return Reply(400, page=f"<h1>Invalid request</h1><p>{', '.join(bad)}</p>")
        if self.consent == "page" and "decision" not in given:
            hidden = "".join(
                f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
                for name, value in given.items()
            )
            buttons = "".join(
                f'<button name="decision" value="{value}">{label}</button>'
                for value, label in (("grant", "Agree"), ("deny", "Decline"), ("wrong_state", "Forge"))
            )
            return Reply(
                page=f'<h1>An app wants to use Claude</h1><form action="/oauth/authorize">{hidden}{buttons}</form>'
            )
        return self._decided(given, given.get("decision", self.consent))

    def _decided(self, given: Mapping[str, str], decision: str) -> Reply:
        state = "forged-state-of-somebody-else" if decision == "wrong_state" else given["state"]
        if decision == "deny":
            answer = {"error": "access_denied", "error_description": "The person declined", "state": state}
        else:
            code = f"code-{MARKER}-{next(self._numbers)}"
            self.codes[code] = _Code(
                given["redirect_uri"], given["code_challenge"], given["state"], given.get("scope", "")
            )
            answer = {"code": code, "state": state}
        return Reply(302, location=f"{given['redirect_uri']}?{urlencode(answer)}")

    def _token(self, form: Mapping[str, str]) -> Reply:
        if form.get("client_id") != CLIENT_ID:
            return _refused("invalid_client", "Unknown client", status=401)
        match form.get("grant_type"):
            case "authorization_code":
                return self._of_code(form)
            case "refresh_token":
                scopes = self.refresh.get(form.get("refresh_token", ""))
                if scopes is None:
                    return _refused("invalid_grant", "Refresh token not found or invalid")
                if self.rotates:
                    del self.refresh[form["refresh_token"]]
                return Reply(value=self._tokens(scopes, rotates=self.rotates))
            case _:
                return _refused("unsupported_grant_type", "Unknown grant type")

    def _of_code(self, form: Mapping[str, str]) -> Reply:
        missing = [name for name in ("code", "redirect_uri", "code_verifier", "state") if not form.get(name)]
        if missing:
            return _refused("invalid_request", f"{missing[0]} is required")
        code = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if code is None or (code.redirect_uri, code.state, code.challenge) != (
            form["redirect_uri"],
            form["state"],
            challenge,
        ):
            return _refused("invalid_grant", "Code not found or invalid")
        return Reply(value=self.grant(code.scopes))

    def _tokens(self, scopes: str, *, rotates: bool) -> dict[str, Any]:
        number = next(self._numbers)
        access, refresh = f"sk-ant-oat01-{MARKER}-{number}", f"sk-ant-ort01-{MARKER}-{number}"
        lives = float("inf") if self.expires_in is None else self.expires_in
        self.access[access] = _Token(time.time() + lives, scopes)
        answer: dict[str, Any] = {"token_type": "Bearer", "access_token": access, "scope": scopes}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if rotates:
            self.refresh[refresh] = scopes
            answer["refresh_token"] = refresh
        return answer

    def _revoke(self, form: Mapping[str, str]) -> Reply:
        token = form.get("token", "")
        self.revoked.append(token)
        self.refresh.pop(token, None)
        return Reply(value={})

    def _about(self, path: str, headers: Mapping[str, str]) -> Reply:
        token = self.access.get(headers.get("authorization", "").removeprefix("Bearer "))
        if token is None:
            return _api_error(401, "authentication_error", INVALID)
        if path.endswith("/profile"):
            return Reply(value={"account": {"email": ACCOUNT}, "organization": {"name": "Simulated Ltd"}})
        if OAUTH_BETA not in headers.get("anthropic-beta", "") or "user:profile" not in token.scopes:
            return _api_error(403, "permission_error", "OAuth token does not meet scope requirement user:profile")
        window = {"utilization": 12, "resets_at": "2026-11-25T23:00:00Z"}
        return Reply(value={"five_hour": window, "seven_day": window})


def _refused(error: str, said: str, *, status: int = 400) -> Reply:
    return Reply(status, {"error": error, "error_description": said})


def _api_error(status: int, kind: str, message: str) -> Reply:
    return Reply(status, {"type": "error", "error": {"type": kind, "message": message}})


def _fields(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query).items()}


def _form(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    if "json" in headers.get("content-type", ""):
        return json.loads(body)
    return _fields(body.decode())
