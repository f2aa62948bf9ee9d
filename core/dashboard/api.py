"""The dashboard's JSON, on FastAPI: thin functions from a path to what does it. Plain `def` runs in a worker thread.

Who may ask was judged before a request gets here.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from .. import __version__, licences
from ..credentials.desk import Kind
from ..errors import InvalidRequest
from ..log import last_lines
from ..paths import without_home
from .access import SESSION_HEADER
from .dashboard import Dashboard
from .diagnostics import report
from .settings_page import settings_view, wanted_values
from .trial import say_hello

_MOST_LINES = 1000


class Token(BaseModel):
    token: str


class RouteChoice(BaseModel):
    route: str
    consent: bool = False


class Yes(BaseModel):
    """A yes or a no."""

    yes: bool


class StartAtLogin(BaseModel):
    yes: bool
    # Another program stands in our place, and the person said that it may go.
    replace: bool = False


class SignInKind(BaseModel):
    kind: Kind


class Code(BaseModel):
    code: str


class Key(BaseModel):
    key: str


class Api:
    """The endpoints below /api."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._account = dashboard.account

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api")
        for path, get in {
            "/state": self.state,
            "/account": self.account,
            "/settings": self.settings,
            "/logs": self.logs,
            "/about": self.about,
            "/licences": self.licences,
            "/diagnostics": self.diagnostics,
            "/controls": self.controls,
        }.items():
            router.add_api_route(path, get, methods=["GET"])
        for path, post in {
            "/session": self.session,
            "/account/route": self.choose_route,
            "/account/consent": self.consent,
            "/account/sign-in": self.sign_in,
            "/account/code": self.paste,
            "/account/cancel": self.cancel,
            "/account/api-key": self.store_key,
            "/account/api-key/remove": self.remove_key,
            "/account/claude-login": self.use_claude_login,
            "/account/check": self.check_again,
            "/account/sign-out": self.sign_out,
            "/settings": self.change_settings,
            "/test": self.test,
            "/updates": self.look_for_updates,
            "/controls/autostart": self.autostart,
            "/controls/{verb}": self.control,
        }.items():
            router.add_api_route(path, post, methods=["POST"])
        return router

    def session(self, given: Token) -> dict[str, str]:
        return {"session": self._dashboard.access.exchange(given.token), "header": SESSION_HEADER.decode()}

    async def state(self) -> dict[str, Any]:
        return self._dashboard.state()

    # Account

    async def account(self) -> dict[str, Any]:
        return await self._account.view()

    async def choose_route(self, given: RouteChoice) -> dict[str, Any]:
        self._account.choose(given.route, consent=given.consent)
        return await self._account.view()

    async def consent(self, given: Yes) -> dict[str, Any]:
        self._account.set_consent(given.yes)
        return await self._account.view()

    def sign_in(self, given: SignInKind) -> dict[str, Any]:
        self._account.sign_in(given.kind)
        return self._dashboard.state()

    def paste(self, given: Code) -> dict[str, Any]:
        self._account.paste(given.code)
        return {}

    def cancel(self) -> dict[str, Any]:
        self._dashboard.desk.cancel()
        return {}

    def store_key(self, given: Key) -> dict[str, str]:
        return {"place": self._account.store_key(given.key)}

    def remove_key(self) -> dict[str, Any]:
        self._account.remove_key()
        return {}

    def use_claude_login(self) -> dict[str, Any]:
        self._account.use_claude_login()
        return {}

    async def check_again(self) -> dict[str, Any]:
        self._account.check_again()
        return await self._account.view()

    async def sign_out(self) -> dict[str, Any]:
        self._account.sign_out()
        return await self._account.view()

    # Settings

    def settings(self) -> dict[str, Any]:
        store, paths = self._dashboard.settings, self._dashboard.paths
        views = settings_view(store, str(paths.config_file))
        return {"file": without_home(str(paths.config_file)), "settings": [asdict(view) for view in views]}

    def change_settings(self, given: dict[str, Any]) -> dict[str, Any]:
        self._account.check_consent(given)
        self._dashboard.settings.change(**wanted_values(given))
        return self.settings()

    # Logs, about, a test, and the program around

    def logs(self, lines: int = 400) -> dict[str, Any]:
        path = self._dashboard.paths.log_file
        return {"file": without_home(str(path)), "lines": last_lines(path, max(0, min(lines, _MOST_LINES)))}

    def about(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "licences": [asdict(package) for package in licences.packages()],
            "updates": self._updates(),
        }

    def licences(self) -> dict[str, str]:
        return {"text": licences.text()}

    def look_for_updates(self) -> dict[str, Any]:
        self._dashboard.updates.check_now()
        return self._updates()

    def _updates(self) -> dict[str, Any]:
        updates = self._dashboard.updates
        asked, newer = updates.last_asked(), updates.known()
        return {
            "on": updates.on,
            "asked_at": None if asked is None else asked.at,
            "newer": None if newer is None else asdict(newer),
        }

    async def diagnostics(self) -> dict[str, str]:
        dashboard = self._dashboard
        options = await dashboard.routes().options()
        return {"text": report(dashboard.settings.current, dashboard.board.status, options, dashboard.paths)}

    async def test(self, request: Request) -> dict[str, Any]:
        host, port = request.scope["server"]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        return asdict(await say_hello(address, self._dashboard.settings.current))

    def controls(self) -> dict[str, Any]:
        controls = self._dashboard.controls
        autostart = controls.autostart
        return {
            "icon_place": controls.icon_place,
            "autostart": None if autostart is None else autostart.enabled(),
            "can_stop": controls.can_stop,
            "can_open_logs": controls.can_open_logs,
        }

    def autostart(self, given: StartAtLogin) -> dict[str, Any]:
        autostart = self._dashboard.controls.autostart
        if autostart is None:
            raise InvalidRequest("This program cannot start at login by itself here.")
        if given.yes:
            autostart.enable(given.replace)
        else:
            autostart.disable()
        return self.controls()

    def control(self, verb: str) -> dict[str, Any]:
        controls = self._dashboard.controls
        verbs = {"restart": controls.restart, "quit": controls.quit}
        if controls.can_stop:
            verbs["stop"] = controls.stop
        if controls.can_open_logs:
            verbs["open-logs"] = controls.open_logs
        if verb not in verbs:
            raise InvalidRequest("This program cannot do that here.", status=404)
        verbs[verb]()
        return {}
