"""The pivot: an Anthropic Messages request and its events, as every dialect writes and reads them.

Wire data is a TypedDict that names the fields we touch; whatever else arrives is carried along. Field names and
shapes are those of Anthropic's Messages API: https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

# The version whose rules the translation follows: on 2026-10-21 any sampling parameter is refused.
ANTHROPIC_VERSION = "2023-06-01"

JsonObject = dict[str, Any]


class CacheControl(TypedDict):
    type: Literal["ephemeral"]
    ttl: NotRequired[Literal["5m", "1h"]]


class TextBlock(TypedDict):
    type: Literal["text"]
    text: str
    cache_control: NotRequired[CacheControl]


class ImageBlock(TypedDict):
    type: Literal["image"]
    source: JsonObject
    cache_control: NotRequired[CacheControl]


class DocumentBlock(TypedDict):
    type: Literal["document"]
    source: JsonObject
    title: NotRequired[str]
    cache_control: NotRequired[CacheControl]


class ThinkingBlock(TypedDict):
    type: Literal["thinking"]
    thinking: str
    signature: str


class RedactedThinkingBlock(TypedDict):
    type: Literal["redacted_thinking"]
    data: str


class ToolUseBlock(TypedDict):
    type: Literal["tool_use"]
    id: str
    name: str
    input: JsonObject
    cache_control: NotRequired[CacheControl]


class ToolResultBlock(TypedDict):
    type: Literal["tool_result"]
    tool_use_id: str
    content: NotRequired[str | list[TextBlock | ImageBlock | DocumentBlock]]
    is_error: NotRequired[bool]
    cache_control: NotRequired[CacheControl]


Block = TextBlock | ImageBlock | DocumentBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock


class Turn(TypedDict):
    """One entry of `messages`. Content is always a list of blocks here, never the string shorthand."""

    role: Literal["user", "assistant", "system"]
    content: list[Block]


class Tool(TypedDict):
    name: str
    input_schema: JsonObject
    description: NotRequired[str]
    strict: NotRequired[bool]
    cache_control: NotRequired[CacheControl]


class ToolChoice(TypedDict):
    type: Literal["auto", "any", "tool", "none"]
    name: NotRequired[str]
    disable_parallel_tool_use: NotRequired[bool]


class Thinking(TypedDict):
    type: Literal["adaptive", "enabled", "disabled", "between_tools"]
    budget_tokens: NotRequired[int]
    display: NotRequired[Literal["summarized", "omitted", "updates"]]


class OutputConfig(TypedDict):
    effort: NotRequired[str]
    format: NotRequired[JsonObject]


class MessagesRequest(TypedDict):
    """The body of `POST /v1/messages`."""

    model: str
    max_tokens: int
    messages: list[Turn]
    stream: NotRequired[bool]
    system: NotRequired[list[TextBlock]]
    stop_sequences: NotRequired[list[str]]
    temperature: NotRequired[float]
    top_p: NotRequired[float]
    top_k: NotRequired[int]
    tools: NotRequired[list[Tool]]
    tool_choice: NotRequired[ToolChoice]
    thinking: NotRequired[Thinking]
    output_config: NotRequired[OutputConfig]


# What comes back. Event data stays a plain mapping: new event, block and delta types appear without notice and
# must pass by unharmed, so readers match on `type` and skip what they do not know.
Event = JsonObject


class Usage(TypedDict, total=False):
    """Token counts as Anthropic reports them: `input_tokens` excludes what was read from or written to the cache."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    output_tokens_details: JsonObject


class Message(TypedDict):
    """A whole answer, as `POST /v1/messages` returns it without streaming."""

    id: str
    model: str
    content: list[JsonObject]
    stop_reason: str | None
    stop_details: NotRequired[JsonObject | None]
    usage: Usage
