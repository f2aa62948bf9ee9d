"""Which models there are: the upstream's own list, kept for an hour and on disk, and the built-in table behind it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import json_codec
from .errors import ProxyError
from .json_codec import list_or_empty, object_or_empty
from .messages import JsonObject
from .models import DATED_IDS, MODELS, ModelRules
from .paths import write_private

log = logging.getLogger("cliproxyapi.models")

_FRESH_SECONDS = 3600.0
# After a failure the list on disk, or the table, has to do for so long.
_RETRY_SECONDS = 60.0
_PATIENCE_SECONDS = 10.0
_MOST_PAGES = 20

# Clients' documented configurations name these, so they are listed even where the upstream lists only an alias.
ALWAYS_LISTED = ("claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5-20251001")

# One page of the upstream's list, given the query for it. Raises ProxyError.
FetchPage = Callable[[str], Awaitable[JsonObject]]


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model; token counts are tokens, `created` is in seconds since 1970. `info` is Anthropic's own entry."""

    id: str
    name: str
    created: int
    context: int
    max_output: int
    info: JsonObject


class ModelList:
    """The list for one upstream. Lives inside one event loop; `path` is where the last answer is kept."""

    def __init__(self, path: Path, fetch_page: FetchPage) -> None:
        self._path = path
        self._fetch_page = fetch_page
        self._fetching = asyncio.Lock()
        # The list, and until when (by the monotonic clock) it is good.
        self._known: tuple[list[JsonObject], float] | None = None

    async def all(self, source: str) -> list[ListedModel]:
        """The models that `source` (a route and an address) offers, the newest first as the upstream orders them."""
        async with self._fetching:
            if self._known is None or time.monotonic() >= self._known[1]:
                self._known = await self._refreshed(source)
            infos = self._known[0]
        return _with_alwayslisted_model([listed_model(info) for info in infos])

    def forget(self) -> None:
        """The next question goes upstream again: another sign-in may see other models."""
        self._known = None

    async def _refreshed(self, source: str) -> tuple[list[JsonObject], float]:
        kept, age = await asyncio.to_thread(self._read, source)
        if kept and 0 <= age < _FRESH_SECONDS:
            return kept, time.monotonic() + _FRESH_SECONDS - age
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                infos = await self._fetch()
        except (ProxyError, TimeoutError) as error:
            log.warning("the list of models could not be fetched: %s", error if str(error) else "no answer in time")
            return kept or [_built_in(rules) for rules in _shown()], time.monotonic() + _RETRY_SECONDS
        await asyncio.to_thread(self._write, source, infos)
        return infos, time.monotonic() + _FRESH_SECONDS

    async def _fetch(self) -> list[JsonObject]:
        infos: list[JsonObject] = []
        query = "limit=1000"
        for _ in range(_MOST_PAGES):
            page = await self._fetch_page(query)
            entries = [object_or_empty(entry) for entry in list_or_empty(page.get("data"))]
            infos += [entry for entry in entries if isinstance(entry.get("id"), str)]
            last = page.get("last_id")
            if page.get("has_more") is not True or not isinstance(last, str):
                break
            query = f"limit=1000&after_id={last}"
        return [info for info in infos if info.get("lifecycle") != "retired"]

    def _read(self, source: str) -> tuple[list[JsonObject], float]:
        """The list on disk and its age in seconds; an empty one where there is none for `source`."""
        try:
            kept = object_or_empty(json_codec.decode(self._path.read_bytes()))
        except (OSError, json_codec.JSONError):
            return [], 0
        fetched_at = kept.get("fetched_at")
        infos = [object_or_empty(info) for info in list_or_empty(kept.get("models"))]
        good = all(isinstance(info.get("id"), str) for info in infos)
        if kept.get("source") != source or not isinstance(fetched_at, (int, float)) or not good:
            return [], 0
        return infos, time.time() - fetched_at

    def _write(self, source: str, infos: Sequence[JsonObject]) -> None:
        try:
            kept = {"source": source, "fetched_at": time.time(), "models": infos}
            write_private(self._path, json_codec.encode(kept))
        except OSError as error:
            log.warning("the list of models cannot be kept: %s", error.strerror)


def built_in_models() -> list[ListedModel]:
    """The table, for routes without an upstream to ask."""
    return _with_alwayslisted_model([listed_model(_built_in(rules)) for rules in _shown()])


def as_openai(models: Iterable[ListedModel], aliases: Mapping[str, str]) -> JsonObject:
    """The list in OpenAI's shape; the person's own `aliases` stand at its end."""
    by_id = {model.id: model for model in models}
    entries = [openai_entry(model) for model in by_id.values()]
    for alias, target in aliases.items():
        entry = openai_entry(by_id[target]) if target in by_id else {"object": "model", "owned_by": "anthropic"}
        entries.append({**entry, "id": alias, "name": f"{alias} ({target})", "created": entry.get("created", 0)})
    return {"object": "list", "data": entries}


def openai_entry(model: ListedModel) -> JsonObject:
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "anthropic",
        "name": model.name,
        "context_length": model.context,
        "max_output_tokens": model.max_output,
    }


def as_anthropic(models: Sequence[ListedModel], *, limit: int | None = None, after_id: str | None = None) -> JsonObject:
    """One page of the list in Anthropic's shape; without `limit` it is all of it."""
    ids = [model.id for model in models]
    start = ids.index(after_id) + 1 if after_id in ids else 0
    page = list(models[start : start + limit] if limit else models[start:])
    return {
        "data": [model.info for model in page],
        "has_more": start + len(page) < len(models),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def _shown() -> list[ModelRules]:
    # Mythos is for organisations that Anthropic verified; those see it in the upstream's own list.
    return [rules for rules in MODELS if "mythos" not in rules.id]


def _built_in(rules: ModelRules) -> JsonObject:
    return {
        "type": "model",
        "id": rules.id,
        "display_name": rules.name,
        "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": rules.context,
        "max_tokens": rules.max_output,
    }


def listed_model(info: JsonObject) -> ListedModel:
    """An entry of the upstream's list, read. Raises ValueError where it is none."""
    if not isinstance(info.get("id"), str):
        raise ValueError("this is no model")
    model_id = str(info["id"])
    known = next((rules for rules in MODELS if rules.id == DATED_IDS.get(model_id, model_id)), None)
    name = info.get("display_name")
    return ListedModel(
        id=model_id,
        name=name if isinstance(name, str) and name else known.name if known else model_id,
        created=_seconds(info.get("created_at")),
        context=_count(info.get("max_input_tokens"), known.context if known else 200_000),
        max_output=_count(info.get("max_tokens"), known.max_output if known else 64_000),
        info=info,
    )


def _with_alwayslisted_model(models: list[ListedModel]) -> list[ListedModel]:
    """`models`, and behind each alias or dated id the other form of it that clients' configurations name."""
    listed = {model.id for model in models}
    for wanted in ALWAYS_LISTED:
        if wanted in listed:
            continue
        rules = next(rules for rules in MODELS if rules.id == DATED_IDS.get(wanted, wanted))
        models.append(listed_model({**_built_in(rules), "id": wanted}))
    return models


def _count(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else otherwise


def _seconds(value: object) -> int:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
        except (ValueError, OverflowError):
            pass
    return 0
