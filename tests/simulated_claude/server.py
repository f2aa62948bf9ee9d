"""The simulated Claude itself: a real HTTP server on a free port, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from . import answers, scenarios
from .models import MODELS, find_model
from .oauth import OAUTH_BETA, Provider, Reply
from .scenarios import PLAIN, Event, Scenario
from .shapes import VERSIONS, ApiError
from .validation import estimated_tokens, validate_messages_request

TEST_KEY = "sk-ant-api03-s3cr3t-marker-test"
TEST_TOKEN = "sk-ant-oat01-s3cr3t-marker-test"
LARGEST_BODY = 32 * 1024 * 1024
_BETAS = (
    OAUTH_BETA,
    "claude-code-20250219",
    "interleaved-thinking-2025-05-14",
    "fine-grained-tool-streaming-2025-05-14",
    "context-management-2025-06-27",
    "prompt-caching-2024-07-31",
    "token-counting-2024-11-01",
    "structured-outputs-2025-11-13",
    "extended-cache-ttl-2025-04-11",
    "files-api-2025-04-14",
    "context-1m-2025-08-07",
    "effort-2025-11-24",
    "advanced-tool-use-2025-11-20",
    "mid-conversation-tool-changes-2026-07-01",
    "per-turn-control-2026-07-01",
    "thinking-token-count-2026-05-13",
    "thinking-display-updates-2026-08-18",
)
_PING_SECONDS = 0.05


@dataclass
class Recorded:
    """One request that arrived, and what became of its answer. Times are those of `time.monotonic`."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    # Which connection it came on: requests that share one have the same number.
    connection: int
    received_at: float = field(default_factory=time.monotonic)
    # When the client hung up before the answer was complete.
    cancelled_at: float | None = None
    finished_at: float | None = None
    sent_bytes: int = 0

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class SimulatedClaude:
    """Plays Anthropic's API at `url` while the `with` block is open.

    `requests` holds all that arrived. `script` is taken from its front, a scenario for each request of a message; then
    it is `default` again. `provider` signs people in, and its tokens are accepted.
    """

    def __init__(
        self,
        *,
        keys: Collection[str] = (TEST_KEY,),
        tokens: Collection[str] = (TEST_TOKEN,),
        ssl_context: ssl.SSLContext | None = None,
        strict_alternation: bool = False,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._ssl_context = ssl_context
        self._strict_alternation = strict_alternation
        self._cache = answers.Cache()
        self._connections = itertools.count(1)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-claude", daemon=True)
        self.requests: list[Recorded] = []
        self.script: list[Scenario] = []
        self.default = PLAIN
        self.provider = Provider()
        self.port = 0

    @property
    def url(self) -> str:
        scheme, host = ("https", "localhost") if self._ssl_context else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}"

    def reset(self) -> None:
        """Forget what arrived, and what was to come."""
        self.requests.clear()
        self.script.clear()
        self.default = PLAIN
        self.provider = Provider()

    def __enter__(self) -> SimulatedClaude:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._ssl_context, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            connection = Connection(reader, writer, next(self._connections))
            while (request := await connection.read_request()) is not None:
                self.requests.append(request)
                await connection.while_connected(request, self._answer(request, connection))
        except (ConnectionError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError, ssl.SSLError):
                await writer.wait_closed()

    async def _answer(self, request: Recorded, connection: Connection) -> None:
        headers = {"request-id": answers.new_id("req"), "anthropic-organization-id": "org-simulated"}
        reply = self.provider.reply(request.method, request.path, request.query, request.headers, request.body)
        if reply is not None:
            await self._send_reply(reply, connection, headers)
            return
        failure = self._refusal_of_credential(request) or _refusal_of_headers(request)
        if failure is not None:
            await connection.send_error(failure, headers)
            return
        match request.method, request.path:
            case "POST", "/v1/messages":
                await self._message(request, connection, headers)
            case "POST", "/v1/messages/count_tokens":
                await self._count(request, connection, headers)
            case "GET", "/v1/models":
                await connection.send_json(_models_page(request.query), headers)
            case "GET", path if path.startswith("/v1/models/"):
                model = find_model(path.removeprefix("/v1/models/"))
                if model is None:
                    await connection.send_error(ApiError(404, "not_found_error", f"model: {path[11:]}"), headers)
                else:
                    await connection.send_json(_model(model), headers)
            case _:
                await connection.send_error(ApiError(404, "not_found_error", "Not found"), headers)

    async def _send_reply(self, reply: Reply, connection: Connection, headers: dict[str, str]) -> None:
        scenario = reply.scenario
        if scenario is None:
            await connection.send(reply.status, reply.body, {**headers, **reply.headers})
            return
        if scenario.reset_before_headers:
            connection.reset()
        await asyncio.sleep(scenario.stall)
        await connection.send(scenario.status, scenario.body or b"", {**headers, **scenario.headers})

    def _refusal_of_credential(self, request: Recorded) -> ApiError | None:
        def refuse(message: str) -> ApiError:
            return ApiError(401, "authentication_error", message)

        key, bearer = request.headers.get("x-api-key"), request.headers.get("authorization", "")
        if key is not None:
            return None if key in self._keys else refuse("invalid x-api-key")
        token = bearer.removeprefix("Bearer ")
        if not bearer:
            return refuse("x-api-key header is required")
        if token in self._keys:
            return None
        if token not in self._tokens and (refusal := self.provider.refusal(token)) is not None:
            return refuse(refusal)
        if OAUTH_BETA not in request.headers.get("anthropic-beta", ""):
            return refuse("OAuth authentication is currently not supported.")
        return None

    async def _message(self, request: Recorded, connection: Connection, headers: dict[str, str]) -> None:
        scenario = self.script.pop(0) if self.script else self.default
        if scenario.reset_before_headers:
            connection.reset()
            return
        if scenario.stall and scenario.stall_at == "headers":
            await asyncio.sleep(scenario.stall)
        if scenario.body is not None:
            await connection.send(scenario.status, scenario.body, {**headers, **scenario.headers})
            return
        body, failure = self._valid_body(request)
        if failure is not None:
            await connection.send_error(failure, headers)
            return
        headers |= _limits()
        model = find_model(body["model"])
        assert model is not None
        answer = answers.answer(body, model, self._cache)
        frame = {"id": answers.new_id("msg"), "model": model.id}
        if not body.get("stream") or scenario.as_json:
            whole = _whole(answer, frame) if scenario.events is None else _spelled(scenario.events)
            await connection.send_json(whole, headers)
            return
        events = scenario.events
        if events is None:
            events = scenarios.message_events(
                answer.content,
                answer.stop_reason,
                message=frame,
                usage=answer.usage,
                stop_sequence=answer.stop_sequence,
                cut_arguments=answer.cut_arguments,
            )
        await connection.stream(scenario, events, headers)

    async def _count(self, request: Recorded, connection: Connection, headers: dict[str, str]) -> None:
        body, failure = self._valid_body(request, count_tokens=True)
        if failure is not None:
            await connection.send_error(failure, headers)
        else:
            await connection.send_json({"input_tokens": estimated_tokens(body)}, headers)

    def _valid_body(self, request: Recorded, *, count_tokens: bool = False) -> tuple[Any, ApiError | None]:
        if len(request.body) > LARGEST_BODY:
            return None, ApiError(413, "request_too_large", "Request exceeds the maximum size")
        try:
            body = json.loads(request.body)
        except ValueError as error:
            message = f"The request body is not valid JSON: {error}"
            return None, ApiError(400, "invalid_request_error", message)
        return body, validate_messages_request(
            body,
            version=request.headers["anthropic-version"],
            strict_alternation=self._strict_alternation,
            count_tokens=count_tokens,
            verify=answers.verify,
        )


