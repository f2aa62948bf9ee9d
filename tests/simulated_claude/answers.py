"""What the simulated Claude answers: always the same to the same request, so that tests can say what to expect.

* The person's last words come back: `You said: …`.
* `call NAME {json}` in them calls that tool, as often as it stands there, if it is declared.
* Results of tools are read out: `Results: …`.
* A forced tool is called, and structured output given, with the plainest instance of the schema.
* Asked to think, it thinks first, and signs that.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .models import Model
from .validation import blocks_of, cacheable_parts, estimated_tokens

THOUGHT = "Let me think about it."
CHARACTERS_PER_TOKEN = 4
_SECRET = b"simulated"
_DIRECTIVE = re.compile(r"\bcall ([a-zA-Z0-9_-]+)\s+(?=\{)")
_ids = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """A whole answer, in the fields of a message."""

    content: list[dict[str, Any]]
    stop_reason: str
    usage: dict[str, Any]
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    # The JSON of a call that was cut off, by the index of its block.
    cut_arguments: dict[int, str] = field(default_factory=dict)


def new_id(prefix: str) -> str:
    return f"{prefix}_{next(_ids):024d}"


def answer(body: Mapping[str, Any], model: Model, cache: Cache) -> Answer:
    """The answer to a valid request."""
    content = _thinking(body, model) + _blocks(body)
    cut: dict[int, str] = {}
    stop_reason = "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn"
    content, stop_sequence = _until_stop_sequence(content, body.get("stop_sequences", []))
    if stop_sequence is not None:
        stop_reason = "stop_sequence"
    content, cut, is_cut = _within_limit(content, body["max_tokens"] * CHARACTERS_PER_TOKEN)
    if is_cut:
        stop_reason, stop_sequence = "max_tokens", None
    written = sum(_length(block) for block in content) // CHARACTERS_PER_TOKEN + 1
    usage = {**cache.usage(body, model), "output_tokens": min(written, body["max_tokens"])}
    thought = sum(len(block.get("thinking", "")) for block in content) // CHARACTERS_PER_TOKEN
    if thought:
        usage["output_tokens_details"] = {"thinking_tokens": thought}
    return Answer(content, stop_reason, usage, stop_sequence, cut_arguments=cut)


def sign(thinking: str, before: Sequence[Any]) -> str:
    """A signature for `thinking`: of its text, and of the conversation before it."""
    return f"{_mac(thinking)}.{_mac(_conversation(before))}"


def verify(thinking: str, signature: str, before: Sequence[Any], model: Model) -> str | None:
    """What is wrong with a replayed signature; None if nothing is."""
    text, _, conversation = signature.partition(".")
    # Thinking that was omitted has no text to compare; its signature was made for the text all the same.
    if text not in (_mac(thinking), _mac(THOUGHT) if not thinking else ""):
        return ""
    if model.binds_signatures and conversation != _mac(_conversation(before)):
        return ": The block is bound to a different conversation"
    return None


def _mac(text: str) -> str:
    return hmac.new(_SECRET, text.encode(), hashlib.sha256).hexdigest()[:16]


def _conversation(messages: Sequence[Any]) -> str:
    """The messages without what may differ from request to request."""
    said = []
    for message in messages:
        if message["role"] == "system":
            continue
        blocks = [{k: v for k, v in block.items() if k != "cache_control"} for block in blocks_of(message)]
        if said and said[-1][0] == message["role"]:
            said[-1][1].extend(blocks)
        else:
            said.append((message["role"], blocks))
    return json.dumps(said, sort_keys=True)


def _thinking(body: Mapping[str, Any], model: Model) -> list[dict[str, Any]]:
    asked = body.get("thinking", {"type": "adaptive" if model.thinks_unasked else "disabled"})
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    if asked["type"] not in ("adaptive", "enabled") or forced:
        return []
    shown = asked.get("display", "omitted" if model.sampling != "free" else "summarized") != "omitted"
    signature = sign(THOUGHT, body["messages"])
    return [{"type": "thinking", "thinking": THOUGHT if shown else "", "signature": signature}]


def _blocks(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    said, results = _last_turn(body)
    tools = {tool["name"]: tool for tool in body.get("tools", []) if "input_schema" in tool}
    choice = body.get("tool_choice", {"type": "auto"})
    calls = list(_directives(said, tools)) if choice["type"] != "none" else []
    if choice["type"] in ("any", "tool") and not calls and choice.get("name", "") in {"", *tools} and tools:
        tool = tools[choice.get("name", next(iter(tools)))]
        calls = [(tool["name"], instance_of(tool["input_schema"], tool["input_schema"]))]
    if choice.get("disable_parallel_tool_use"):
        calls = calls[:1]
    if calls:
        return [{"type": "tool_use", "id": new_id("toolu"), "name": name, "input": given} for name, given in calls]
    schema = body.get("output_config", {}).get("format", {}).get("schema")
    if schema is not None:
        return [{"type": "text", "text": json.dumps(instance_of(schema, schema), ensure_ascii=False)}]
    if results:
        return [{"type": "text", "text": f"Results: {'; '.join(results)}"}]
    return [{"type": "text", "text": f"You said: {said}"}]


def _last_turn(body: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The text of the last user turn, and its results."""
    turn: list[dict[str, Any]] = []
    for message in reversed([message for message in body["messages"] if message["role"] != "system"]):
        if message["role"] == "user":
            turn = blocks_of(message) + turn
        elif turn:
            break
    text = "\n".join(block["text"] for block in turn if block["type"] == "text")
    results = [f"{block['tool_use_id']}={_plain(block)}" for block in turn if block["type"] == "tool_result"]
    return text, results


