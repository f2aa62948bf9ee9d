"""Choosing a route and a sign-in, as the dashboard's page Account does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ..credentials.api_key import ENVIRONMENT_VARIABLE, ApiKeyStore, checked
from ..credentials.desk import Kind, SignInDesk
from ..credentials.key_check import verify_api_key
from ..credentials.stores import Stores
from ..errors import InvalidRequest, ProxyError
from ..paths import without_home
from ..routes import RouteTable
from ..settings import DEFAULT, SettingsStore
from .controls import SignIns
from .words import CONSENT, ROUTE_WORDS, TERMS, TERMS_LINKS, TERMS_READ


class ConsentNeeded(ProxyError):
    """The route uses the Claude sign-in directly, and the person has not agreed to that."""

    status, code = 409, "consent_needed"
    title = "The route needs a yes"


class Account:
    """Lives beside the routes of one server."""

    def __init__(
        self,
        settings: SettingsStore,
        stores: Stores,
        desk: SignInDesk,
        sign_ins: SignIns,
        routes: Callable[[], RouteTable],
        config_file: str,
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._desk = desk
        self._sign_ins = sign_ins
        self._routes = routes
        self._own_sources = (DEFAULT, config_file)

    async def view(self) -> dict[str, Any]:
        """Everything that the page shows."""
        await self._routes().sign_in()
        options = [
            {
                **asdict(option),
                **_words(option.route),
                "source": without_home(option.source),
                "consent_needed": self._needs_consent(option.route),
            }
            for option in await self._routes().options()
        ]
        settings = self._settings.current
        source = settings.source("route")
        return {
            "route": settings.route,
            "route_set_by": None if source in self._own_sources else source,
            "nothing_preselected": source == DEFAULT and _only_an_untried_plan(options),
            "options": [{"route": "auto", "state": "not_needed", "missing": None, **_words("auto")}, *options],
            "consent": settings.direct_consent,
            "ignores_claude_login": settings.claude_login == "ignore",
            "ways": [asdict(way) for way in await asyncio.to_thread(self._sign_ins.ways)],
            "api_key": await asyncio.to_thread(_key_view, self._stores.api_keys),
            "terms": {"text": TERMS, "links": TERMS_LINKS, "read": TERMS_READ, "consent": CONSENT},
        }

    def choose(self, route: str, *, consent: bool) -> None:
        """Raises ConsentNeeded, SettingsError, OSError."""
        agreed = {"direct_consent": True} if consent else {}
        if self._needs_consent(route) and not consent:
            raise ConsentNeeded(CONSENT)
        self._settings.change(route=None if route == "auto" else route, **agreed)

    def set_consent(self, agreed: bool) -> None:
        self._settings.change(direct_consent=True if agreed else None)

    def check_consent(self, wanted: Mapping[str, Any]) -> None:
        """Raises ConsentNeeded where settings are wanted that only somebody who read the words may set."""
        if (wanted.get("direct_consent") or wanted.get("route") == "direct") and self._needs_consent("direct"):
            raise ConsentNeeded(CONSENT)

    def sign_in(self, kind: Kind) -> None:
        """Raises SignInFailed, SignInRunning."""
        try:
            self._sign_ins.start(kind)
        except LookupError:
            raise InvalidRequest("This way to sign in is not offered here.", param="kind") from None

    def paste(self, code: str) -> None:
        if not self._desk.paste(code):
            raise InvalidRequest("No sign-in waits for a code. Start it again.", param="code")

    def store_key(self, key: str) -> str:
        """Where the key now lies. Raises ProxyError and OSError."""
        try:
            key = checked(key)
        except ValueError as error:
            raise InvalidRequest(str(error), param="key") from None
        verify_api_key(self._settings.current.upstream_url, key)
        return self._stores.api_keys.store(key)

    def remove_key(self) -> None:
        self._stores.api_keys.delete()

    def sign_out(self) -> None:
        """Forget what was stored here, and leave alone what others stored until the person signs in here again."""
        self._stores.api_keys.delete()
        self._stores.own_oauth.forget()
        self._settings.change(claude_login="ignore", direct_consent=None, console_profile=None)

    def use_claude_login(self) -> None:
        """Take up again the Claude sign-in that others stored."""
        self._settings.change(claude_login=None)

    def check_again(self) -> None:
        self._stores.look_again()

    def _needs_consent(self, route: str) -> bool:
        return route == "direct" and not self._settings.current.direct_consent


def _only_an_untried_plan(options: list[dict[str, Any]]) -> bool:
    """Whether a plan's sign-in that nobody agreed to is all that there is: then the person chooses, not we."""
    ready = [option for option in options if option["source"] and option["state"] in ("signed_in", "expired")]
    return bool(ready) and all(option["consent_needed"] for option in ready)


def _words(route: str) -> dict[str, Any]:
    words = ROUTE_WORDS.get(route)
    return {"label": route, "what": "", "billed": ""} if words is None else asdict(words)


def _key_view(store: ApiKeyStore) -> dict[str, Any]:
    """Where a key lies, never the key."""
    environment = ENVIRONMENT_VARIABLE if store.from_environment() else None
    try:
        stored = store.stored()
    except ProxyError as error:
        return {"source": None, "environment": environment, "problem": error.message}
    return {"source": without_home(stored.source) if stored else None, "environment": environment, "problem": None}
