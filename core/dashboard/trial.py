"""A real request through the server itself, as a program of the person would send it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .. import json_codec
from ..json_codec import list_or_empty, object_or_empty
from ..settings import Settings

MODEL = "claude-sonnet-4-6"
_WORDS = "Say hello in one short sentence."
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it: the answer's text, or the error as a program would get it."""

    ok: bool
    status: int | None
    text: str
    route: str | None
    model: str
    milliseconds: float


async def say_hello(address: str, settings: Settings) -> Result:
    """One message through the server at `address`."""
    import httpx

    model = settings.default_model or MODEL
    body = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": _WORDS}]}
    headers = {"authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    begun = time.monotonic()
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_SECONDS) as client:
            answer = await client.post(f"{address}/v1/chat/completions", json=body, headers=headers)
    except httpx.HTTPError as error:
        said = f"The request did not get through: {type(error).__name__}."
        return Result(False, None, said, None, model, (time.monotonic() - begun) * 1000)
    return Result(
        ok=answer.is_success,
        status=answer.status_code,
        text=_text_of(answer.content, ok=answer.is_success),
        route=answer.headers.get("x-cliproxyapi-route"),
        model=model,
        milliseconds=(time.monotonic() - begun) * 1000,
    )


def _text_of(body: bytes, *, ok: bool) -> str:
    try:
        answer = object_or_empty(json_codec.decode(body))
    except json_codec.JSONError:
        return "The answer cannot be read."
    if not ok:
        return str(object_or_empty(answer.get("error")).get("message") or "The answer was an error without a text.")
    choice = object_or_empty(next(iter(list_or_empty(answer.get("choices"))), None))
    return str(object_or_empty(choice.get("message")).get("content") or "")
