"""A Messages request → what Claude Code is started with and told: arguments, variables, lines, and what is left out.

Without I/O. Nothing of a prompt is in the arguments: `ps` shows them to everybody, and a text that begins with `--`
would become an option.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import InvalidRequest, ModelNotFound
from ...json_codec import encode_text, list_or_empty, object_or_empty
from ...messages import JsonObject
from ...models import ModelRules, nearest_ids, rules_for
from ...wording import CONTINUE, OPERATOR_NOTE, RESUMED

# The name under which Claude Code sees the client's tools.
TOOL_SERVER = "client"
# The tool with which Claude Code has Claude fill a schema.
STRUCTURED_OUTPUT = "StructuredOutput"

_MODEL = re.compile(r"claude-[A-Za-z0-9._-]{1,120}(\[1m\])?")
# A smaller limit leaves a thinking budget, which is at least 1024, no room.
_LEAST_TOKENS_TO_THINK = 2048
# Read here; whatever else a body holds at its top is left out by name.
_CARRIED = frozenset(
    {"model", "messages", "max_tokens", "system", "stream", "stop_sequences", "tools", "tool_choice", "thinking"}
)
_HTTPS_ROUTES = "The routes over HTTPS (direct, api-key) can."

# Claude Code's options that make it a plain way to Claude: no tools, settings, hooks, servers or files of its own.
_ARGUMENTS = (
    *("-p", "--input-format", "stream-json", "--output-format", "stream-json"),
    *("--include-partial-messages", "--verbose", "--tools", "", "--system-prompt", "", "--max-turns", "1"),
    *("--no-session-persistence", "--setting-sources", "", "--strict-mcp-config", "--disable-slash-commands"),
    *("--permission-mode", "dontAsk", "--permission-prompts", "none"),
    # After an answer that was cut off, refused or empty it would ask again, in a request that somebody pays for. The
    # first answer uses this budget up.
    *("--max-budget-usd", "0.0000001"),
    *("--mcp-config", encode_text({"mcpServers": {TOOL_SERVER: {"type": "sdk", "name": TOOL_SERVER}}})),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """What is fixed when a process starts, so that a waiting one serves only requests that agree in it."""

    model: str
    max_tokens: int
    thinking: str
    budget: int | None = None
    display: str | None = None
    effort: str | None = None

    def arguments(self) -> tuple[str, ...]:
        arguments = [*_ARGUMENTS, "--model", self.model]
        # A budget by itself turns thinking on; the option for it would replace the budget.
        for option, value in (
            ("--thinking", None if self.budget else self.thinking),
            ("--max-thinking-tokens", self.budget),
            ("--thinking-display", self.display),
            ("--effort", self.effort),
        ):
            if value is not None:
                arguments += [option, str(value)]
        return tuple(arguments)


@dataclass(frozen=True, slots=True)
class Plan:
    """One request as Claude Code is asked. `history` and `question` are lines of its input; `flat` is the question
    that holds the whole history as text, for versions that take none; `ignored` names what cannot be carried."""

    fit: Fit
    initialize: JsonObject
    tools: tuple[JsonObject, ...]
    history: tuple[JsonObject, ...]
    question: JsonObject
    flat: JsonObject
    stop_sequences: tuple[str, ...] = ()
    stream: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def structured(self) -> bool:
        return "jsonSchema" in self.initialize


def plan_request(body: Mapping[str, Any]) -> Plan:
    """Raises InvalidRequest and ModelNotFound, with the path of the field that is at fault."""
    ignored: list[str] = [name for name in body if name not in _CARRIED and name != "output_config"]
    if body.get("mcp_servers"):
        raise _refused("mcp_servers", "Claude Code cannot be given servers of tools by a request.")
    tools = _tools(body, ignored)
    turns = _turns(body, ignored)
    initialize: JsonObject = {"subtype": "initialize", "systemPrompt": _system(body), "sdkMcpServers": [TOOL_SERVER]}
    fit = _fit(body, ignored)
    schema = _schema(body, ignored)
    if schema is not None:
        initialize["jsonSchema"] = schema
    return Plan(
        fit=fit,
        initialize=initialize,
        tools=tools,
        history=tuple(_history_line(turn) for turn in turns[:-1]),
        question=_line("user", turns[-1]["content"]),
        flat=_line("user", _flattened(turns)),
        stop_sequences=tuple(text for text in list_or_empty(body.get("stop_sequences")) if isinstance(text, str)),
        stream=body.get("stream") is True,
        ignored=tuple(dict.fromkeys(ignored)),
    )


def _refused(param: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"{param}: {why} {_HTTPS_ROUTES}", param=param)


# What the process is started with


def _fit(body: Mapping[str, Any], ignored: list[str]) -> Fit:
    model, max_tokens = body.get("model"), body.get("max_tokens")
    if not isinstance(model, str):
        raise InvalidRequest("model: Field required", param="model")
    if not _MODEL.fullmatch(model):
        known = ", ".join(nearest_ids(model[:200]))
        raise ModelNotFound(f"model: {model[:200]}. The nearest known ids are {known}.", param="model")
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise InvalidRequest("max_tokens: a whole number from 1 on is required", param="max_tokens")
    rules = rules_for(model.removesuffix("[1m]"))
    thinking, budget, display = _thinking(object_or_empty(body.get("thinking")), rules, max_tokens, ignored)
    return Fit(model, max_tokens, thinking, budget, display, _effort(body, rules, ignored))


def _thinking(
    wish: JsonObject, rules: ModelRules, max_tokens: int, ignored: list[str]
) -> tuple[str, int | None, str | None]:
    """Whether to think, the budget, and what is shown of it. Without a wish it is as the API has it, not as Claude
    Code has it, which thinks on every model."""
    match wish.get("type"):
        case None:
            thinks = rules.thinks_by_default
        case "disabled" | "between_tools":
            thinks = False
            if rules.thinking_off != "disabled" or rules.id.endswith("-5-5"):
                # Claude Code has these think whatever it is told.
                ignored.append("thinking")
                return "adaptive", None, "omitted"
        case _:
            thinks = True
    budgeted = rules.thinking_style == "budget"
    if not thinks:
        return "disabled", None, None
    if budgeted and max_tokens < _LEAST_TOKENS_TO_THINK:
        ignored.append("thinking")
        return "disabled", None, None
    display = wish.get("display")
    # What the API shows of the thinking where the request does not say.
    shown = display if display in ("summarized", "omitted") else "summarized" if rules.accepts_budget else "omitted"
    budget = wish.get("budget_tokens")
    if not isinstance(budget, int) or isinstance(budget, bool):
        return "adaptive", None, shown
    if not budgeted:
        ignored.append("thinking.budget_tokens")
        return "adaptive", None, shown
    return "adaptive", max(1024, min(budget, max_tokens - 1)), shown


def _effort(body: Mapping[str, Any], rules: ModelRules, ignored: list[str]) -> str | None:
    effort = object_or_empty(body.get("output_config")).get("effort")
    if not rules.efforts:
        if effort is not None:
            ignored.append("output_config.effort")
        return None
    if effort is None:
        # Always said, because Claude Code's own default differs.
        return rules.default_effort
    if effort not in rules.efforts:
        levels = ", ".join(rules.efforts)
        raise InvalidRequest(f"output_config.effort: expected one of {levels}", param="output_config.effort")
    return str(effort)


# What it is told once it runs


def _system(body: Mapping[str, Any]) -> list[str]:
    system = body.get("system")
    if isinstance(system, str):
        return [system] if system else []
    texts = [object_or_empty(block).get("text") for block in list_or_empty(system)]
    return [text for text in texts if isinstance(text, str) and text]


def _schema(body: Mapping[str, Any], ignored: list[str]) -> JsonObject | None:
    config = object_or_empty(body.get("output_config"))
    ignored += [f"output_config.{name}" for name in config if name not in ("effort", "format")]
    wanted = object_or_empty(config.get("format"))
    schema = wanted.get("schema")
    return object_or_empty(schema) if wanted.get("type") == "json_schema" and isinstance(schema, dict) else None


def _tools(body: Mapping[str, Any], ignored: list[str]) -> tuple[JsonObject, ...]:
    """The client's tools as an MCP server lists them."""
    choice = object_or_empty(body.get("tool_choice"))
    if choice.get("type", "auto") not in ("auto", "none"):
        raise _refused("tool_choice", "Claude Code cannot be made to call a tool: use 'auto' or 'none'.")
    if choice.get("disable_parallel_tool_use"):
        ignored.append("disable_parallel_tool_use")
    listed: list[JsonObject] = []
    for index, entry in enumerate(list_or_empty(body.get("tools"))):
        tool = object_or_empty(entry)
        if tool.get("type", "custom") != "custom":
            raise _refused(
                f"tools[{index}].type", f"Claude Code cannot offer the tool '{tool['type']}' of Anthropic's."
            )
        if not isinstance(tool.get("name"), str):
            raise InvalidRequest(f"tools[{index}].name: Field required", param=f"tools[{index}].name")
        if tool.get("strict"):
            ignored.append("tools.strict")
        listed.append(
            {
                "name": tool["name"],
                "description": tool.get("description") or "",
                "inputSchema": tool.get("input_schema") or {"type": "object"},
            }
        )
    return () if choice.get("type") == "none" else tuple(listed)


