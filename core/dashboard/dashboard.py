"""What the dashboard's parts have in common, and how things stand as one value for the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .. import __version__
from ..credentials.desk import SignInDesk
from ..credentials.stores import Stores
from ..gateway import local_time
from ..paths import Paths, without_home
from ..routes import RouteTable
from ..settings import SettingsStore
from ..status import StatusBoard
from ..updates import UpdateCheck
from .access import Access
from .account import Account
from .controls import Controls, SignIns
from .events import Events, Topic
from .headline import headline_of
from .page_paths import PAGE_PATHS
from .words import ROUTE_WORDS


class Dashboard:
    """Made once; its events belong to the event loop that serves them."""

    def __init__(
        self,
        settings: SettingsStore,
        stores: Stores,
        board: StatusBoard,
        paths: Paths,
        *,
        desk: SignInDesk,
        sign_ins: SignIns,
        controls: Controls,
        routes: Callable[[], RouteTable],
        updates: UpdateCheck,
    ) -> None:
        self.settings = settings
        self.board = board
        self.paths = paths
        self.desk = desk
        self.controls = controls
        self.routes = routes
        self.updates = updates
        self.access = Access()
        self.account = Account(settings, stores, desk, sign_ins, routes, str(paths.config_file))
        self.events = Events(
            {"state": (board.listen, desk.listen, settings.listen), "settings": (settings.listen,)}, self._render
        )

    def link(self, host: str, port: int, page: str) -> str:
        """An address of `page` that lets one browser in, once, for two minutes. `host` is where the server listens."""
        name = "127.0.0.1" if host in ("0.0.0.0", "::1", "::", "localhost") else host  # noqa: S104
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{port}{PAGE_PATHS.get(page, '/')}#token={self.access.mint()}"

    def state(self) -> dict[str, Any]:
        """How things stand, without a secret."""
        status, route = self.board.status, self.settings.current.route
        sign_in, refused = status.sign_in, status.refused
        return {
            "version": __version__,
            "headline": headline_of(status, local_time),
            "server": status.server,
            "address": status.address,
            "port": status.port,
            "route": route,
            "route_label": _label(route),
            "serving_label": _label(sign_in.route) if sign_in is not None and sign_in.route != "auto" else None,
            "sign_in": None if sign_in is None else replace(sign_in, source=without_home(sign_in.source)),
            "refused": None if refused is None else replace(refused, source=without_home(refused.source)),
            "limits": status.limits,
            "problem": status.problem,
            "billed_route": None if status.billed_route is None else _label(status.billed_route),
            "last_ok": status.last_ok,
            "last_error": status.last_error,
            "last_error_at": status.last_error_at,
            "requests": status.requests,
            "refused_pages": status.refused_pages,
            "update": status.update,
            "needs_restart": self.settings.needs_restart,
            "warnings": self.settings.warnings,
            "progress": self.desk.progress,
            "log_level": self.settings.current.log_level,
        }

    def _render(self, topic: Topic) -> object:
        return self.state() if topic == "state" else {}


def _label(route: str) -> str:
    words = ROUTE_WORDS.get(route)
    return route if words is None else words.label
