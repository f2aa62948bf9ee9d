"""The route `demo`: an embedded stand-in without network or account, which says so in every answer.

It answers as Anthropic's API would: with text, with a tool call when one is forced or the person names a declared
tool, and with an instance of the schema when structured output is asked for.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from .. import json_codec, sse
from ..errors import CredentialRefused
from ..json_codec import list_or_empty, object_or_empty
from ..messages import Event, JsonObject
from . import UpstreamRequest

# About as fast as a real answer appears.
_SECONDS_PER_WORD = 0.02
_CHARACTERS_PER_TOKEN = 3.5
_DEEPEST_SCHEMA = 8


class DemoUpstream:
    """Answers by itself. `seconds_per_word` paces the streamed text."""

    route = "demo"
    host = "demo"

    def __init__(self, *, seconds_per_word: float = _SECONDS_PER_WORD) -> None:
        self._seconds_per_word = seconds_per_word

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncGenerator[DemoAnswer]:
        try:
            body = object_or_empty(json_codec.decode(request.body))
            problem = "messages: Field required"
        except json_codec.JSONError as error:
            body, problem = {}, f"The request body is not valid JSON: {error}"
        if list_or_empty(body.get("messages")):
            yield self._answer(request.path, body)
        else:
            yield DemoAnswer(400, "application/json", [json_codec.encode(_error(problem))])

    def can_reread(self) -> bool:
        return False

    def refused(self, error: CredentialRefused) -> None:
        """There is no credential."""

    async def close(self) -> None:
        """Nothing is held open."""

    def _answer(self, path: str, body: JsonObject) -> DemoAnswer:
        tokens = int(len(json_codec.encode(body)) / _CHARACTERS_PER_TOKEN) + 1
        if path.endswith("/count_tokens"):
            return DemoAnswer(200, "application/json", [json_codec.encode({"input_tokens": tokens})])
        blocks = answer_blocks(body)
        message = _message(body, blocks, tokens)
        if body.get("stream") is not True:
            return DemoAnswer(200, "application/json", [json_codec.encode(message)])
        frames = [sse.encode(json_codec.encode(event), event["type"]) for event in _events(message)]
        return DemoAnswer(200, "text/event-stream; charset=utf-8", frames, self._seconds_per_word)


class DemoAnswer:
    """An answer that is all there, handed out at the pace of a real one."""

    def __init__(self, status: int, content_type: str, parts: list[bytes], seconds_between: float = 0.0) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": content_type, "request-id": _id("req")}
        self._parts = parts
        self._seconds_between = seconds_between

    async def chunks(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part
            if self._seconds_between:
                await asyncio.sleep(self._seconds_between)


def answer_blocks(body: JsonObject) -> list[JsonObject]:
    """The content of the demo's answer to one Messages request."""
    said, answers_tools = _last_user_text(body)
    declared = [object_or_empty(tool) for tool in list_or_empty(body.get("tools"))]
    tools = {str(tool["name"]): tool for tool in declared if "name" in tool}
    choice = object_or_empty(body.get("tool_choice"))
    called = _tool_to_call(tools, choice, said, answers_tools)
    if called is not None:
        arguments = example_of(called.get("input_schema"))
        return [{"type": "tool_use", "id": _id("toolu"), "name": called["name"], "input": arguments}]
    wanted = object_or_empty(object_or_empty(body.get("output_config")).get("format"))
    if "schema" in wanted:
        return [{"type": "text", "text": json_codec.encode_text(example_of(wanted["schema"]))}]
    return [{"type": "text", "text": _text(said, answers_tools)}]


def example_of(schema: Any, depth: int = 0) -> Any:
    """The plainest value that fits a JSON Schema: enough to show a client that tools and structured output work."""
    fields = object_or_empty(schema)
    if not fields or depth > _DEEPEST_SCHEMA:
        return {} if depth == 0 else None
    if "const" in fields:
        return fields["const"]
    if choices := list_or_empty(fields.get("enum")):
        return choices[0]
    for combined in ("anyOf", "oneOf", "allOf"):
        if branches := list_or_empty(fields.get(combined)):
            return example_of(branches[0], depth + 1)
    kind: Any = fields.get("type")
    match (list_or_empty(kind) or [kind])[0]:
        case "string":
            return "demo"
        case "integer" | "number":
            return fields.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return [example_of(fields.get("items"), depth + 1)]
        case "null":
            return None
        case _:
            properties = object_or_empty(fields.get("properties"))
            names = list_or_empty(fields.get("required")) or list(properties)
            return {name: example_of(properties.get(name), depth + 1) for name in names}


def _tool_to_call(tools: dict[str, JsonObject], choice: JsonObject, said: str, answered: bool) -> JsonObject | None:
    if not tools:
        return None
    match choice.get("type"):
        case "tool":
            return tools.get(choice.get("name", ""))
        case "any":
            return next(iter(tools.values()))
        case "none":
            return None
        case _ if answered:
            return None
        case _:
            return next((tool for name, tool in tools.items() if name in said), None)


def _last_user_text(body: JsonObject) -> tuple[str, bool]:
    """What the person said last, and whether that turn answers tool calls."""
    turns = [object_or_empty(turn) for turn in body["messages"]]
    content: Any = next((turn.get("content") for turn in reversed(turns) if turn.get("role") == "user"), "")
    if isinstance(content, str):
        return content, False
    blocks = [object_or_empty(block) for block in list_or_empty(content)]
    text = "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    return text, any(block.get("type") == "tool_result" for block in blocks)


def _text(said: str, answers_tools: bool) -> str:
    if answers_tools:
        return "[demo] Thank you, the tool's result arrived. Nothing was sent to Claude."
    return (
        f"[demo] Hello! Your message of {len(said)} characters arrived, and this answer streams back as Claude's "
        "would. Nothing left this machine: sign in to talk to Claude itself."
    )


def _message(body: JsonObject, blocks: list[JsonObject], input_tokens: int) -> JsonObject:
    calls = any(block["type"] == "tool_use" for block in blocks)
    return {
        "id": _id("msg_demo"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "demo"),
        "content": blocks,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": int(len(json_codec.encode(blocks)) / _CHARACTERS_PER_TOKEN) + 1,
        },
    }


def _events(message: JsonObject) -> list[Event]:
    start: JsonObject = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**message["usage"], "output_tokens": 1},
    }
    events: list[Event] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(message["content"]):
        empty, deltas = _block_deltas(block)
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    return [*events, {"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def _block_deltas(block: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    if block["type"] == "text":
        words: list[str] = re.findall(r"\s*\S+\s*$|\s*\S+", block["text"])
        return {**block, "text": ""}, [{"type": "text_delta", "text": word} for word in words]
    arguments = json_codec.encode_text(block["input"])
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": arguments}]


def _error(message: str) -> JsonObject:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def _id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
