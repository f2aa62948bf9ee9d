"""`response_format` → structured output that Claude enforces, or one line that asks for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import InvalidRequest
from ...json_codec import encode_text, object_or_empty
from ...messages import JsonObject
from ...wording import ONE_JSON_OBJECT, one_json_object_like
from .fields import Fields
from .schemas import output_schema

_SCHEMA = "response_format.json_schema.schema"


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """At most one of both: `output` for `output_config.format`, or a `system_line` that asks in words."""

    output: JsonObject | None = None
    system_line: str | None = None


def parse_response_format(fields: Fields, *, prefill: bool) -> ResponseFormat:
    """Raises InvalidRequest. With a `prefill` Claude refuses structured output, so it is asked for in words."""
    wanted = fields.take_object("response_format")
    if wanted is None:
        return ResponseFormat()
    match wanted.get("type"):
        case "text":
            return ResponseFormat()
        case "json_object":
            return ResponseFormat(system_line=ONE_JSON_OBJECT)
        case "json_schema":
            return _by_schema(wanted.get("json_schema"), fields, prefill=prefill)
        case _:
            raise InvalidRequest(
                "response_format.type: expected 'text', 'json_object' or 'json_schema'.", param="response_format.type"
            )


def _by_schema(wanted: Any, fields: Fields, *, prefill: bool) -> ResponseFormat:
    if not isinstance(wanted, dict):
        raise InvalidRequest("response_format.json_schema: an object is expected.", param="response_format.json_schema")
    schema = object_or_empty(wanted).get("schema")
    if schema is None:
        return ResponseFormat(system_line=ONE_JSON_OBJECT)
    enforced = output_schema(schema, _SCHEMA)
    if prefill:
        fields.ignore("response_format.json_schema")
        return ResponseFormat(system_line=one_json_object_like(encode_text(schema)))
    return ResponseFormat({"type": "json_schema", "schema": enforced})
