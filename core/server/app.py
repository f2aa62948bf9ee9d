"""The ASGI application: one path test in front of the hot paths, everything else behind it.

A request enters here, becomes a Messages request in a dialect, leaves through the gateway, and comes back frame by
frame through `relay` or as a whole through `collect`.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import importlib
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .. import __version__, json_codec, sse
from ..answers import Accumulator
from ..credentials.desk import SignInDesk
from ..credentials.stores import Stores
from ..dashboard.access import SESSION_HEADER, check_page
from ..dashboard.controls import Controls, NoControls, NoSignIns, SignIns
from ..dashboard.dashboard import Dashboard
from ..dashboard.page_paths import BELOW, WELCOME
from ..dialects import messages as native
from ..dialects.chat_completions.chunks import ChunkEncoder
from ..dialects.chat_completions.completion import FINISH_REASONS, render_completion
from ..dialects.chat_completions.errors import render_error
from ..dialects.chat_completions.reasoning import ThinkingMemory
from ..dialects.chat_completions.request import ChatRequest, Defaults, parse_request
from ..errors import InternalError, InvalidRequest, ProxyError, ProxyStopping
from ..gateway import Gateway
from ..healing import Lessons
from ..log import redact
from ..paths import Paths
from ..routes import RouteTable
from ..settings import SettingsError, SettingsStore
from ..status import SignIn, StatusBoard, after_failure, with_request
from ..updates import FEED, DailyCheck, UpdateCheck
from ..upstreams.demo import DemoUpstream
from ..upstreams.http_client import Timeouts
from . import control, models, request_log
from .calls import ChatCall, NativeCall, invalid_json
from .downstream import ClientGone, Downstream, Receive, Scope, Send
from .guard import Guard, OriginRefused
from .relay import HEARTBEAT_SECONDS, ChatRelay, NativeRelay

log = logging.getLogger("cliproxyapi.requests")

MODELS, MODEL = models.PATH, f"{models.PATH}/"
CHAT, MESSAGES, COUNT_TOKENS = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
HEALTH, BANNER, HELLO = "/health", "/", "/api/hello"

# What clients post to when their base URL lacks the /v1 or has it twice.
_ALIASES: Mapping[str, str] = {
    "/healthz": HEALTH,
    **{
        alias: path
        for path in (CHAT, MESSAGES, COUNT_TOKENS, MODELS)
        for alias in (path.removeprefix("/v1"), f"/v1{path}")
    },
}
_METHODS: Mapping[str, tuple[str, ...]] = {
    CHAT: ("POST",),
    MESSAGES: ("POST",),
    COUNT_TOKENS: ("POST",),
    HEALTH: ("GET", "HEAD"),
    BANNER: ("GET", "HEAD"),
    MODELS: ("GET", "HEAD"),
    MODEL: ("GET", "HEAD"),
    # Claude Code asks this first, to see whether anybody is there.
    HELLO: ("GET", "HEAD"),
}
_NATIVE = frozenset({MESSAGES, COUNT_TOKENS})
API = "/api/"
ACTIVATE, QUIT, RELOAD, SESSION = "/api/activate", "/api/quit", "/api/reload", "/api/session"
STATUS = "/api/status"
# These prove themselves by the token of the lock file.
_CONTROL = frozenset({ACTIVATE, QUIT, RELOAD, STATUS})
_LARGE_BODY_BYTES = 512 * 1024

_NO_STORE: Mapping[str, str] = {"cache-control": "no-store", "cross-origin-resource-policy": "same-origin"}

_STOPPING = "This proxy is being stopped or restarted. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Tuning:
    """Seconds that only tests and benchmarks have a reason to change."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    heartbeat: float = HEARTBEAT_SECONDS
    demo_word: float = 0.02
    # How long open streams may take to say that the server stops.
    farewell: float = 2.0
    releases_feed: str = FEED


