"""The command line as a client: of the proxy that runs on this machine, and of Claude to verify a key."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import click
import httpx

from core import json_codec, sse
from core.credentials import key_check
from core.json_codec import list_or_empty, object_or_empty
from core.settings import Settings

_SERVICE = "cliproxyapi"


class LocalProxy:
    """The proxy that runs where `settings` say. Failures are click's exceptions: one sentence each. With the `token` of
    its lock file it tells more about itself."""

    def __init__(self, settings: Settings, token: str | None = None) -> None:
        self._token = token
        self._address = (_reachable(settings.host), settings.port)
        self.url = address_of(settings.host, settings.port)
        headers = {"authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        # An answer may take as long as Claude thinks.
        timeout = httpx.Timeout(600, connect=5)
        self._client = httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)
        self._headers = headers

    def __enter__(self) -> LocalProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def chat(self, text: str, model: str, show: Callable[[str], None]) -> None:
        """One streamed request; `show` gets the answer's text as it comes."""
        # Whatever else may have the port gets neither the words nor the key.
        if not self.status()["running"]:
            raise self._nothing_there()
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
        decoder, finished = sse.Decoder(), False
        try:
            with self._client.stream("POST", "/v1/chat/completions", json=body, headers=self._headers) as answer:
                if not answer.is_success:
                    raise click.ClickException(_error_of(answer.read(), answer.status_code))
                for received in answer.iter_raw():
                    for frame in decoder.feed(received):
                        finished = _show_chunk(frame.data, show) or finished
        except httpx.ConnectError:
            raise self._nothing_there() from None
        except httpx.HTTPError as error:
            raise click.ClickException(f"The connection to {self.url} broke: {error}.") from None
        if not finished:
            raise click.ClickException("The answer broke off before its end.")

    def status(self) -> dict[str, Any]:
        """What `/health` says, with `running` and, for who has its token, `snapshot`; where another program has the
        port, `port_in_use` says so."""
        try:
            health = object_or_empty(json_codec.decode(self._client.get("/health", timeout=5).content))
        except (httpx.HTTPError, json_codec.JSONError):
            health = {}
        if health.get("service") == _SERVICE:
            return {"running": True, "url": self.url, **health, **self._snapshot()}
        return {"running": False, "url": self.url, "port_in_use": self._somebody_listens()}

    def models(self) -> list[tuple[str, str]]:
        """Ids and names."""
        if not self.status()["running"]:
            raise self._nothing_there()
        try:
            answer = self._client.get("/v1/models", headers=self._headers, timeout=30)
        except httpx.HTTPError as error:
            raise click.ClickException(f"The connection to {self.url} broke: {error}.") from None
        if not answer.is_success:
            raise click.ClickException(_error_of(answer.content, answer.status_code))
        entries = map(object_or_empty, list_or_empty(object_or_empty(json_codec.decode(answer.content)).get("data")))
        return [(str(entry.get("id")), str(entry.get("name"))) for entry in entries]

    def _snapshot(self) -> dict[str, Any]:
        if not self._token:
            return {}
        try:
            answer = self._client.get("/api/status", headers={"x-cliproxyapi-token": self._token}, timeout=5)
            snapshot = object_or_empty(json_codec.decode(answer.content))
        except (httpx.HTTPError, json_codec.JSONError):
            return {}
        return {"snapshot": snapshot} if answer.is_success else {}

    def _nothing_there(self) -> click.ClickException:
        return click.ClickException(f"Nothing runs at {self.url}. Start the proxy with `cliproxyapi serve`.")

    def _somebody_listens(self) -> bool:
        try:
            with socket.create_connection(self._address, timeout=1):
                return True
        except OSError:
            return False


def address_of(host: str, port: int) -> str:
    """Where a server that listens on `host` is reached from this machine."""
    host = _reachable(host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def verify_api_key(upstream_url: str, key: str) -> None:
    """Raises click's exception where Claude does not accept `key`."""
    try:
        key_check.verify_api_key(upstream_url, key)
    except key_check.KeyNotVerified as error:
        raise click.ClickException(error.message) from None


def _show_chunk(data: bytes, show: Callable[[str], None]) -> bool:
    """Whether this was the end of a whole answer."""
    if data == b"[DONE]":
        return True
    chunk = object_or_empty(json_codec.decode(data))
    if "error" in chunk:
        raise click.ClickException(_error_of(data, 0))
    for choice in map(object_or_empty, list_or_empty(chunk.get("choices"))):
        if text := object_or_empty(choice.get("delta")).get("content"):
            show(str(text))
    return False


def _error_of(body: bytes, status: int) -> str:
    try:
        message = object_or_empty(object_or_empty(json_codec.decode(body)).get("error")).get("message")
    except json_codec.JSONError:
        message = None
    return message if isinstance(message, str) else f"The answer was an error (status {status})."
