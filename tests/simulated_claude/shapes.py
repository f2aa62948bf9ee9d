"""The shape of a Messages request: which fields there are, and of which type. Unknown ones are refused everywhere."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .models import LEVELS

VERSIONS = ("2023-06-01", "2026-10-21")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_SERVER_TOOLS = (
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "bash_",
    "text_editor_",
    "memory_",
    "tool_search_tool_",
)
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_LARGEST_IMAGE = 5 * 1024 * 1024
_UNENFORCEABLE = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "patternProperties",
    "not",
    "if",
    "oneOf",
)
_COMBINATORS = ("oneOf", "allOf", "anyOf")
_JSON_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")

Check = Callable[[Any, str], None]


@dataclass(frozen=True)
class ApiError:
    """An error of the API: HTTP status, Anthropic's type and message."""

    status: int
    type: str
    message: str


class Refused(Exception):
    def __init__(self, message: str, status: int = 400, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.error = ApiError(status, kind, message)


def _object(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    known = {**required, **(optional or {})}

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise Refused(f"{path}: Input should be a valid dictionary")
        prefix = f"{path}." if path else ""
        for name in required:
            if name not in value:
                raise Refused(f"{prefix}{name}: Field required")
        for name, item in value.items():
            if name not in known:
                raise Refused(f"{prefix}{name}: Extra inputs are not permitted")
            known[name](item, prefix + name)

    return check


def _string(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise Refused(f"{path}: Input should be a valid string")
    if not value.isascii() and _SURROGATE.search(value):
        raise Refused("The request body is not valid JSON: lone surrogate")


def _boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise Refused(f"{path}: Input should be a valid boolean")


def _anything(value: Any, path: str) -> None:
    pass


def _integer(least: int) -> Check:
    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(f"{path}: Input should be a valid integer")
        if value < least:
            raise Refused(f"{path}: Input should be greater than or equal to {least}")

    return check


def _unit_interval(value: Any, path: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(f"{path}: Input should be a valid number")
    if not 0 <= value <= 1:
        raise Refused(f"{path}: range: 0..1")


def _or_null(check: Check) -> Check:
    def either(value: Any, path: str) -> None:
        if value is not None:
            check(value, path)

    return either


def _one_of(*choices: str) -> Check:
    def check(value: Any, path: str) -> None:
        if value not in choices:
            raise Refused(f"{path}: Input should be {' or '.join(map(repr, choices))}")

    return check


def _list_of(check_item: Check) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise Refused(f"{path}: Input should be a valid list")
        for index, item in enumerate(value):
            check_item(item, f"{path}.{index}")

    return check


def check_text(value: Any, path: str) -> None:
    """The text of a block: `path` ends with the place of the text, the message names where it stands."""
    _string(value, path)
    where = "system" if path.startswith("system") else "messages"
    if not value:
        raise Refused(f"{where}: text content blocks must be non-empty")
    if value.isspace():
        raise Refused(f"{where}: text content blocks must contain non-whitespace text")


def _tool_id(value: Any, path: str) -> None:
    _string(value, path)
    if not _ID.fullmatch(value):
        raise Refused(f"{path}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _tool_name(value: Any, path: str) -> None:
    _string(value, path)
    if len(value) > 128:
        raise Refused(f"{path}: String should have at most 128 characters")
    if not _NAME.fullmatch(value):
        raise Refused(f"{path}: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")


_CACHE_CONTROL = _object({"type": _one_of("ephemeral")}, {"ttl": _one_of("5m", "1h")})
_MARK = {"cache_control": _or_null(_CACHE_CONTROL)}


def _media(types: Sequence[str]) -> Check:
    def check(value: Any, path: str) -> None:
        if value not in types:
            raise Refused(f"{path}: Input should be {' or '.join(map(repr, types))}")

    return check


def _base64_source(types: Sequence[str], kind: str) -> Check:
    shape = _object({"type": _anything, "media_type": _media(types), "data": _string})

    def check(value: Any, path: str) -> None:
        shape(value, f"{path}.base64")
        try:
            data = base64.b64decode(value["data"], validate=True)
        except (binascii.Error, ValueError):
            raise Refused(f"{path}.base64: invalid base64 data") from None
        if not data:
            raise Refused(f"{path}.base64.data: Input should be non-empty")
        if kind == "image":
            _check_image(data, value["media_type"], path)

    return check


def _check_image(data: bytes, media_type: str, path: str) -> None:
    if len(data) > _LARGEST_IMAGE:
        raise Refused(f"{path}: image exceeds 5 MB maximum: {len(data)} bytes > {_LARGEST_IMAGE} bytes")
    signatures = {
        "image/png": data.startswith(b"\x89PNG"),
        "image/jpeg": data.startswith(b"\xff\xd8\xff"),
        "image/gif": data.startswith(b"GIF8"),
        "image/webp": data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    }
    # Bytes of no known kind are left to the decoder, which is not simulated.
    if any(signatures.values()) and not signatures[media_type]:
        raise Refused(f"{path}: Image does not match the provided media type {media_type}")
    if max(png_size(data) or (0, 0)) > 8000:
        raise Refused(f"{path}: At least one of the image dimensions exceed max allowed size: 8000 pixels")


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, in pixels; None for anything else."""
    if not data.startswith(b"\x89PNG") or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _url(value: Any, path: str) -> None:
    _string(value, path)
    if not value.startswith("https://"):
        raise Refused(f"{path}: Only HTTPS URLs are supported.")


def _source(kind: str) -> Check:
    sources: dict[str, Check] = {
        "base64": _base64_source(_IMAGE_TYPES if kind == "image" else ("application/pdf",), kind),
        "url": _object({"type": _anything, "url": _url}),
        "file": _object({"type": _anything, "file_id": _string}),
    }
    if kind == "document":
        sources["text"] = _object({"type": _anything, "media_type": _one_of("text/plain"), "data": _string})

    def check(value: Any, path: str) -> None:
        source = value.get("type") if isinstance(value, dict) else None
        if not isinstance(source, str) or source not in sources:
            raise Refused(f"{path}: Input tag {source!r} found does not match any of the expected tags")
        sources[source](value, path)

    return check


def _input(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise Refused(f"{path}: Input should be a valid dictionary")
    _string(json.dumps(value, ensure_ascii=False), path)


def _result_content(value: Any, path: str) -> None:
    if isinstance(value, str):
        _string(value, path)
        return
    _list_of(_block(("text", "image", "document", "search_result", "tool_reference")))(value, path)


_TYPE: dict[str, Check] = {"type": _anything}
_BLOCKS: dict[str, Check] = {
    "text": _object({**_TYPE, "text": check_text}, {**_MARK, "citations": _anything}),
    "image": _object({**_TYPE, "source": _source("image")}, _MARK),
    "document": _object(
        {**_TYPE, "source": _source("document")},
        {**_MARK, "title": _string, "context": _string, "citations": _anything},
    ),
    "thinking": _object({**_TYPE, "thinking": _string, "signature": _string}),
    "redacted_thinking": _object({**_TYPE, "data": _string}),
    "tool_use": _object({**_TYPE, "id": _tool_id, "name": _tool_name, "input": _input}, {**_MARK, "caller": _anything}),
    "tool_result": _object(
        {**_TYPE, "tool_use_id": _tool_id}, {**_MARK, "content": _result_content, "is_error": _boolean}
    ),
    "search_result": _object(
        {**_TYPE, "source": _string, "title": _string, "content": _anything}, {**_MARK, "citations": _anything}
    ),
    "tool_reference": _object({**_TYPE, "tool_name": _string}, _MARK),
}
_SERVER_BLOCKS = ("server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result")
_BLOCKS |= dict.fromkeys(_SERVER_BLOCKS, _anything)
_USER_BLOCKS = ("text", "image", "document", "tool_result", "search_result")
_ASSISTANT_BLOCKS = ("text", "thinking", "redacted_thinking", "tool_use", "document", *_SERVER_BLOCKS)


def _block(kinds: Sequence[str]) -> Check:
    def check(value: Any, path: str) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in kinds or kind not in _BLOCKS:
            expected = ", ".join(map(repr, kinds))
            raise Refused(
                f"{path}: Input tag {kind!r} found using 'type' does not match any of the expected tags: {expected}"
            )
        _BLOCKS[kind](value, f"{path}.{kind}")

    return check


def _content(kinds: Sequence[str]) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, (str, list)):
            raise Refused(f"{path}: Input should be a valid string or list")
        if isinstance(value, list):
            _list_of(_block(kinds))(value, path)

    return check


def _message(value: Any, path: str) -> None:
    role = value.get("role") if isinstance(value, dict) else None
    if isinstance(value, dict) and role not in ("user", "assistant", "system"):
        raise Refused(f"{path}.role: Input should be 'user' or 'assistant'")
    kinds = {"user": _USER_BLOCKS, "assistant": _ASSISTANT_BLOCKS}.get(str(role), ("text",))
    optional = {"output_config": _OUTPUT_CONFIG} if role == "system" else {}
    _object({"role": _anything, "content": _content(kinds)}, optional)(value, path)


def _stop_sequence(value: Any, path: str) -> None:
    _string(value, path)
    if not value.strip():
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")


def _user_id(value: Any, path: str) -> None:
    _string(value, path)
    if len(value) > 256:
        raise Refused(f"{path}: String should have at most 256 characters")


def _tool(value: Any, path: str) -> None:
    kind = value.get("type", "custom") if isinstance(value, dict) else "custom"
    if isinstance(kind, str) and kind.startswith(_SERVER_TOOLS):
        return
    path = f"{path}.custom"
    _object(
        {"name": _tool_name, "input_schema": _input_schema},
        {
            **_MARK,
            "type": _one_of("custom"),
            "description": _string,
            "strict": _boolean,
            "eager_input_streaming": _boolean,
            "defer_loading": _boolean,
            "allowed_callers": _anything,
            "input_examples": _anything,
        },
    )(value, path)
    if value.get("strict"):
        _check_enforceable(value["input_schema"], f"{path}.input_schema")


def _input_schema(value: Any, path: str) -> None:
    _input(value, path)
    if "type" not in value:
        raise Refused(f"{path}.type: Field required")
    if value["type"] != "object":
        raise Refused(f"{path}.type: Input should be 'object'")
    if any(name in value for name in _COMBINATORS):
        raise Refused(f"{path}: input_schema does not support oneOf, allOf, or anyOf at the top level")
    if not _is_json_schema(value):
        raise Refused(f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12")


def _is_json_schema(schema: Any) -> bool:
    """Enough of 2020-12 to find older drafts."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict):
        return False
    kinds = schema.get("type", [])
    if any(kind not in _JSON_TYPES for kind in (kinds if isinstance(kinds, list) else [kinds])):
        return False
    if any(isinstance(schema.get(name, 0), bool) for name in ("exclusiveMinimum", "exclusiveMaximum")):
        return False
    if not isinstance(schema.get("required", []), list) or isinstance(schema.get("items"), list):
        return False
    named = [schema.get(name, {}) for name in ("properties", "$defs")]
    if not all(isinstance(schemas, dict) for schemas in named):
        return False
    listed = [schema.get(name, []) for name in _COMBINATORS]
    if not all(isinstance(schemas, list) for schemas in listed):
        return False
    inner = [item for schemas in named for item in schemas.values()] + [item for schemas in listed for item in schemas]
    inner += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    return all(map(_is_json_schema, inner))


def _check_enforceable(schema: Any, path: str) -> None:
    if not isinstance(schema, dict):
        return
    kinds = schema.get("type")
    if not _is_json_schema(schema):
        raise Refused(f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12")
    if "object" in (kinds if isinstance(kinds, list) else [kinds]) and schema.get("additionalProperties") is not False:
        raise Refused(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    refused = sorted(name for name in _UNENFORCEABLE if name in schema)
    if schema.get("minItems", 0) not in (0, 1):
        refused.append("minItems")
    if refused:
        raise Refused(f"{path}: For {kinds!r} type, properties {', '.join(refused)} are not supported")
    for name in ("properties", "$defs"):
        for item in schema.get(name, {}).values():
            _check_enforceable(item, path)
    for name in ("anyOf", "allOf"):
        for item in schema.get(name, []):
            _check_enforceable(item, path)
    _check_enforceable(schema.get("items"), path)


def _format(value: Any, path: str) -> None:
    _object({"type": _one_of("json_schema"), "schema": _input})(value, path)
    _check_enforceable(value["schema"], f"{path}.schema")


_OUTPUT_CONFIG = _object({}, {"effort": _or_null(_one_of(*LEVELS)), "format": _or_null(_format)})
_DISPLAY = {"display": _or_null(_one_of("summarized", "omitted", "updates"))}
_THINKING: dict[str, Check] = {
    "adaptive": _object(_TYPE, _DISPLAY),
    "enabled": _object({**_TYPE, "budget_tokens": _integer(1024)}, _DISPLAY),
    "disabled": _object(_TYPE),
    "between_tools": _object(_TYPE),
}


def _thinking(value: Any, path: str) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _THINKING:
        raise Refused(f"{path}: Input tag {kind!r} found does not match any of the expected tags")
    _THINKING[kind](value, f"{path}.{kind}")


_PARALLEL = {"disable_parallel_tool_use": _boolean}
_CHOICES: dict[str, Check] = {
    "auto": _object(_TYPE, _PARALLEL),
    "any": _object(_TYPE, _PARALLEL),
    "tool": _object({**_TYPE, "name": _string}, _PARALLEL),
    "none": _object(_TYPE),
}


def _tool_choice(value: Any, path: str) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _CHOICES:
        raise Refused(f"{path}: Input tag {kind!r} found does not match any of the expected tags")
    _CHOICES[kind](value, f"{path}.{kind}")


def _system(value: Any, path: str) -> None:
    if isinstance(value, list):
        _list_of(_block(("text",)))(value, path)
    else:
        _string(value, path)


SAMPLING: dict[str, Check] = {"temperature": _unit_interval, "top_p": _unit_interval, "top_k": _integer(0)}
_OPTIONAL: dict[str, Check] = {
    "system": _system,
    "stream": _boolean,
    "stop_sequences": _list_of(_stop_sequence),
    "tools": _list_of(_tool),
    "tool_choice": _tool_choice,
    "thinking": _thinking,
    "output_config": _OUTPUT_CONFIG,
    "metadata": _object({}, {"user_id": _or_null(_user_id)}),
    "cache_control": _CACHE_CONTROL,
    "service_tier": _one_of("auto", "standard_only"),
    "speed": _one_of("standard", "fast"),
    "inference_geo": _string,
    "container": _anything,
    "context_management": _anything,
}


def check_shape(body: dict[str, Any], version: str, *, count_tokens: bool) -> None:
    required: dict[str, Check] = {"model": _string, "messages": _list_of(_message)}
    optional = dict(_OPTIONAL)
    if version == VERSIONS[0]:
        optional |= SAMPLING
    if count_tokens:
        del optional["stream"]
    else:
        required["max_tokens"] = _integer(0)
    _object(required, optional)(body, "")
    if version == VERSIONS[1]:
        _check_newer_rules(body["messages"])


def _check_newer_rules(messages: list[Any]) -> None:
    for index, message in enumerate(messages):
        for position, block in enumerate(message["content"] if isinstance(message["content"], list) else []):
            path = f"messages.{index}.content.{position}"
            if message["role"] == "assistant" and block["type"] == "document":
                raise Refused(f"{path}: document blocks are not permitted in assistant messages")
            if message["role"] == "user" and block["type"] == "text" and block.get("citations"):
                raise Refused(f"{path}.text.citations: Extra inputs are not permitted")