class App:
    """The ASGI application. Built once; what belongs to an event loop is born in its lifespan and dies with it."""

    def __init__(
        self,
        settings: SettingsStore,
        stores: Stores,
        board: StatusBoard,
        paths: Paths,
        tuning: Tuning | None = None,
        *,
        token: str = "",
        desk: SignInDesk | None = None,
        sign_ins: SignIns | None = None,
        controls: Controls | None = None,
    ) -> None:
        """`token` is that of the lock file; without one, no other program controls the server."""
        self._paths = paths
        self._settings = settings
        self._stores = stores
        self._board = board
        self._tuning = tuning or Tuning()
        self._instance = secrets.token_hex(8)
        self._memory = ThinkingMemory()
        self._lessons = Lessons()
        self._pages: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None
        self._routes: RouteTable
        self._has_routes = False
        self._gateway: Gateway
        self._model_pages: models.ModelPages
        self._token = token
        self._controls = controls or NoControls()
        updates = UpdateCheck(paths, settings, board, os.environ, feed=self._tuning.releases_feed)
        self._daily_check = DailyCheck(updates, settings)
        self.dashboard = Dashboard(
            settings,
            stores,
            board,
            paths,
            desk=desk or SignInDesk(),
            sign_ins=sign_ins or NoSignIns(),
            controls=self._controls,
            routes=lambda: self._routes,
            updates=updates,
        )
        self._stopping = False
        self._working: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    def look(self) -> Sequence[SignIn]:
        """Every route as it stands now, on whatever thread; the board gets to know of the one that counts. Nothing
        before the first start. May block."""
        return self._routes.look() if self._has_routes else ()

    async def stop(self) -> None:
        """End what is open, each answer with an error that says why; later requests are told the same."""
        self._stopping = True
        working = [task for task in self._working if not task.done()]
        for task in working:
            task.cancel()
        if working:
            await asyncio.wait(working, timeout=self._tuning.farewell)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._stopping = False
        self._routes = RouteTable(
            self._settings,
            self._stores,
            self._board,
            self._paths,
            timeouts=self._tuning.timeouts,
            demo=DemoUpstream(seconds_per_word=self._tuning.demo_word),
        )
        self._has_routes = True
        self._gateway = Gateway(self._routes, self._board)
        self._model_pages = models.ModelPages(self._paths, self._routes, self._gateway)
        self._board.post(server="running", failure=None)
        looking = asyncio.create_task(self._routes.sign_in())
        self._daily_check.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        looking.cancel()
        self._daily_check.stop()
        await self._routes.close()
        self._board.post(server="stopped")
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        downstream = Downstream(scope, receive, send)
        path = _endpoint(scope["path"])
        try:
            await self._dispatch(path, downstream)
        except ClientGone:
            pass
        except ProxyError as error:
            await self._answer_error(path, downstream, error)
        except Exception:
            await self._answer_error(path, downstream, _internal_error())
        finally:
            self._note_request(path, downstream)

    def _note_request(self, path: str, downstream: Downstream) -> None:
        if path == HEALTH or (_is_looked_at(path, downstream) and downstream.error is None):
            return
        note = request_log.note_of(path, downstream)
        request_log.write(note, whole=downstream.finished)
        if path in _METHODS and path not in (BANNER, HELLO):
            self._board.change(lambda status: with_request(status, note))

    async def _dispatch(self, path: str, downstream: Downstream) -> None:
        method: str = downstream.scope["method"]
        self._let_pass(method, path, downstream)
        if _is_dashboard(path):
            await self._dashboard_page(method, path, downstream)
            return
        if method == "OPTIONS" and downstream.extra:
            await downstream.answer(204, b"", _preflight_headers(path, downstream))
            return
        if path not in _METHODS:
            raise _no_such_path(downstream.scope["path"])
        if method not in _METHODS[path]:
            raise _wrong_method(method, path)
        if self._stopping:
            raise ProxyStopping(_STOPPING)
        match path:
            case "/v1/chat/completions":
                await self._chat(downstream)
            case "/v1/messages" | "/v1/messages/count_tokens":
                await self._native(path, downstream)
            case "/v1/models" | "/v1/models/":
                await self._race(self._models(path, downstream), downstream)
            case "/api/hello":
                await downstream.answer(200, b"{}", {})
            case "/health":
                await downstream.answer(200, json_codec.encode(await self._health()), {"cache-control": "no-store"})
            case _:
                await self._page(downstream)

    def _let_pass(self, method: str, path: str, downstream: Downstream) -> None:
        settings = self._settings.current
        guard = Guard(settings.allowed_hosts, settings.allowed_origins, settings.api_key)
        try:
            verdict = guard.check(method, path, downstream.scope["headers"])
        except OriginRefused as refused:
            self._name_once(refused.who)
            raise
        except ProxyError:
            # A page that the person allowed may read why it was turned away.
            downstream.extra = _cors_headers(guard.allowed(downstream.header(b"origin")))
            raise
        downstream.extra = _cors_headers(verdict.cors_origin)

    def _name_once(self, who: str) -> None:
        """A refused page is named once, or people look for the fault for hours; and only once, or it fills the log."""
        known = self._board.status.refused_pages
        if who not in known and len(known) < 100:
            self._board.post(refused_pages=(*known, who))
            log.warning("turned away %s", who)

    # Chat completions

    async def _chat(self, downstream: Downstream) -> None:
        body = await downstream.read_body()
        settings = self._settings.current
        defaults = Defaults(
            max_output_tokens=settings.max_output_tokens,
            prompt_cache=settings.prompt_cache == "auto",
            default_model=settings.default_model,
            model_aliases=settings.model_aliases,
            recall=self._memory.recall,
        )
        # What takes longer than a blink would hold up every open stream.
        large = len(body) > _LARGE_BODY_BYTES
        chat = await asyncio.to_thread(_parsed, body, defaults) if large else _parsed(body, defaults)
        call = ChatCall(chat, downstream, self._lessons)
        serve = self._chat_stream if chat.stream else self._chat_whole
        await serve(chat, call, downstream)

    async def _chat_stream(self, chat: ChatRequest, call: ChatCall, downstream: Downstream) -> None:
        encoder = ChunkEncoder(
            model=chat.model,
            created=int(time.time()),
            include_usage=chat.include_usage,
            tool_names=chat.tool_names,
            legacy_functions=chat.legacy_functions,
            on_thinking=self._memory.remember,
            fallback_id=_completion_id(),
        )
        downstream.usage = encoder.usage
        relay = ChatRelay(downstream, encoder, call.headers, self._tuning.heartbeat)

        async def work() -> None:
            async with self._gateway.open_events(call) as opened:
                call.note(opened.headers)
                await relay.relay(opened)
                _note_stop_reason(encoder.stop_reason)

        try:
            await self._race(work(), downstream, relay)
        except ProxyError as error:
            if not downstream.started:
                raise
            # The body is left without its end on purpose: the connection breaks behind the error.
            downstream.error = error.code
            self._note_failure(call, error)
            await relay.fail(error)
        except ClientGone:
            raise
        except Exception:
            if not downstream.started:
                raise
            await relay.fail(_internal_error())

    async def _chat_whole(self, chat: ChatRequest, call: ChatCall, downstream: Downstream) -> None:
        async def work() -> None:
            accumulator = Accumulator()
            downstream.usage = accumulator.usage
            async with self._gateway.open_events(call) as opened:
                call.note(opened.headers)
                async for batch in opened.batches():
                    accumulator.feed(batch)
            message = accumulator.message
            _note_stop_reason(message["stop_reason"])
            completion = render_completion(
                message,
                model=chat.model,
                created=int(time.time()),
                tool_names=chat.tool_names,
                legacy_functions=chat.legacy_functions,
                on_thinking=self._memory.remember,
                fallback_id=_completion_id(),
            )
            await downstream.answer(200, json_codec.encode(completion), call.headers())

        await self._race(work(), downstream)

    # Anthropic's own API

    async def _native(self, path: str, downstream: Downstream) -> None:
        body = await downstream.read_body()
        call = NativeCall(path, body, downstream)
        relay = NativeRelay(downstream)

        async def work() -> None:
            async with self._gateway.open_bytes(call) as opened:
                await relay.relay(opened, call.returned_headers(opened.headers))

        try:
            await self._race(work(), downstream)
        except ProxyStopping as stopping:
            if not downstream.started:
                raise
            await relay.stop(sse.encode(json_codec.encode(native.render_error(stopping)), "error"))
        except ProxyError:
            # Begun and broken: the connection breaks, too.
            if not downstream.started:
                raise

    # The rest

    async def _models(self, path: str, downstream: Downstream) -> None:
        native, aliases = _asks_natively(downstream), self._settings.current.model_aliases
        if path == MODELS:
            rendered = await self._model_pages.render_list(downstream.scope["query_string"], aliases, native=native)
        else:
            wanted: str = downstream.scope["path"].partition("/models/")[2]
            rendered = await self._model_pages.render_one(wanted, aliases, native=native)
        await downstream.answer(200, json_codec.encode(rendered), {})

    async def _health(self) -> Mapping[str, Any]:
        sign_in, status = await self._routes.sign_in(), self._board.status
        return {
            "service": "cliproxyapi",
            "status": "stopping" if self._stopping else "ok",
            "version": __version__,
            "instance": self._instance,
            "route": sign_in.route,
            "auth": {"state": sign_in.state, "expires_at": sign_in.expires_at},
            "upstream": {"last_ok": status.last_ok, "last_error": status.last_error},
        }

    def _note_failure(self, call: ChatCall, error: ProxyError) -> None:
        """A stream broke after it had begun, which the gateway counted as a success."""
        now, told = time.time(), error.upstream_headers
        self._board.change(lambda status: after_failure(status, call.route, error.code, told, now))

    # The dashboard, and the programs of the same person

    async def _dashboard_page(self, method: str, path: str, downstream: Downstream) -> None:
        if path.startswith(API):
            # Not even a page that may use the proxy may read this.
            downstream.extra = []
            header = downstream.header
            check_page(header(b"sec-fetch-site"), header(b"origin"), header(b"host"))
            if path in _CONTROL:
                control.check_token(header(control.TOKEN_HEADER), self._token)
            elif path != SESSION:
                self.dashboard.access.check_session(header(SESSION_HEADER))
        if self._stopping:
            raise ProxyStopping(_STOPPING)
        match (method, path):
            case ("POST", "/api/activate"):
                await self._activate(downstream)
            case ("POST", "/api/quit"):
                await downstream.answer(200, b"{}", _NO_STORE)
                self._controls.quit()
            case ("GET", "/api/status"):
                await self._routes.sign_in()
                await downstream.answer(200, json_codec.encode(self.dashboard.state()), _NO_STORE)
            case ("POST", "/api/reload"):
                # Another program of the same person changed settings or sign-ins.
                await self._reload(downstream)
            case ("GET", "/api/events"):
                await self._events(downstream)
            case _:
                await self._page(downstream)

    async def _activate(self, downstream: Downstream) -> None:
        """A link to the dashboard that works once, in answer to a program of the same person."""
        host, port = downstream.scope["server"]
        page = json_codec.object_or_empty(_json(await downstream.read_body())).get("page")
        url = self.dashboard.link(host, port, str(page))
        await downstream.answer(200, json_codec.encode({"url": url}), _NO_STORE)

    async def _events(self, downstream: Downstream) -> None:
        await downstream.start(200, [("content-type", "text/event-stream"), *_NO_STORE.items()])
        log = self._paths.log_file if b"log=1" in downstream.scope["query_string"] else None
        with contextlib.suppress(ProxyStopping):
            await self._race(self.dashboard.events.serve(downstream.write, log=log), downstream)
        await downstream.write(b"", last=True)

    async def _reload(self, downstream: Downstream) -> None:
        """Settings and sign-ins are looked at anew, also those that were refused."""
        await downstream.read_body()
        try:
            await asyncio.to_thread(self._settings.reload)
        except SettingsError as error:
            raise InvalidRequest(str(error), code="bad_setting") from error
        self._stores.look_again()
        sign_in = await self._routes.sign_in()
        told = {"route": sign_in.route, "state": sign_in.state, "missing": sign_in.missing}
        await downstream.answer(200, json_codec.encode(told), {"cache-control": "no-store"})

    async def _page(self, downstream: Downstream) -> None:
        if self._pages is None:
            # FastAPI costs a quarter of a second to import; it must not hold up the open streams meanwhile.
            pages = await asyncio.to_thread(importlib.import_module, "core.server.pages")
            self._pages = cast(
                "Callable[[Scope, Receive, Send], Awaitable[None]]",
                pages.build(self._instance, sorted(_METHODS), self.dashboard),
            )
        await downstream.hand_over(self._pages)

    async def _race(
        self, work: Coroutine[Any, Any, None], downstream: Downstream, relay: ChatRelay | None = None
    ) -> None:
        """Run `work` until it is done, the client hangs up (ClientGone) or the server stops (ProxyStopping); `relay`
        breaks the silence meanwhile."""
        if self._stopping:
            # It began to while the request was still being sent.
            work.close()
            raise ProxyStopping(_STOPPING)
        task = asyncio.create_task(work)
        self._working.add(task)
        gone = asyncio.create_task(downstream.hung_up())
        try:
            while not await _first_of(task, gone, relay and relay.until_heartbeat()):
                if relay is not None:
                    await relay.beat()
            if not task.done() and not downstream.finished:
                task.cancel()
                await asyncio.wait((task,))
                raise ClientGone
            await asyncio.wait((task,))
            if task.cancelled():
                raise ProxyStopping(_STOPPING)
            task.result()
        finally:
            self._working.discard(task)
            gone.cancel()
            task.cancel()

    async def _answer_error(self, path: str, downstream: Downstream, error: ProxyError) -> None:
        downstream.error = error.code or str(error.status)
        if downstream.started:
            return
        headers = dict(error.headers)
        if error.request_id:
            headers["x-request-id"] = error.request_id
        if path not in _NATIVE and not (path in (MODELS, MODEL) and _asks_natively(downstream)):
            await downstream.answer(error.status, json_codec.encode(render_error(error)), headers)
            return
        if error.request_id:
            headers["request-id"] = error.request_id
        status, body, content_type = native.native_error_body(error, redact)
        await downstream.answer(status, body, headers, content_type=content_type)


