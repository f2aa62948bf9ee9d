"""Tool calls and their results in the history: reading both, and ids that Claude accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from ... import json_codec
from ...errors import InvalidRequest
from ...messages import CacheControl, JsonObject, ToolResultBlock, ToolUseBlock
from ...wording import NO_RESULT, ORPHAN_RESULT
from .caching import cache_control_of
from .content import ContentBlock, parse_content
from .names import ToolNames

_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(slots=True)
class Call:
    """One tool call of the history. `client_id` and `client_name` are what its result refers to."""

    # Its place among all calls of the history.
    number: int
    client_id: str | None
    client_name: str
    block: ToolUseBlock
    result: ToolResultBlock | None = None

    def result_or_notice(self) -> ToolResultBlock:
        """The result, or one that says there is none: Claude refuses a call without."""
        if self.result is not None:
            return self.result
        return {"type": "tool_result", "tool_use_id": self.block["id"], "content": NO_RESULT, "is_error": True}


@dataclass(frozen=True, slots=True)
class Result:
    """One tool result, and how it names its call: by id, by function name (the legacy way), or not at all."""

    client_id: str | None
    client_name: str | None
    content: list[ContentBlock]
    mark: CacheControl | None

    def block_for(self, call: Call) -> ToolResultBlock:
        block: ToolResultBlock = {"type": "tool_result", "tool_use_id": call.block["id"]}
        match self.content:
            case []:
                pass
            case [{"type": "text", "text": text}]:
                block["content"] = text
            case content:
                block["content"] = content
        if self.mark:
            block["cache_control"] = self.mark
        return block

    def as_text(self) -> list[ContentBlock]:
        """For a result whose call is not there: what it says must not be lost."""
        blocks: list[ContentBlock]
        match self.content:
            case [{"type": "text", "text": text}, *others]:
                blocks = [{"type": "text", "text": f"{ORPHAN_RESULT} {text}"}, *others]
            case others:
                blocks = [{"type": "text", "text": ORPHAN_RESULT}, *others]
        if self.mark:
            blocks[-1]["cache_control"] = self.mark
        return blocks


class CallIndex:
    """The calls that a result may answer. A history may hold thousands, and as many results."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[Call]] = {}
        self._by_name: dict[str, list[Call]] = {}
        self._open: dict[int, Call] = {}

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def add(self, call: Call) -> None:
        if call.client_id is not None:
            self._by_id.setdefault(call.client_id, []).append(call)
        self._by_name.setdefault(call.client_name, []).append(call)
        self._open[call.number] = call

    def answered(self, call: Call) -> None:
        self._open.pop(call.number, None)

    def clear(self) -> None:
        """Something else was said: no later result answers these."""
        self._by_id.clear()
        self._by_name.clear()
        self._open.clear()

    def find(self, result: Result, latest: int) -> Call | None:
        """The call that `result` answers: among those from number `latest` on, which were made just before it, then
        among earlier ones still open.

        Ids that a client re-uses go to the nearest call that has no answer yet; a second answer replaces the first.
        """
        if result.client_id is not None:
            same = self._by_id.get(result.client_id, [])
        elif result.client_name is not None:
            same = self._by_name.get(result.client_name, [])
        else:
            return next(iter(self._open.values())) if len(self._open) == 1 else None
        waiting = [call for call in same if call.result is None]
        if waiting:
            return next((call for call in waiting if call.number >= latest), waiting[-1])
        return same[-1] if same and same[-1].number >= latest else None


