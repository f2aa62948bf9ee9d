"""Routes: an upstream and the credential that it uses. Picks the one that serves the next request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..credentials.stores import Stores
from ..errors import NotSignedIn
from ..paths import Paths
from ..settings import Settings, SettingsStore
from ..status import SignIn, StatusBoard, limits_of
from ..upstreams import Upstream
from ..upstreams.anthropic_http import Timeouts
from ..upstreams.demo import DemoUpstream
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
    """The route of the next request: by name, or the first that can work."""

    sign_in: SignIn
    automatic: bool


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
        sign_in = await asyncio.to_thread(self._first_that_can_work, settings)
        if sign_in.state == "not_signed_in":
            raise NotSignedIn(sign_in.missing or "There is no way to reach Claude yet.")
        self._note(sign_in)
        return self._kinds[sign_in.route].upstream(settings)

    async def instead_of(self, refused: Upstream) -> Upstream | None:
        """The route that serves a request whose credential was refused on another; None where there is none.

        Only `auto` changes routes: one that the person named is never switched behind their back.
        """
        settings = self._settings.current
        if settings.route != "auto":
            return None
        sign_in = await asyncio.to_thread(self._first_that_can_work, settings)
        if sign_in.route == refused.route or not sign_in.usable:
            return None
        self._note(sign_in)
        return self._kinds[sign_in.route].upstream(settings)

    async def sign_in(self) -> SignIn:
        """Whether the next request could be signed, looked at now; the board gets to know."""
        sign_in = await asyncio.to_thread(self._sign_in)
        self._show(sign_in)
        return sign_in

    async def options(self) -> Sequence[SignIn]:
        """Every route as it stands, in the order of `auto`, for a person who chooses."""
        return await asyncio.to_thread(self._options)

    def look(self) -> Sequence[SignIn]:
        """As `sign_in` and `options` together, on whatever thread. May block."""
        self._show(self._sign_in())
        return self._options()

    def model_source(self) -> str | None:
        """Where the list of models comes from, as a name for what is kept of it; None where there is only the table."""
        settings = self._settings.current
        route = self._last_automatic if settings.route == "auto" else settings.route
        return None if route in _WITHOUT_MODELS else f"{settings.route} {settings.upstream_url}"

    async def close(self) -> None:
        for kind in self._kinds.values():
            await kind.close()

    def _first_that_can_work(self, settings: Settings) -> SignIn:
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
                return sign_in
        if refused is not None:
            return refused
        key = self._api_key.look(settings)
        if key.state != "not_signed_in":
            return key
        steps = " ".join(["There is no way to reach Claude yet.", *missing, DEMO_STEP])
        return SignIn("auto", "not_signed_in", missing=steps)

    def _sign_in(self) -> SignIn:
        settings = self._settings.current
        if settings.route == "auto":
            return self._first_that_can_work(settings)
        return self._kinds[settings.route].look(settings)

    def _options(self) -> Sequence[SignIn]:
        settings = self._settings.current
        return [kind.look(settings) for kind in self._kinds.values()]

    def _show(self, sign_in: SignIn) -> None:
        self._board.change(lambda status: replace(status, sign_in=sign_in))

    def _note_limits(self, headers: Mapping[str, str]) -> None:
        """For an upstream that learns of the limits only behind its answer's headers."""
        limits = limits_of(headers, time.time())
        if limits is not None:
            self._board.change(lambda status: replace(status, limits=limits))

    def _note(self, sign_in: SignIn) -> None:
        """Tell the board which way was taken, and when money begins to flow because a plan's route fell away."""
        before, self._last_automatic = self._last_automatic, sign_in.route
        billed = before in _PLAN and sign_in.route in _BILLED
        self._board.change(
            lambda status: replace(
                status, sign_in=sign_in, billed_route=sign_in.route if billed else status.billed_route
            )
        )