def _turns(body: Mapping[str, Any], ignored: list[str]) -> list[JsonObject]:
    """The conversation as strict alternation that begins and ends with the person."""
    turns: list[JsonObject] = []
    for index, entry in enumerate(list_or_empty(body.get("messages"))):
        turn = object_or_empty(entry)
        role, blocks = turn.get("role"), _blocks(turn.get("content"))
        if role == "system":
            # Claude Code has no place for one in the middle.
            role, blocks = "user", [_with_note(block) for block in blocks]
        if role not in ("user", "assistant"):
            path = f"messages[{index}].role"
            raise InvalidRequest(f"{path}: expected 'user', 'assistant' or 'system'", param=path)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise InvalidRequest("messages: at least one message with content is required", param="messages")
    if turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": [_text(RESUMED)]})
    if turns[-1]["role"] == "assistant":
        ignored.append("prefill")
        turns.append({"role": "user", "content": [_text(CONTINUE)]})
    return turns


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _with_note(block: JsonObject) -> JsonObject:
    return _text(f"{OPERATOR_NOTE} {block.get('text', '')}") if block.get("type") == "text" else block


def _blocks(content: Any) -> list[JsonObject]:
    if isinstance(content, str):
        return [_text(content)] if content else []
    return [_unmarked(block) for block in list_or_empty(content)]


