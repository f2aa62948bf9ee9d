"""A client's request on its way through the gateway, in each dialect: what may change when Claude refuses it, and the
headers of its answer."""

from __future__ import annotations

from collections.abc import Mapping

from .. import json_codec
from ..dialects import messages as native
from ..dialects.chat_completions.request import ChatRequest, ignored_header
from ..errors import InvalidRequest, UpstreamError
from ..healing import Lesson, Lessons, diagnose
from ..upstreams import UpstreamRequest
from .downstream import Downstream

# Of a native client's headers only these go on; its own credential and what names its program stay here.
IGNORED = "x-cliproxyapi-ignored"
# What a route leaves out, by the name that chat clients know it by.
_CHAT_NAMES: Mapping[str, str] = {
    "disable_parallel_tool_use": "parallel_tool_calls",
    "output_config.effort": "reasoning_effort",
}
_FORWARDED_HEADERS = ("anthropic-version", "anthropic-beta", "content-type")
# Of the upstream's headers these come back to a native client.
_RETURNED_HEADERS = ("content-type", "request-id", "retry-after", "retry-after-ms", "x-should-retry")


class ChatCall:
    """A chat request on its way through the gateway: heals itself, and knows the headers of its answer."""

    def __init__(self, chat: ChatRequest, downstream: Downstream, lessons: Lessons) -> None:
        self._chat = chat
        self._downstream = downstream
        self._lessons = lessons
        self._client = downstream.header(b"user-agent") or ""
        self._left_out = lessons.apply(chat.body, self._client)
        self._learned: list[Lesson] = []
        self._route = ""
        self._request_id: str | None = None

    @property
    def committed(self) -> bool:
        return self._downstream.started

    @property
    def route(self) -> str:
        """The route that serves it; empty before one was chosen."""
        return self._route

    def chosen(self, route: str) -> None:
        self._route = route
        self._downstream.note(route=route, model=self._chat.body["model"])

    def request(self) -> UpstreamRequest:
        try:
            return UpstreamRequest(json_codec.encode(self._chat.body))
        except json_codec.JSONError as error:
            raise invalid_json(str(error)) from None

    def heal(self, error: UpstreamError) -> bool:
        lesson = diagnose(error.message, self._chat.body)
        if lesson is None:
            return False
        if not lesson.change(self._chat.body):
            return False
        self._left_out.append(lesson.name)
        self._learned.append(lesson)
        return True

    def note(self, upstream_headers: Mapping[str, str]) -> None:
        self._request_id = upstream_headers.get("request-id")
        # A route that can carry less than HTTPS says what it left out.
        names = [name for name in upstream_headers.get(IGNORED, "").split(",") if name]
        self._left_out += [_CHAT_NAMES.get(name, name) for name in names]
        # Only what helped is worth remembering.
        for lesson in self._learned:
            self._lessons.learn(lesson, self._chat.body["model"], self._client)

    def headers(self) -> dict[str, str]:
        """What the answer's headers say beside its content type."""
        headers = {"x-cliproxyapi-route": self._route}
        if self._request_id:
            headers["x-request-id"] = self._request_id
        if ignored := (*self._chat.ignored, *self._left_out):
            headers[IGNORED] = ignored_header(dict.fromkeys(ignored))
        return headers


class NativeCall:
    """A native request on its way through the gateway: its bytes are the client's business and stay as they are."""

    def __init__(self, path: str, body: bytes, downstream: Downstream) -> None:
        self._path = path
        self._body = body
        self._downstream = downstream
        self._route = ""

    @property
    def committed(self) -> bool:
        return self._downstream.started

    def chosen(self, route: str) -> None:
        self._route = route
        self._downstream.note(route=route, model=native.model_of(self._body))

    def request(self) -> UpstreamRequest:
        given = {name: self._downstream.header(name.encode()) for name in _FORWARDED_HEADERS}
        query: bytes = self._downstream.scope["query_string"]
        return UpstreamRequest(
            self._body,
            path=self._path,
            query=query.decode("latin-1"),
            headers={name: value for name, value in given.items() if value is not None},
        )

    def heal(self, error: UpstreamError) -> bool:
        return False

    def returned_headers(self, upstream: Mapping[str, str]) -> dict[str, str]:
        headers = {
            name: value
            for name, value in upstream.items()
            if name in _RETURNED_HEADERS or name.startswith("anthropic-")
        }
        headers["x-cliproxyapi-route"] = self._route
        if ignored := upstream.get(IGNORED):
            headers[IGNORED] = ignored
        if "request-id" in headers:
            headers["x-request-id"] = headers["request-id"]
        return headers


def invalid_json(why: str) -> InvalidRequest:
    return InvalidRequest(f"The request body is not valid JSON: {why}.", code="invalid_json")
