"""A chat request with one user message, translated: what the tests of its parts begin with."""

from __future__ import annotations

from typing import Any

import pytest

from core.dialects.chat_completions.request import ChatRequest, Defaults, parse_request
from core.errors import ProxyError

FREE = "claude-sonnet-4-6"  # takes sampling parameters, thinks only when asked
BUDGET = "claude-haiku-4-5"  # thinks by budget
EFFORT_AND_BUDGET = "claude-opus-4-5"
ADAPTIVE = "claude-opus-4-8"
ALWAYS_THINKS = "claude-opus-5-5"
BETWEEN_TOOLS = "claude-sonnet-5-5"


def ask(model: str | None = FREE, defaults: Defaults | None = None, **fields: Any) -> ChatRequest:
    request: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return parse_request(request, defaults or Defaults())


def body(model: str | None = FREE, **fields: Any) -> dict[str, Any]:
    return dict(ask(model, **fields).body)


def ignored(model: str | None = FREE, **fields: Any) -> list[str]:
    return ask(model, **fields).ignored


def refused(model: str | None = FREE, **fields: Any) -> ProxyError:
    with pytest.raises(ProxyError) as caught:
        ask(model, **fields)
    return caught.value


def function(name: str = "look", parameters: Any = None, **fields: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}} if parameters is None else parameters
    return {"type": "function", "function": {"name": name, "parameters": schema, **fields}}