class ToolIds:
    """The ids of one request's calls as Claude accepts them: letters, digits, `_` and `-`, and no id twice."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def take(self, client_id: str | None) -> str:
        wanted = _REFUSED.sub("_", client_id or "") or "call"
        taken = wanted
        while taken in self._times:
            self._times[wanted] += 1
            taken = f"{wanted}-{self._times[wanted]}"
        self._times[taken] = 1
        return taken


class ToolHistory:
    """Reads the calls and results of one request's messages."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._ids = ToolIds()
        self._calls = 0

    def calls(self, message: JsonObject, path: str) -> list[Call]:
        """The calls of an assistant message: `tool_calls`, and `function_call` from before there were any."""
        items, legacy = message.get("tool_calls"), message.get("function_call")
        calls: list[Call] = []
        if items is not None:
            if not isinstance(items, list):
                raise _invalid(f"{path}.tool_calls", "tool_calls must be a list.")
            for index, item in enumerate(cast("list[object]", items)):
                calls.append(self._tool_call(item, f"{path}.tool_calls[{index}]"))
        if legacy is not None:
            calls.append(self._call(None, legacy, "arguments", f"{path}.function_call"))
        return calls

    def _tool_call(self, item: object, path: str) -> Call:
        if not isinstance(item, dict):
            raise _invalid(path, "a tool call must be an object.")
        item = cast("JsonObject", item)
        client_id = _client_id(item.get("id"), f"{path}.id")
        match item.get("type"):
            case None | "function":
                call = self._call(client_id, item.get("function"), "arguments", f"{path}.function")
            case "custom":
                call = self._call(client_id, item.get("custom"), "input", f"{path}.custom")
            case str() as unknown:
                raise _invalid(f"{path}.type", f"a tool call of type '{unknown}' has no equivalent upstream.")
            case _:
                raise _invalid(f"{path}.type", "the type of a tool call is 'function'.")
        if mark := cache_control_of(item.get("cache_control")):
            call.block["cache_control"] = mark
        return call

    def _call(self, client_id: str | None, function: object, arguments_key: str, path: str) -> Call:
        fields = json_codec.object_or_empty(function)
        name = fields.get("name")
        if not isinstance(name, str):
            raise _invalid(f"{path}.name", "a tool call needs the name of its function.")
        arguments = fields.get(arguments_key)
        self._calls += 1
        return Call(
            self._calls,
            client_id,
            name,
            {
                "type": "tool_use",
                "id": self._ids.take(client_id),
                "name": self._names.upstream(name),
                # A custom tool takes one text, and is declared to Claude with that as its only property.
                "input": {"input": arguments} if arguments_key == "input" else parse_arguments(arguments),
            },
        )

    def result(self, message: JsonObject, path: str) -> Result:
        """The result in a message of role `tool` or, from before there were any, `function`."""
        by_name = message.get("name") if message.get("role") == "function" else None
        client_id = _client_id(message.get("tool_call_id"), f"{path}.tool_call_id")
        blocks = _result_content(message.get("content"), f"{path}.content")
        mark = cache_control_of(message.get("cache_control"))
        for block in blocks:
            # A mark inside the result would count, and end no prefix that is asked for again.
            mark = block.pop("cache_control", None) or mark
        return Result(client_id, by_name if isinstance(by_name, str) else None, blocks, mark)


def parse_arguments(arguments: object) -> JsonObject:
    """A call's arguments as the object that Claude insists on.

    This history comes back with every request, so broken arguments must not fail it; nor are they repaired, which
    would invent what was never called.
    """
    value = arguments
    if isinstance(arguments, str):
        if not arguments or arguments.isspace():
            return {}
        try:
            value = json_codec.decode(arguments)
        except json_codec.JSONError:
            return {"_raw_arguments": arguments}
    if value is None:
        return {}
    return cast("JsonObject", value) if isinstance(value, dict) else {"value": value}


def _result_content(content: object, path: str) -> list[ContentBlock]:
    """Text and parts as everywhere; any other JSON is a tool's raw output, and becomes its text."""
    match content:
        case None | str():
            return parse_content(content, path)
        case list() if all(_is_part(item) for item in cast("list[object]", content)):
            return parse_content(cast("object", content), path)
        case _:
            return [{"type": "text", "text": json_codec.encode_text(content)}]


def _is_part(item: object) -> bool:
    """A content part, and no item of a listing that happens to have a `type`."""
    if isinstance(item, str):
        return True
    match item:
        case {"type": "text", "text": str() | None} | {"type": "refusal", "refusal": str() | None}:
            return True
        case {"type": "image_url", "image_url": str() | dict()} | {"type": "file", "file": dict()}:
            return True
        case {"type": "input_audio", "input_audio": dict()}:
            return True
        case _:
            return False


def _client_id(value: object, path: str) -> str | None:
    match value:
        case None | "":
            return None
        case str() | int():
            return str(value)
        case _:
            raise _invalid(path, "an id must be a string.")


def _invalid(path: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{path}: {problem}", param=path)
