"""Tool declarations and the choice among them, and the older `functions` that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ...errors import InvalidRequest
from ...json_codec import list_or_empty, object_or_empty
from ...messages import JsonObject, Tool, ToolChoice
from ...models import ModelRules
from ...wording import must_call
from .caching import cache_control_of
from .fields import Fields
from .names import ToolNames
from .schemas import strict_tool_schema, tool_schema

# What a custom tool takes: one free text.
_FREE_TEXT: JsonObject = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


@dataclass(slots=True)
class Tools:
    """A request's tools and its choice among them, as Claude takes them."""

    declared: list[Tool]
    # The client declared `functions`, and expects `function_call` in the answer.
    legacy: bool = False
    # The client sent an empty list of tools.
    empty: bool = False
    choice: ToolChoice | None = None
    # What has to be said in words because the choice cannot force it.
    system_lines: list[str] = field(default_factory=list[str])

    @property
    def forced(self) -> bool:
        return self.choice is not None and self.choice["type"] in ("any", "tool")


def parse_tools(fields: Fields, names: ToolNames) -> Tools:
    """The declarations. Raises InvalidRequest. The choice is made with `choose`, after the history is known."""
    functions = fields.take_list("functions")
    tools = fields.take_list("tools")
    if tools is None and functions:
        wrapped = [{"type": "function", "function": function} for function in functions]
        return Tools(_Declarations(fields, names, "functions[{}]").read(wrapped), legacy=True)
    if functions:
        fields.ignore("functions")
    return Tools(_Declarations(fields, names, "tools[{}]").read(tools or []), empty=tools == [])


def choose(tools: Tools, fields: Fields, names: ToolNames, rules: ModelRules, used_tools: Sequence[str]) -> None:
    """Complete `tools` by the client's choice among them, or by what the history's own tools demand."""
    wanted = _wanted_choice(tools, fields)
    parallel = fields.take_bool("parallel_tool_calls", default=True)
    if not tools.declared:
        _without_tools(tools, wanted, fields, used_tools)
        return
    choice = _parse_choice(wanted, tools, fields, names)
    if choice["type"] in ("any", "tool") and not rules.forced_tool_choice:
        tools.system_lines.append(must_call(choice.pop("name", None)))
        choice["type"] = "auto"
        fields.ignore("function_call" if tools.legacy else "tool_choice")
    if choice["type"] != "none" and (tools.legacy or not parallel):
        # A `function_call` can only be one.
        choice["disable_parallel_tool_use"] = True
    if choice != {"type": "auto"}:
        tools.choice = choice


class _Declarations:
    """Reads a list of declared tools. `where` is the path of one, with a place for its index."""

    def __init__(self, fields: Fields, names: ToolNames, where: str) -> None:
        self._fields = fields
        self._names = names
        self._where = where

    def read(self, items: list[Any]) -> list[Tool]:
        tools: dict[str, Tool] = {}
        for index, item in enumerate(items):
            path = self._where.format(index)
            tool = self._tool(item, path)
            earlier = tools.setdefault(tool["name"], tool)
            if earlier is not tool and earlier != tool:
                raise _invalid(f"{path}.function.name", "Tool names must be unique.")
        return list(tools.values())

    def _tool(self, item: Any, path: str) -> Tool:
        if not isinstance(item, dict):
            raise _invalid(path, "a tool is an object.")
        fields = cast("JsonObject", item)
        match fields.get("type"):
            case "function":
                # Some clients write the function's fields beside the type, as other APIs have them.
                function = fields.get("function", fields)
                tool = self._function(function, f"{path}.function")
            case None if "function" in fields or "name" in fields:
                function = fields.get("function", fields)
                tool = self._function(function, f"{path}.function")
            case "custom":
                function = fields.get("custom", fields)
                tool = self._custom(function, path)
            case str() as kind:
                raise _invalid(f"{path}.type", f"tools of type '{kind}' are not supported; declare a function.")
            case _:
                raise _invalid(f"{path}.type", "the type of a tool is 'function'.")
        mark = cache_control_of(fields.get("cache_control"))
        if mark := mark or cache_control_of(object_or_empty(function).get("cache_control")):
            tool["cache_control"] = mark
        return tool

    def _function(self, function: Any, path: str) -> Tool:
        if not isinstance(function, dict):
            raise _invalid(path, "a function is an object.")
        fields = cast("JsonObject", function)
        name = _name(fields, path)
        parameters = "input_schema" if "input_schema" in fields else "parameters"
        schema = tool_schema(fields.get(parameters), f"{path}.{parameters}")
        tool: Tool = {"name": self._names.upstream(name), "input_schema": schema}
        if (description := _description(fields, path)) is not None:
            tool["description"] = description
        if fields.get("strict") is True:
            if (strict := strict_tool_schema(schema)) is not None:
                tool["input_schema"], tool["strict"] = strict, True
            else:
                self._fields.ignore(f"{path}.strict")
        return tool

    def _custom(self, custom: Any, path: str) -> Tool:
        fields = object_or_empty(custom)
        if object_or_empty(fields.get("format")).get("type", "text") != "text":
            raise _invalid(f"{path}.type", "a custom tool's input follows no grammar here; use the format 'text'.")
        tool: Tool = {
            "name": self._names.upstream(_name(fields, f"{path}.custom")),
            "input_schema": {**_FREE_TEXT},
        }
        if (description := _description(fields, f"{path}.custom")) is not None:
            tool["description"] = description
        return tool


