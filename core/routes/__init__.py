"""Routes: an upstream and the credential that it uses. Picks the one that serves the next request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..credentials.stores import Stores
from ..errors import NotSignedIn
from ..paths import Paths
from ..settings import Settings, SettingsStore
from ..status import SignIn, StatusBoard, limits_of
from ..upstreams import Upstream
from ..upstreams.demo import DemoUpstream
from ..upstreams.http_client import Timeouts
from .api_key import ApiKeyRoute
from .claude_code import ClaudeCodeRoute
from .console import ConsoleRoute, OwnOAuthSource, ProfileSource
from .demo import DemoRoute
from .direct import DirectRoute
from .kind import DEMO_STEP, RouteKind

# Routes that cannot be asked which models there are.
_WITHOUT_MODELS = frozenset({"claude-code", "demo"})
# Routes whose requests a person's plan pays for, and those that cost by the request.
_PLAN, _BILLED = frozenset({"direct", "claude-code"}), frozenset({"api-key", "console"})


@dataclass(frozen=True, slots=True)
class Choice:
    """How the next request is signed, and the sign-in before it in line, if any, that Claude refused."""

    sign_in: SignIn
    refused: SignIn | None = None


class RouteTable:
    """The upstreams, each made when it is first needed. Lives inside one event loop."""

    def __init__(
        self,
        settings: SettingsStore,
        stores: Stores,
        board: StatusBoard,
        paths: Paths,
        *,
        timeouts: Timeouts | None = None,
        demo: DemoUpstream | None = None,
    ) -> None:
        self._settings = settings
        self._board = board
        self._api_key = ApiKeyRoute(stores.api_keys, timeouts)
        # In the order in which `auto` tries them. A key of the environment comes behind all of them.
        self._automatic: Sequence[RouteKind] = (
            self._api_key,
            ConsoleRoute(
                (OwnOAuthSource(stores.own_oauth), ProfileSource(stores.profiles, lambda: settings.current)), timeouts
            ),
            DirectRoute(stores.direct, stores.logins, stores.renewal, timeouts),
            ClaudeCodeRoute(
                stores.claude,
                paths,
                lambda: settings.current.claude_code_processes,
                self._note_limits,
                silence=(timeouts or Timeouts()).read,
            ),
        )
        self._kinds: dict[str, RouteKind] = {
            kind.name: kind for kind in (*self._automatic, DemoRoute(demo or DemoUpstream()))
        }
        self._last_automatic: str | None = None

    async def choose(self) -> Upstream:
        """The upstream for the next request. Raises ProxyError where the setting `route` can lead nowhere."""
        settings = self._settings.current
        if settings.route != "auto":
            return self._kinds[settings.route].upstream(settings)
        choice = await asyncio.to_thread(self._first_that_can_work, settings)
        if choice.sign_in.state == "not_signed_in":
            raise NotSignedIn(choice.sign_in.missing or "There is no way to reach Claude yet.")
        self._note(choice)
        return self._kinds[choice.sign_in.route].upstream(settings)

    async def instead_of(self, refused: Upstream) -> Upstream | None:
        """The route that serves a request whose credential was refused on another; None where there is none.

        Only `auto` changes routes: one that the person named is never switched behind their back.
        """
        settings = self._settings.current
        if settings.route != "auto":
            return None
        choice = await asyncio.to_thread(self._first_that_can_work, settings)
        if choice.sign_in.route == refused.route or not choice.sign_in.usable:
            return None
        self._note(choice)
        return self._kinds[choice.sign_in.route].upstream(settings)

    async def sign_in(self) -> SignIn:
        """Whether the next request could be signed, looked at now; the board gets to know."""
        choice = await asyncio.to_thread(self._choice)
        self._show(choice)
        return choice.sign_in

    async def options(self) -> Sequence[SignIn]:
        """Every route as it stands, in the order of `auto`, for a person who chooses."""
        return await asyncio.to_thread(self._options)

    def look(self) -> Sequence[SignIn]:
        """As `sign_in` and `options` together, on whatever thread. May block."""
        self._show(self._choice())
        return self._options()

    def model_source(self) -> str | None:
        """Where the list of models comes from, as a name for what is kept of it; None where there is only the table."""
        settings = self._settings.current
        route = self._last_automatic if settings.route == "auto" else settings.route
        return None if route in _WITHOUT_MODELS else f"{settings.route} {settings.upstream_url}"

    async def close(self) -> None:
        for kind in self._kinds.values():
            await kind.close()

    def _first_that_can_work(self, settings: Settings) -> Choice:
        """What the person stored here, then what they agreed to; a key of the environment comes last, as it may be
        meant for other programs, and never because another way was refused, expired or failed."""
        refused: SignIn | None = None
        missing: list[str] = []
        for kind in self._automatic:
            sign_in = kind.look(settings, automatic=True)
            if sign_in.state == "not_signed_in":
                missing += [sign_in.missing] if sign_in.missing else []
            elif sign_in.state == "refused":
                refused = refused or sign_in
            else:
                return Choice(sign_in, refused)
        if refused is not None:
            return Choice(refused, refused)
        key = self._api_key.look(settings)
        if key.state != "not_signed_in":
            return Choice(key)
        steps = " ".join(["There is no way to reach Claude yet.", *missing, DEMO_STEP])
        return Choice(SignIn("auto", "not_signed_in", missing=steps))

    def _choice(self) -> Choice:
        settings = self._settings.current
        if settings.route == "auto":
            return self._first_that_can_work(settings)
        sign_in = self._kinds[settings.route].look(settings)
        return Choice(sign_in, sign_in if sign_in.state == "refused" else None)

    def _options(self) -> Sequence[SignIn]:
        settings = self._settings.current
        return [kind.look(settings) for kind in self._kinds.values()]

    def _show(self, choice: Choice) -> None:
        self._board.post(sign_in=choice.sign_in, refused=choice.refused)

    def _note_limits(self, headers: Mapping[str, str]) -> None:
        """For an upstream that learns of the limits only behind its answer's headers."""
        limits = limits_of(headers, time.time())
        if limits is not None:
            self._board.post(limits=limits)

    def _note(self, choice: Choice) -> None:
        """Tell the board which way was taken, and when money begins to flow because a plan's route fell away."""
        route = choice.sign_in.route
        before, self._last_automatic = self._last_automatic, route
        self._show(choice)
        if before in _PLAN and route in _BILLED:
            self._board.post(billed_route=route)
