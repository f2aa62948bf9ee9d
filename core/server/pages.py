"""What people look at in a browser, on FastAPI. Imported when the first page is asked for, never before."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from .. import __version__
from ..dashboard.api import Api
from ..errors import InvalidRequest, ProxyError
from ..settings import SettingsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..dashboard.dashboard import Dashboard

# What is on a page comes from here alone, nobody may put it into a frame, and no script makes HTML from text.
_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'"
)
_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

_KINDS: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# Each is the one page, which reads from its own address what to show.
_PAGES = ("", "overview", "account", "settings", "logs", "about")


def build(instance: str, endpoints: list[str], dashboard: Dashboard) -> ASGIApp:
    """The pages of the server with this `instance` id. FastAPI's own documentation pages are off: they load scripts
    from elsewhere."""
    pages = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages.include_router(Api(dashboard).router())
    for error in (ProxyError, SettingsError, OSError, RequestValidationError):
        pages.add_exception_handler(error, _told)

    async def front(request: Request) -> Response:
        """The dashboard for a browser; for anything else, what answers here."""
        if "text/html" in request.headers.get("accept", ""):
            return _file("index.html")
        about = {"service": "cliproxyapi", "version": __version__, "instance": instance, "endpoints": endpoints}
        return JSONResponse(about)

    pages.add_api_route("/", front, methods=["GET", "HEAD"], response_model=None)
    pages.add_api_route("/welcome", _page, methods=["GET", "HEAD"], response_model=None)
    pages.add_api_route("/dashboard/{name:path}", _page_or_file, methods=["GET", "HEAD"], response_model=None)
    return _with_headers(pages)


def _page() -> Response:
    return _file("index.html")


def _page_or_file(name: str) -> Response:
    return _file("index.html" if name in _PAGES else name)


def _file(name: str) -> Response:
    """A file of the package. Only names that stand in its folders are served."""
    static = resources.files("core.dashboard") / "static"
    known = {item.name: item for item in static.iterdir() if item.is_file()}
    known |= {f"pages/{item.name}": item for item in (static / "pages").iterdir() if item.is_file()}
    kind = _KINDS.get(name.rpartition(".")[2])
    if name not in known or kind is None:
        return JSONResponse({"error": {"message": "There is no such page.", "code": "not_found"}}, status_code=404)
    return Response(known[name].read_bytes(), media_type=kind)


async def _told(_: Request, error: Exception) -> Response:
    """An error as the page shows it: a sentence and a code."""
    match error:
        case ProxyError():
            told = error
        case RequestValidationError():
            told = InvalidRequest("The dashboard sent something that is not understood. Reload the page.")
        case OSError():
            told = ProxyError(f"That could not be done: {error.strerror or error}.", code="system_error")
        case _:
            told = InvalidRequest(str(error), code="bad_setting")
    return JSONResponse({"error": {"message": told.message, "code": told.code}}, status_code=told.status)


def _with_headers(application: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_RAW_HEADERS]
            await send(message)

        await application(scope, receive, send_with_headers)

    return answer