def _plain(result: Mapping[str, Any]) -> str:
    content = result.get("content", "")
    if isinstance(content, str):
        return content
    return " ".join(block.get("text", f"<{block['type']}>") for block in content)


def _directives(said: str, tools: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for match in _DIRECTIVE.finditer(said):
        if match[1] in tools:
            try:
                yield match[1], json.JSONDecoder().raw_decode(said, match.end())[0]
            except json.JSONDecodeError:
                continue


def instance_of(schema: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """The plainest value that fits `schema`."""
    if not isinstance(schema, dict) or depth > 8:
        return None
    if reference := schema.get("$ref"):
        return instance_of(root.get("$defs", {}).get(reference.rpartition("/")[2]), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for combinator in ("anyOf", "allOf"):
        if schema.get(combinator):
            return instance_of(schema[combinator][0], root, depth + 1)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "string":
            return "text"
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "array":
            return [instance_of(schema.get("items", {}), root, depth + 1)]
        case "null":
            return None
        case _:
            return {name: instance_of(item, root, depth + 1) for name, item in schema.get("properties", {}).items()}


def _until_stop_sequence(
    content: list[dict[str, Any]], sequences: Sequence[str]
) -> tuple[list[dict[str, Any]], str | None]:
    for index, block in enumerate(content):
        if block["type"] != "text":
            continue
        places = [(block["text"].find(sequence), sequence) for sequence in sequences if sequence in block["text"]]
        if places:
            place, sequence = min(places)
            kept = [*content[:index], {**block, "text": block["text"][:place]}] if place else content[:index]
            return kept, sequence
    return content, None


def _within_limit(content: list[dict[str, Any]], room: int) -> tuple[list[dict[str, Any]], dict[int, str], bool]:
    kept: list[dict[str, Any]] = []
    for block in content:
        length = _length(block)
        if length <= room:
            kept.append(block)
            room -= length
            continue
        if block["type"] == "text" and room:
            return [*kept, {**block, "text": block["text"][:room]}], {}, True
        if block["type"] == "tool_use":
            cut = json.dumps(block["input"], ensure_ascii=False)[:room]
            return [*kept, {**block, "input": {}}], {len(kept): cut}, True
        return kept, {}, True
    return kept, {}, False


def _length(block: Mapping[str, Any]) -> int:
    match block["type"]:
        case "text":
            return len(block["text"])
        case "thinking":
            return len(block["thinking"])
        case _:
            return len(json.dumps(block["input"], ensure_ascii=False))


class Cache:
    """Prompt caching: a prefix up to a breakpoint is written once, and read from then on."""

    def __init__(self) -> None:
        self._prefixes: set[str] = set()
        self._lock = threading.Lock()

    def usage(self, body: Mapping[str, Any], model: Model) -> dict[str, int]:
        """The input side of an answer's usage; what is marked is in the cache afterwards."""
        total, so_far = estimated_tokens(body), 1
        read = written = 0
        digest = hashlib.sha256(model.id.encode())
        with self._lock:
            for part in cacheable_parts(body):
                plain = {name: value for name, value in part.items() if name != "cache_control"}
                text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
                digest.update(text.encode("utf-8", "surrogatepass"))
                so_far += 1000 if part.get("type") in ("image", "document") else len(text) // CHARACTERS_PER_TOKEN
                if "cache_control" not in part or so_far < model.cache_minimum:
                    continue
                if digest.hexdigest() in self._prefixes:
                    read = min(so_far, total)
                else:
                    self._prefixes.add(digest.hexdigest())
                    written = min(so_far, total) - read
        return {
            "input_tokens": total - read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
        }