async def _first_of(work: asyncio.Task[None], gone: asyncio.Task[None], seconds: float | None) -> bool:
    """Whether one of the two was done within `seconds`."""
    done, _ = await asyncio.wait((work, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _is_looked_at(path: str, downstream: Downstream) -> bool:
    """Somebody looks at the dashboard, which is no news for the log that it shows."""
    return _is_dashboard(path) or (path == BANNER and "text/html" in (downstream.header(b"accept") or ""))


def _is_dashboard(path: str) -> bool:
    return (path.startswith((BELOW, API)) and path != HELLO) or path == WELCOME


def _endpoint(path: str) -> str:
    """The path that is served for `path`: itself, what it is an alias of, or the common beginning of a model's."""
    head, found, model_id = path.partition("/models/")
    if found and model_id and head in ("/v1", "", "/v1/v1"):
        return MODEL
    return _ALIASES.get(path, path)


def _asks_natively(downstream: Downstream) -> bool:
    """Anthropic's clients name the version of the API with every request."""
    return downstream.header(b"anthropic-version") is not None


def _parsed(body: bytes, defaults: Defaults) -> ChatRequest:
    try:
        return parse_request(_json(body), defaults)
    except RecursionError:
        raise invalid_json("it is nested too deeply") from None


def _json(body: bytes) -> Any:
    try:
        return json_codec.decode(body)
    except json_codec.JSONError as error:
        raise invalid_json(str(error)) from error


def _completion_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"


def _note_stop_reason(stop_reason: str | None) -> None:
    """Tomorrow's stop reasons end an answer like any other, but somebody should get to know of them."""
    if stop_reason not in FINISH_REASONS:
        log.warning("unknown stop reason %r: the client was told 'stop'", stop_reason)


def _internal_error() -> InternalError:
    """Called inside an `except` block: the traceback goes to the log, its id to the client."""
    number = secrets.token_hex(4)
    log.exception("internal error %s", number)
    return InternalError(
        f"CLIProxyAPI made a mistake (error {number}; the log has the details). Try again, and report it if it stays."
    )


def _no_such_path(path: str) -> ProxyError:
    meant = difflib.get_close_matches(path, _METHODS, n=1, cutoff=0.4)
    hint = f" Did you mean {meant[0]}?" if meant else f" This proxy serves {', '.join(_METHODS)}."
    return InvalidRequest(f"There is nothing at {path[:200]}.{hint}", status=404, code="not_found")


def _wrong_method(method: str, path: str) -> ProxyError:
    allowed = ", ".join(_METHODS[path])
    return InvalidRequest(
        f"{method} is not possible at {path}: use {allowed}.",
        status=405,
        code="method_not_allowed",
        headers={"allow": allowed},
    )


def _cors_headers(origin: str | None) -> list[tuple[bytes, bytes]]:
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"x-request-id, x-cliproxyapi-route, x-cliproxyapi-ignored"),
        (b"vary", b"origin"),
    ]


def _preflight_headers(path: str, downstream: Downstream) -> dict[str, str]:
    return {
        "access-control-allow-methods": ", ".join(_METHODS.get(path, ("GET",))),
        "access-control-allow-headers": downstream.header(b"access-control-request-headers") or "content-type",
        "access-control-max-age": "600",
    }