class Connection:
    """One connection of a client, and the answers on it, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._reader = reader
        self._writer = writer
        self._number = number
        self._ahead = b""
        self._request: Recorded | None = None
        self._chunked = False

    async def read_request(self) -> Recorded | None:
        """The next request; None when the client has left."""
        try:
            head = self._ahead + await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        self._ahead = b""
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self._read_body(headers)
        path, _, query = target.partition("?")
        self._request = Recorded(method, path, query, headers, body, self._number)
        return self._request

    async def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self._reader.readexactly(int(headers.get("content-length", 0)))
        body = b""
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readuntil(b"\r\n")
        return body

    async def while_connected(self, request: Recorded, answering: Any) -> None:
        """Answer until that is done or the client hangs up, which is noted."""
        answer = asyncio.create_task(answering)
        watch = asyncio.create_task(self._reader.read(1))
        try:
            await asyncio.wait((answer, watch), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and not watch.cancelled() and watch.exception() is None and watch.result():
                await asyncio.wait((answer,))
            if not answer.done():
                request.cancelled_at = time.monotonic()
                raise ConnectionResetError
            answer.result()
            request.finished_at = time.monotonic()
        except ConnectionError:
            request.cancelled_at = request.cancelled_at or time.monotonic()
            raise
        finally:
            for task in (answer, watch):
                task.cancel()
            results = await asyncio.gather(answer, watch, return_exceptions=True)
            self._ahead = results[1] if isinstance(results[1], bytes) else b""

    def reset(self) -> None:
        """Break the connection so that the client's next read fails."""
        handle: socket.socket = self._writer.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise ConnectionResetError

    async def send_error(self, error: ApiError, headers: dict[str, str]) -> None:
        body = {
            "type": "error",
            "error": {"type": error.type, "message": error.message},
            "request_id": headers["request-id"],
        }
        await self.send(error.status, json.dumps(body).encode(), {"content-type": "application/json", **headers})

    async def send_json(self, value: Any, headers: dict[str, str]) -> None:
        await self.send(200, json.dumps(value).encode(), {"content-type": "application/json", **headers})

    async def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._head(status, {**headers, "content-length": str(len(body))})
        await self._write(body)

    async def stream(self, scenario: Scenario, events: Any, headers: dict[str, str]) -> None:
        kind = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked", **headers}
        if scenario.gzip:
            kind["content-encoding"] = "gzip"
        self._head(200, kind)
        self._chunked = True
        room = scenario.reset_after
        async for part in _parts(scenario, list(events)):
            if room is not None and len(part) >= room:
                await self._write_chunk(part[:room])
                self.reset()
            await self._write_chunk(part)
            room = None if room is None else room - len(part)
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Simulated", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def _write_chunk(self, part: bytes) -> None:
        if part:
            await self._write(b"%x\r\n%b\r\n" % (len(part), part))

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        assert self._request is not None
        self._request.sent_bytes += len(data)


