"""JSON Schemas as Claude accepts them: for the input of tools, and the narrower kind for structured output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from ...errors import InvalidRequest
from ...json_codec import encode_text, list_or_empty, object_or_empty
from ...messages import JsonObject

_DEEPEST = 200
_MOST_REFERENCES = 16
_COMBINATORS = ("anyOf", "oneOf", "allOf")
# Keywords whose value is a schema, a list of schemas, or an object of named schemas.
_ONE = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_LIST = (*_COMBINATORS, "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")

# Refused in structured output and in strict tools, by Anthropic's documentation of November 2026. What they say is
# moved into the description, where Claude still reads it.
_ONLY_DESCRIBED = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contains",
    "minContains",
    "maxContains",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
_OF_THE_DOCUMENT = ("$schema", "$id", "$comment")


def tool_schema(schema: object, path: str) -> JsonObject:
    """The `input_schema` for a function's `parameters`: an object at the root, and JSON Schema of 2020-12."""
    if schema is None:
        return {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        raise InvalidRequest(f"{path}: a JSON Schema object is expected.", param=path)
    root = _walk(cast("JsonObject", schema), _modern, path)
    root = _flat(root, root)
    if root.get("type") != "object":
        root = {**root, "type": "object"}
    root.setdefault("properties", {})
    return root


def output_schema(schema: object, path: str) -> JsonObject:
    """The schema for structured output: closed objects only, and nothing but the keywords that Claude enforces."""
    if not isinstance(schema, dict):
        raise InvalidRequest(f"{path}: a JSON Schema object is expected.", param=path)
    return _walk(_walk(cast("JsonObject", schema), _modern, path), _enforceable, path)


def strict_tool_schema(schema: JsonObject) -> JsonObject | None:
    """A tool's `schema` as Claude can enforce it, to the letter; None where it would have to say something else."""
    bare = {name: value for name, value in schema.items() if name not in _OF_THE_DOCUMENT}
    return bare if _walk(bare, _enforceable, "") == bare else None


def _walk(schema: JsonObject, change: Callable[[JsonObject], JsonObject], path: str, depth: int = 0) -> JsonObject:
    """A copy of `schema` with `change` applied to it and to all schemas inside, from the inside out."""
    if depth > _DEEPEST:
        raise InvalidRequest(f"{path}: the schema is nested too deeply.", param=path)

    def inner(value: Any) -> Any:
        return _walk(cast("JsonObject", value), change, path, depth + 1) if isinstance(value, dict) else value

    copy: JsonObject = {}
    for name, value in schema.items():
        if name in _ONE:
            copy[name] = inner(value)
        elif name in _LIST and isinstance(value, list):
            copy[name] = [inner(item) for item in cast("list[Any]", value)]
        elif name in _NAMED and isinstance(value, dict):
            copy[name] = {key: inner(item) for key, item in cast("JsonObject", value).items()}
        else:
            copy[name] = value
    return change(copy)


def _modern(schema: JsonObject) -> JsonObject:
    """Words of older drafts and of OpenAPI in those of 2020-12."""
    for bound in ("exclusiveMinimum", "exclusiveMaximum"):
        # A number since draft 6; the boolean of draft 4 makes the whole schema invalid.
        if isinstance(schema.get(bound), bool):
            del schema[bound]
    for name, kind in (("properties", dict), ("required", list), ("$defs", dict)):
        # Draft 3 has a boolean `required`, and many programs write null for nothing.
        if name in schema and not isinstance(schema[name], kind):
            del schema[name]
    if isinstance(items := schema.get("items"), list):  # a tuple, before 2020-12
        schema["prefixItems"] = items
        del schema["items"]
    if "definitions" in schema:
        schema["$defs"] = {**object_or_empty(schema.pop("definitions")), **object_or_empty(schema.get("$defs"))}
    if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
        schema["$ref"] = reference.replace("/definitions/", "/$defs/")
    if schema.pop("nullable", None) is True:
        return _or_null(schema)
    return schema


def _or_null(schema: JsonObject) -> JsonObject:
    match schema.get("type"):
        case None if "$ref" in schema:
            return {"anyOf": [schema, {"type": "null"}]}
        case None if isinstance(schema.get("anyOf"), list):
            return {**schema, "anyOf": [*list_or_empty(schema["anyOf"]), {"type": "null"}]}
        case "null" | None:
            return schema
        case list():
            kinds = list_or_empty(schema["type"])
            return {**schema, "type": kinds if "null" in kinds else [*kinds, "null"]}
        case kind:
            nullable: JsonObject = {**schema, "type": [kind, "null"]}
            if isinstance(choices := schema.get("enum"), list) and None not in choices:
                nullable["enum"] = [*cast("list[Any]", choices), None]
            return nullable


def _flat(schema: JsonObject, root: JsonObject, depth: int = 0) -> JsonObject:
    """`schema` without a reference or combinators at its top: Claude refuses them there."""
    if depth > _MOST_REFERENCES:
        return {}
    target = _target(schema, root)
    if target is not None:
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return {**_flat(target, root, depth + 1), **beside}
    for name in _COMBINATORS:
        if name in schema:
            schema = _merged(schema, name, root, depth)
    return schema


def _merged(schema: JsonObject, combinator: str, root: JsonObject, depth: int) -> JsonObject:
    """`schema` with its branches' properties its own.

    What every branch demands stays demanded; with `allOf`, what any of them does.
    """
    branches = [_flat(object_or_empty(branch), root, depth + 1) for branch in list_or_empty(schema[combinator])]
    merged: JsonObject = {name: value for name, value in schema.items() if name != combinator}
    properties: JsonObject = dict(object_or_empty(merged.get("properties")))
    for branch in branches:
        for name, value in object_or_empty(branch.get("properties")).items():
            if properties.setdefault(name, value) != value:
                properties[name] = _either(properties[name], value)
    demanded: list[set[str]] = [set(map(str, list_or_empty(branch.get("required")))) for branch in branches]
    if demanded:
        first, *others = demanded
        common = first.union(*others) if combinator == "allOf" else first.intersection(*others)
        required = [str(name) for name in list_or_empty(merged.get("required"))]
        # In the order of the properties: a set's own order would change the cached prefix with every start.
        required += [name for name in properties if name in common and name not in required]
        if required:
            merged["required"] = required
    merged["properties"] = properties
    return merged


def _target(schema: JsonObject, root: JsonObject) -> JsonObject | None:
    """What `schema` refers to in the root's definitions, if it does."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
        return None
    found = object_or_empty(root.get("$defs")).get(reference.removeprefix("#/$defs/"))
    return cast("JsonObject", found) if isinstance(found, dict) else None


def _either(one: Any, other: Any) -> JsonObject:
    """A schema for a property that two branches declare."""
    known = object_or_empty(one)
    choices = list_or_empty(known["anyOf"]) if list(known) == ["anyOf"] else [one]
    return {"anyOf": choices if other in choices else [*choices, other]}


def _enforceable(schema: JsonObject) -> JsonObject:
    for name in _OF_THE_DOCUMENT:
        schema.pop(name, None)
    described = {name: schema.pop(name) for name in _ONLY_DESCRIBED if name in schema and not _harmless(name, schema)}
    if "format" in schema and schema["format"] not in _FORMATS:
        described["format"] = schema.pop("format")
    if "oneOf" in schema and "anyOf" not in schema:
        schema["anyOf"] = schema.pop("oneOf")
    if _is_object(schema):
        if (others := schema.get("additionalProperties")) not in (None, False, True):
            described["additionalProperties"] = others
        schema["additionalProperties"] = False
        schema.setdefault("properties", {})
    if described:
        schema["description"] = _with_constraints(schema.get("description"), described)
    return schema


def _harmless(name: str, schema: JsonObject) -> bool:
    return name == "minItems" and schema[name] in (0, 1)


def _is_object(schema: JsonObject) -> bool:
    kind = schema.get("type")
    return (
        kind == "object" or (isinstance(kind, list) and "object" in kind) or (kind is None and "properties" in schema)
    )


def _with_constraints(description: object, constraints: Mapping[str, Any]) -> str:
    said = "; ".join(f"{name}: {encode_text(value)}" for name, value in constraints.items())
    return f"{description} ({said})" if isinstance(description, str) and description else f"({said})"