def _unmarked(value: Any) -> JsonObject:
    """A block without cache marks: Claude Code sets its own, and more than four are refused."""
    block = {name: item for name, item in object_or_empty(value).items() if name != "cache_control"}
    if isinstance(block.get("content"), list):
        block["content"] = [_unmarked(item) for item in block["content"]]
    return block


def _history_line(turn: JsonObject) -> JsonObject:
    line = _line(turn["role"], turn["content"])
    return {**line, "shouldQuery": False} if turn["role"] == "user" else line


def _line(role: str, content: list[JsonObject]) -> JsonObject:
    content = _as_no_command(content) if role == "user" else content
    return {"type": role, "message": {"role": role, "content": content}, "parent_tool_use_id": None}


def _as_no_command(content: list[JsonObject]) -> list[JsonObject]:
    """Claude Code takes a turn whose last text begins with a slash for one of its commands, and keeps it to itself. A
    line end in front makes it a text."""
    texts = [index for index, block in enumerate(content) if block.get("type") == "text"]
    if not texts or not str(content[texts[-1]].get("text", "")).startswith("/"):
        return content
    last = texts[-1]
    return [*content[:last], _text(f"\n{content[last]['text']}"), *content[last + 1 :]]


def _flattened(turns: list[JsonObject]) -> list[JsonObject]:
    """The whole conversation in one turn; images and documents stay what they are."""
    if len(turns) == 1:
        return turns[0]["content"]
    blocks = [_text("Our conversation so far, word for word:")]
    for turn in turns[:-1]:
        blocks.append(_text(f"[{turn['role']}]"))
        blocks += _as_prose(turn["content"])
    return [*blocks, _text("[user, now]"), *_as_prose(turns[-1]["content"])]


def _as_prose(blocks: list[JsonObject]) -> Iterator[JsonObject]:
    for block in blocks:
        match block:
            case {"type": "thinking" | "redacted_thinking"}:
                pass
            case {"type": "tool_use"}:
                yield _text(f"[called {block.get('name')} ({block.get('id')}) with {encode_text(block.get('input'))}]")
            case {"type": "tool_result"}:
                yield _text(f"[result of {block.get('tool_use_id')}]")
                yield from _as_prose(_blocks(block.get("content")))
            case _:
                yield block