def _name(fields: JsonObject, path: str) -> str:
    name = fields.get("name")
    if not isinstance(name, str) or not name:
        raise _invalid(f"{path}.name", "a tool needs a name.")
    return name


def _description(fields: JsonObject, path: str) -> str | None:
    match fields.get("description"):
        case None | "":
            return None
        case str() as text:
            return text
        case _:
            raise _invalid(f"{path}.description", "a description is text.")


def _wanted_choice(tools: Tools, fields: Fields) -> Any:
    legacy, choice = fields.take("function_call"), fields.take("tool_choice")
    if not tools.legacy:
        if legacy is not None:
            fields.ignore("function_call")
        return choice
    if isinstance(legacy, dict):
        return {"type": "function", "function": cast("JsonObject", legacy)}
    return legacy if legacy is not None else choice


def _without_tools(tools: Tools, wanted: Any, fields: Fields, used_tools: Sequence[str]) -> None:
    """Nothing is declared. An empty `tools` list says so on purpose, and takes the choice with it."""
    match wanted:
        case None | "auto" | "none" | {"type": "auto" | "none"}:
            pass
        case _ if tools.empty:
            fields.ignore("tool_choice")
        case _:
            raise _invalid("tool_choice", "a tool cannot be chosen where none is declared.")
    if used_tools:
        # Some models refuse a history with calls of tools that are nowhere declared.
        tools.declared = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in used_tools]
        tools.choice = {"type": "none"}


def _parse_choice(wanted: Any, tools: Tools, fields: Fields, names: ToolNames) -> ToolChoice:
    """The choice, and for `allowed_tools` only the allowed ones left of `tools.declared`."""
    match wanted:
        case None | "auto":
            return {"type": "auto"}
        case "none":
            return {"type": "none"}
        case "required" | "any":
            return {"type": "any"}
        case {"type": "auto" | "none" | "any" as kind}:
            return {"type": kind}
        case {"type": "required"}:
            return {"type": "any"}
        case {"type": "allowed_tools"}:
            return _allowed(cast("JsonObject", wanted), tools, names)
        case {"type": "function" | "custom" | "tool"}:
            return {"type": "tool", "name": _declared(cast("JsonObject", wanted), tools, names)}
        case _:
            raise _invalid("tool_choice", "expected 'auto', 'none', 'required', or an object that names a function.")


def _allowed(wanted: JsonObject, tools: Tools, names: ToolNames) -> ToolChoice:
    allowed = object_or_empty(wanted.get("allowed_tools")) or wanted
    listed = [object_or_empty(item) for item in list_or_empty(allowed.get("tools"))]
    chosen = {_declared(item, tools, names) for item in listed}
    if not chosen:
        raise _invalid("tool_choice", "allowed_tools needs at least one tool.")
    tools.declared = [tool for tool in tools.declared if tool["name"] in chosen]
    match allowed.get("mode", "auto"):
        case "auto":
            return {"type": "auto"}
        case "required":
            return {"type": "any"}
        case _:
            raise _invalid("tool_choice", "the mode of allowed_tools is 'auto' or 'required'.")


def _declared(item: JsonObject, tools: Tools, names: ToolNames) -> str:
    """The upstream name of the tool that `item` refers to."""
    name = (object_or_empty(item.get("function")) or object_or_empty(item.get("custom")) or item).get("name")
    if not isinstance(name, str):
        raise _invalid("tool_choice", "the name of a function is missing.")
    upstream = names.upstream(name)
    if all(tool["name"] != upstream for tool in tools.declared):
        raise _invalid("tool_choice", f"the tool '{name[:200]}' is not declared in tools.")
    return upstream


def _invalid(path: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{path}: {problem}", param=path)
