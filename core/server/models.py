"""`GET /v1/models`: the list for clients that let people choose, in OpenAI's shape or in Anthropic's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote

from .. import json_codec
from ..dialects.chat_completions.parameters import claude_id
from ..errors import ModelNotFound, UpstreamError
from ..json_codec import object_or_empty
from ..messages import JsonObject
from ..model_list import (
    ListedModel,
    ModelList,
    as_anthropic,
    as_openai,
    built_in_models,
    listed_model,
    openai_entry,
)
from ..models import DATED_IDS, nearest_ids
from ..paths import Paths
from ..upstreams import UpstreamRequest

if TYPE_CHECKING:
    from ..gateway import Gateway
    from ..routes import RouteTable

PATH = "/v1/models"

_NUMBER = re.compile(r"[0-9]{1,6}")


class GetCall:
    """A question of our own to the upstream, on its way through the gateway."""

    committed = False

    def __init__(self, path: str, query: str = "") -> None:
        self._request = UpstreamRequest(method="GET", path=path, query=query)

    def chosen(self, route: str) -> None:
        """Nobody needs to know."""

    def request(self) -> UpstreamRequest:
        return self._request

    def heal(self, error: UpstreamError) -> bool:
        return False


class ModelPages:
    """Answers questions about models. Lives inside one event loop."""

    def __init__(self, paths: Paths, routes: RouteTable, gateway: Gateway) -> None:
        self._routes = routes
        self._gateway = gateway
        self._list = ModelList(paths.models_file, self._fetch_page)

    async def render_list(self, query: bytes, aliases: Mapping[str, str], *, native: bool) -> JsonObject:
        models = await self._models()
        if not native:
            return as_openai(models, aliases)
        asked = parse_qs(query.decode("latin-1"))
        limit = asked.get("limit", [""])[0]
        after_id = asked.get("after_id", [None])[0]
        return as_anthropic(models, limit=int(limit) if _NUMBER.fullmatch(limit) else None, after_id=after_id)

    async def render_one(self, requested: str, aliases: Mapping[str, str], *, native: bool) -> JsonObject:
        """Raises ModelNotFound."""
        wanted = unquote(requested)
        model_id = claude_id(aliases.get(wanted, wanted))
        models = {model.id: model for model in await self._models()}
        dated = {alias: models[full] for full, alias in DATED_IDS.items() if full in models}
        known = models.get(model_id or "") or dated.get(model_id or "")
        model = known or await self._ask_for(model_id)
        if model is None:
            raise ModelNotFound(
                f"'{wanted[:200]}' is not a Claude model. The nearest known ids are "
                f"{', '.join(nearest_ids(wanted[:200], models))}.",
                param="model",
            )
        return model.info if native else {**openai_entry(model), "id": wanted}

    async def _models(self) -> list[ListedModel]:
        source = self._routes.model_source()
        return built_in_models() if source is None else await self._list.all(source)

    async def _ask_for(self, model_id: str | None) -> ListedModel | None:
        """A model that the list does not name: it may be new."""
        if model_id is None or self._routes.model_source() is None:
            return None
        try:
            return listed_model(await self._fetch(GetCall(f"{PATH}/{quote(model_id)}")))
        except (UpstreamError, ValueError):
            return None

    async def _fetch_page(self, query: str) -> JsonObject:
        return await self._fetch(GetCall(PATH, query))

    async def _fetch(self, call: GetCall) -> JsonObject:
        async with self._gateway.open_bytes(call) as opened:
            body = b"".join([chunk async for chunk in opened.chunks()])
        try:
            return object_or_empty(json_codec.decode(body))
        except json_codec.JSONError as error:
            raise UpstreamError(f"The list of models cannot be read: {error}.") from error
