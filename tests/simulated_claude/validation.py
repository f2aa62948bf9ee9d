"""What Anthropic's Messages API refuses, in its order and about in its words. One error at a time, the first one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from .models import LEVELS, Model, find_model
from .shapes import SAMPLING, ApiError, Refused, check_shape, check_text, png_size

# Checks the signature of a thinking block: its text, its signature, the messages before it, and the model.
Verify = Callable[[str, str, Sequence[Any], Model], "str | None"]


def validate_messages_request(
    body: Any,
    *,
    version: str = "2023-06-01",
    strict_alternation: bool = False,
    count_tokens: bool = False,
    verify: Verify | None = None,
) -> ApiError | None:
    """The error that the API would answer to `body`, or None where it would answer."""
    try:
        if not isinstance(body, dict):
            raise Refused("The request body is not valid JSON: an object is expected")
        check_shape(body, version, count_tokens=count_tokens)
        model = find_model(body["model"])
        if model is None:
            raise Refused(f"model: {body['model']}", 404, "not_found_error")
        _check_model_rules(body, model)
        _check_messages(body, model, strict_alternation=strict_alternation, verify=verify)
        _check_marks(body)
        _check_length(body, model)
    except Refused as refused:
        return refused.error
    return None


# Rules of the model.


def _check_model_rules(body: dict[str, Any], model: Model) -> None:
    limit = body.get("max_tokens", 1)
    if limit > model.max_output:
        raise Refused(
            f"max_tokens: {limit} > {model.max_output}, which is the maximum allowed number of output tokens for "
            f"{model.id}"
        )
    _check_sampling(body, model)
    _check_thinking(body, model)
    _check_effort(body, model)
    _check_tools(body, model)


def _check_sampling(body: dict[str, Any], model: Model) -> None:
    given = [name for name in SAMPLING if name in body]
    if "temperature" in given and "top_p" in given:
        raise Refused("The `temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    for name in given:
        harmless = body[name] == {"temperature": 1, "top_p": 0.99}.get(name)
        if model.sampling == "never" or (model.sampling == "default" and not harmless):
            raise Refused(f"`{name}` is deprecated for this model.")
    if model.sampling == "free" and _thinks(body, model):
        if body.get("temperature", 1) != 1 or "top_k" in body:
            raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
        if body.get("top_p", 1) < 0.95:
            raise Refused("`top_p` must be greater than or equal to 0.95 when thinking is enabled.")


def _check_thinking(body: dict[str, Any], model: Model) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking["type"]
    if kind not in model.thinking:
        if kind == "adaptive":
            raise Refused("adaptive thinking is not supported on this model")
        if kind == "disabled" and "between_tools" in model.thinking:
            raise Refused(
                'To turn thinking off on this model, send "thinking": {"type": "between_tools"} instead of '
                '{"type": "disabled"}.'
            )
        raise Refused(
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    if kind == "enabled" and body.get("max_tokens", 10**9) <= thinking["budget_tokens"]:
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_effort(body: dict[str, Any], model: Model) -> None:
    effort = (body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    if effort not in model.efforts:
        raise Refused(f"output_config.effort '{effort}' is not supported on this model")
    off = body.get("thinking", {}).get("type") in ("disabled", "between_tools")
    most = model.effort_without_thinking
    if off and most and LEVELS.index(effort) > LEVELS.index(most):
        raise Refused(f"output_config.effort '{effort}' is not supported when thinking is disabled on this model.")


def _check_tools(body: dict[str, Any], model: Model) -> None:
    names = [tool.get("name") for tool in body.get("tools", [])]
    if len(set(names)) != len(names):
        raise Refused("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not names:
        raise Refused("tool_choice: may only be specified while providing tools")
    if choice["type"] not in ("any", "tool"):
        return
    if not model.forced_tools:
        raise Refused('tool_choice: type "tool" and "any" are not supported for this model.')
    if body.get("thinking", {}).get("type") == "enabled":
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")
    if choice["type"] == "tool" and choice["name"] not in names:
        raise Refused(f"Tool '{choice['name']}' not found in provided tools")


def _thinks(body: Mapping[str, Any], model: Model) -> bool:
    kind = body.get("thinking", {}).get("type")
    return kind in ("adaptive", "enabled") or (kind is None and model.thinks_unasked)


# Rules of the conversation.


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message's content as blocks."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _check_messages(body: dict[str, Any], model: Model, *, strict_alternation: bool, verify: Verify | None) -> None:
    messages = body["messages"]
    if not messages:
        raise Refused("messages: at least one message is required")
    _check_system_entries(messages, model)
    spoken = [message for message in messages if message["role"] != "system"]
    if spoken[0]["role"] != "user":
        raise Refused('messages: first message must use the "user" role')
    if strict_alternation and any(a["role"] == b["role"] for a, b in pairwise(spoken)):
        raise Refused('messages: roles must alternate between "user" and "assistant"')
    for index, message in enumerate(spoken):
        is_last = index == len(spoken) - 1
        if not message["content"] and not (is_last and message["role"] == "assistant"):
            raise Refused(
                f"messages.{index}: all messages must have non-empty content except for the optional final assistant "
                "message"
            )
        if isinstance(message["content"], str) and message["content"]:
            check_text(message["content"], f"messages.{index}.content")
    _check_prefill(body, spoken, model)
    turns = _merged(spoken)
    _check_many_images(turns)
    _check_tool_pairs(turns)
    _check_replayed_thinking(body, turns, model, verify)


def _check_system_entries(messages: list[Any], model: Model) -> None:
    for index, message in enumerate(messages):
        if message["role"] != "system":
            continue
        if model.inline_system == "no":
            raise Refused("role 'system' is not supported on this model")
        if not message["content"]:
            raise Refused(f"messages.{index}: all messages must have non-empty content")
        before = messages[index - 1]["role"] if index else None
        after = messages[index + 1]["role"] if index + 1 < len(messages) else "assistant"
        if before != "user" or after != "assistant":
            raise Refused(
                f"messages.{index}: a system message must follow a user message, and be last or before an assistant one"
            )


def _check_prefill(body: dict[str, Any], messages: list[Any], model: Model) -> None:
    if messages[-1]["role"] != "assistant":
        return
    if not model.prefill or _thinks(body, model):
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    if "format" in body.get("output_config", {}):
        raise Refused("output_config.format: is not supported with assistant message prefill")
    last = blocks_of(messages[-1])[-1:] or [{"type": "text", "text": ""}]
    if last[0]["type"] == "text" and last[0]["text"] != last[0]["text"].rstrip():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")


def _check_many_images(turns: list[dict[str, Any]]) -> None:
    images = [block["source"]["data"] for turn in turns for block in turn["content"] if _is_inline_image(block)]
    if len(images) > 20 and any(max(png_size(base64.b64decode(data)) or (0, 0)) > 2000 for data in images):
        raise Refused("At least one of the image dimensions exceed max allowed size: 2000 pixels")


def _is_inline_image(block: dict[str, Any]) -> bool:
    return block["type"] == "image" and block["source"]["type"] == "base64"


def _merged(messages: list[Any]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for message in messages:
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += blocks_of(message)
        else:
            turns.append({"role": message["role"], "content": [*blocks_of(message)]})
    return turns


def _check_tool_pairs(turns: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    waiting: list[str] = []
    for index, turn in enumerate(turns):
        results = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
        for position, block in enumerate(turn["content"]):
            if block["type"] == "tool_result" and block["tool_use_id"] not in waiting:
                raise Refused(
                    f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in "
                    "the previous message."
                )
        if len(set(results)) != len(results):
            raise Refused(f"messages.{index}: each tool_use must have a single result. Found multiple.")
        _check_all_answered(waiting, results, index)
        kinds = [block["type"] for block in turn["content"]]
        if results and "tool_result" in kinds[len(results) :]:
            raise Refused(f"messages.{index}: tool_result blocks must come first")
        waiting = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        if seen & set(waiting) or len(set(waiting)) != len(waiting):
            raise Refused("messages: `tool_use` ids must be unique")
        seen |= set(waiting)
    _check_all_answered(waiting, [], len(turns))


def _check_all_answered(waiting: list[str], results: list[str], index: int) -> None:
    missing = [tool_id for tool_id in waiting if tool_id not in results]
    if missing:
        raise Refused(
            f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message."
        )


def _check_replayed_thinking(
    body: dict[str, Any], turns: list[dict[str, Any]], model: Model, verify: Verify | None
) -> None:
    last = max((index for index, turn in enumerate(turns) if turn["role"] == "assistant"), default=-1)
    for index, turn in enumerate(turns):
        if turn["role"] != "assistant":
            continue
        kinds = [block["type"] for block in turn["content"]]
        is_budgeted = body.get("thinking", {}).get("type") == "enabled"
        if is_budgeted and index == last and "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
            raise Refused(
                f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`. "
                "When `thinking` is enabled, a final `assistant` message must start with a thinking block"
            )
        for position, block in enumerate(turn["content"]):
            if verify is None or block["type"] != "thinking":
                continue
            problem = verify(block["thinking"], block["signature"], turns[:index], model)
            if problem is not None:
                raise Refused(f"messages.{index}.content.{position}: Invalid `signature` in `thinking` block{problem}")


# Rules of the whole.


def cacheable_parts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Everything that a cache breakpoint can stand on, in the order of the cached prefix."""
    system = body.get("system", [])
    system = [{"type": "text", "text": system}] if isinstance(system, str) else system
    blocks = [block for message in body["messages"] for block in blocks_of(message)]
    return [*body.get("tools", []), *system, *blocks]


def _check_marks(body: dict[str, Any]) -> None:
    marks = [part["cache_control"] for part in _with_insides(cacheable_parts(body)) if part.get("cache_control")]
    marks += [body["cache_control"]] if body.get("cache_control") else []
    if len(marks) > 4:
        raise Refused(f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}.")
    lives = [mark.get("ttl", "5m") for mark in marks]
    if "5m" in lives and "1h" in lives[lives.index("5m") :]:
        raise Refused("cache_control: a ttl='1h' block must not come after a ttl='5m' block")


def _with_insides(parts: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What stands inside a result is cached before the result's own end."""
    for part in parts:
        if isinstance(part.get("content"), list):
            yield from part["content"]
        yield part


def estimated_tokens(body: Mapping[str, Any]) -> int:
    """About four characters make a token; an image counts as a thousand."""
    count = 0
    for part in cacheable_parts(body):
        if part.get("type") in ("image", "document"):
            count += 1000
        else:
            count += len(json.dumps(part, ensure_ascii=False)) // 4
    return count + 1


def _check_length(body: dict[str, Any], model: Model) -> None:
    tokens = estimated_tokens(body)
    if tokens > model.context:
        raise Refused(f"prompt is too long: {tokens} tokens > {model.context} maximum")