async def _parts(scenario: Scenario, events: list[Event]) -> AsyncIterator[bytes]:
    """The stream's bytes, cut as the scenario wants, at its pace."""
    if scenario.gzip:
        yield gzip.compress(b"".join([part async for part in _frames(scenario, events)]))
        return
    if scenario.chunk_size == 0:
        async for part in _frames(scenario, events):
            yield part
        return
    if scenario.chunk_size < 0:
        yield b"".join([part async for part in _frames(scenario, events)])
        return
    waiting = b""
    async for part in _frames(scenario, events):
        waiting += part
        while len(waiting) >= scenario.chunk_size:
            yield waiting[: scenario.chunk_size]
            waiting = waiting[scenario.chunk_size :]
            # A write of its own reaches the other side as a piece of its own, as far as that can be had.
            await asyncio.sleep(0)
    yield waiting


async def _frames(scenario: Scenario, events: list[Event]) -> AsyncIterator[bytes]:
    if scenario.raw is not None:
        yield scenario.raw
        return
    if scenario.cut_after is not None:
        events = [*events[: scenario.cut_after], *scenario.then]
    stall_at = 1 if scenario.stall_at == "start" else scenario.stall_at
    for index, event in enumerate(events):
        if scenario.stall and index == stall_at:
            async for ping in _silence(scenario):
                yield ping
        yield frame(event, crlf=scenario.crlf, comment=scenario.comments)
        if scenario.drip:
            await asyncio.sleep(scenario.drip)


async def _silence(scenario: Scenario) -> AsyncIterator[bytes]:
    if not scenario.pings:
        await asyncio.sleep(scenario.stall)
        return
    until = time.monotonic() + scenario.stall
    while time.monotonic() < until:
        await asyncio.sleep(_PING_SECONDS)
        yield frame({"type": "ping"})


def frame(event: Event, *, crlf: bool = False, comment: bool = False) -> bytes:
    """One event on the wire."""
    text = f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
    text = f": a comment\n\n{text}" if comment else text
    return (text.replace("\n", "\r\n") if crlf else text).encode()


def _refusal_of_headers(request: Recorded) -> ApiError | None:
    version = request.headers.get("anthropic-version")
    if version is None:
        return ApiError(400, "invalid_request_error", "anthropic-version: header is required")
    if version not in VERSIONS:
        return ApiError(400, "invalid_request_error", f'anthropic-version: "{version}" is not a valid version')
    for beta in filter(None, (item.strip() for item in request.headers.get("anthropic-beta", "").split(","))):
        if beta not in _BETAS:
            message = f"Unexpected value(s) `{beta}` for the `anthropic-beta` header."
            return ApiError(400, "invalid_request_error", message)
    return None


def _whole(answer: answers.Answer, message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **message,
        "type": "message",
        "role": "assistant",
        "content": answer.content,
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "usage": answer.usage,
    }


def _spelled(events: Sequence[Event]) -> dict[str, Any]:
    """The message that `events` stream."""
    message: dict[str, Any] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = {**event["message"], "content": []}
            case "content_block_start":
                message["content"].append({**event["content_block"]})
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                for name in ("text", "thinking", "signature", "partial_json"):
                    if name in delta:
                        block[name] = block.get(name, "") + delta[name]
            case "message_delta":
                message |= {**event["delta"], "usage": {**message["usage"], **event["usage"]}}
    for block in message["content"]:
        if arguments := block.pop("partial_json", ""):
            block["input"] = json.loads(arguments)
    return message


def _model(model: Any) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name,
        "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
    }


def _models_page(query: str) -> dict[str, Any]:
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    ids = [model.id for model in MODELS]
    start = ids.index(asked["after_id"]) + 1 if asked.get("after_id") in ids else 0
    limit = asked.get("limit", "20")
    page = MODELS[start : start + (int(limit) if limit.isdigit() else 20)]
    return {
        "data": [_model(model) for model in page],
        "has_more": start + len(page) < len(MODELS),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def _limits() -> dict[str, str]:
    """The headers of an API key's rate limits."""
    reset = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers: dict[str, str] = {}
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        name = f"anthropic-ratelimit-{kind}"
        headers |= {f"{name}-limit": "1000", f"{name}-remaining": "999", f"{name}-reset": reset}
    return headers
