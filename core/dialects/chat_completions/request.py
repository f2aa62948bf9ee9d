"""A chat completions request → a Messages request. What every field becomes is told in docs/translation.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from ...errors import InvalidRequest
from ...messages import JsonObject, MessagesRequest, OutputConfig, TextBlock
from ...models import rules_for
from . import parameters, thinking, tools
from .caching import place_breakpoints
from .fields import Fields, ignored_header
from .history import History, parse_history
from .names import ToolNames
from .reasoning import Recall, SignedBlock
from .response_format import ResponseFormat, parse_response_format

__all__ = ["ChatRequest", "Defaults", "ignored_header", "parse_request"]


def _nothing(_tool_id: str) -> Sequence[SignedBlock] | None:
    return None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the settings say where the request does not, and where remembered thinking is found."""

    # For answers whose length the client does not limit; tokens.
    max_output_tokens: int = 32_000
    # Whether to set cache breakpoints where the client sets none.
    prompt_cache: bool = True
    default_model: str | None = None
    model_aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    recall: Recall = _nothing


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat request in both worlds: `body` for Claude, the rest for the answer to the client."""

    body: MessagesRequest
    # The model as the client wrote it.
    model: str
    stream: bool
    include_usage: bool
    # Names of what was not done as asked.
    ignored: list[str]
    tool_names: ToolNames
    # The client declared `functions`, and expects a `function_call`.
    legacy_functions: bool


def parse_request(body: object, defaults: Defaults) -> ChatRequest:
    """Translate the JSON value `body`. Raises InvalidRequest or ModelNotFound, with the path of the field."""
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.", code="invalid_json")
    fields, names = Fields(cast("JsonObject", body)), ToolNames()
    model = parameters.parse_model(fields, defaults.default_model, defaults.model_aliases, thinking.LEVELS)
    rules = rules_for(model.id)
    stream = fields.take_bool("stream", default=False)
    options = fields.take_object("stream_options") or {}
    parameters.refuse_what_cannot_be(fields)
    declared = tools.parse_tools(fields, names)
    history = parse_history(fields.take("messages"), rules=rules, names=names, recall=defaults.recall)
    tools.choose(declared, fields, names, rules, history.used_tools)
    plan = thinking.plan_thinking(
        fields,
        model.effort,
        thinking.Circumstances(
            rules=rules,
            limit=parameters.parse_output_limit(fields, rules),
            default_limit=min(rules.max_output, defaults.max_output_tokens),
            forced_tool=declared.forced,
            lacks_thinking=history.lacks_thinking,
            prefill=history.prefill,
        ),
    )
    output = parse_response_format(fields, prefill=history.prefill)
    request: MessagesRequest = {
        "model": model.id,
        "max_tokens": plan.max_tokens,
        # Always: an answer that takes ten minutes would outlast a request that hears nothing meanwhile.
        "stream": True,
        **_system(history, declared, output),
        "messages": history.turns,
        **_tools(declared),
        **_thinking(plan, output),
        **cast("MessagesRequest", parameters.parse_sampling(fields, rules, thinks=plan.active)),
    }
    if stop_sequences := parameters.parse_stop_sequences(fields):
        request["stop_sequences"] = stop_sequences
    place_breakpoints(request, history.ends, rules, automatic=defaults.prompt_cache)
    fields.ignore_the_rest()
    return ChatRequest(
        body=request,
        model=model.requested,
        stream=stream,
        include_usage=options.get("include_usage") is True,
        ignored=[*fields.ignored, *history.ignored],
        tool_names=names,
        legacy_functions=declared.legacy,
    )


def _system(history: History, declared: tools.Tools, output: ResponseFormat) -> MessagesRequest:
    """The system blocks; lines of ours stand at the end, where they change no cached prefix."""
    lines = [*declared.system_lines, *([output.system_line] if output.system_line else [])]
    ours: list[TextBlock] = [{"type": "text", "text": line} for line in lines]
    system = [*history.system, *ours]
    return cast("MessagesRequest", {"system": system} if system else {})


def _tools(declared: tools.Tools) -> MessagesRequest:
    part: JsonObject = {}
    if declared.declared:
        part["tools"] = declared.declared
    if declared.choice is not None:
        part["tool_choice"] = declared.choice
    return cast("MessagesRequest", part)


def _thinking(plan: thinking.ThinkingPlan, output: ResponseFormat) -> MessagesRequest:
    part: JsonObject = {}
    config: OutputConfig = {}
    if plan.thinking is not None:
        part["thinking"] = plan.thinking
    if plan.effort is not None:
        config["effort"] = plan.effort
    if output.output is not None:
        config["format"] = output.output
    if config:
        part["output_config"] = config
    return cast("MessagesRequest", part)
