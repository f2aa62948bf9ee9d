"""The list of models: live, kept, and never empty."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.models import MODELS as UPSTREAM

DOCUMENTED = {"claude-opus-4-6", "claude-sonnet-4-6", "claude-haiku-4-5-20251001"}


def ids(proxy: RunningProxy, path: str = "/v1/models") -> list[str]:
    answer = httpx.get(f"{proxy.root}{path}")
    assert answer.status_code == 200
    return [entry["id"] for entry in answer.json()["data"]]


@pytest.fixture
def fresh(tmp_path: Path, claude: SimulatedClaude) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path, claude.url) as proxy:
        yield proxy


def test_the_official_clients_read_the_list(proxy: RunningProxy) -> None:
    with openai.OpenAI(base_url=proxy.v1, api_key="any") as client:
        listed = client.models.list().data
        assert {model.id for model in listed} >= {model.id for model in UPSTREAM} | DOCUMENTED
        assert next(model for model in listed if model.id == "claude-opus-5-5").name == "Claude Opus 5.5"  # type: ignore[attr-defined]
        assert client.models.retrieve("claude-haiku-4-5").id == "claude-haiku-4-5"
        assert client.models.retrieve("anthropic/claude-opus-5-5").id == "anthropic/claude-opus-5-5"
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("gpt-4o")
        assert caught.value.code == "model_not_found"
    with anthropic.Anthropic(base_url=proxy.root, api_key="any") as native:
        assert [model.id for model in native.models.list(limit=5)] == [model.id for model in native.models.list()]
        assert native.models.retrieve("claude-haiku-4-5").display_name == "Claude Haiku 4.5"
        with pytest.raises(anthropic.NotFoundError, match="claude-"):
            native.models.retrieve("claude-nothing")


@pytest.mark.parametrize("path", ["/models", "/v1/v1/models"])
def test_aliases(proxy: RunningProxy, path: str) -> None:
    assert ids(proxy, path) == ids(proxy)
    assert httpx.get(f"{proxy.root}{path}/claude-opus-5-5").json()["id"] == "claude-opus-5-5"


def test_a_model_that_the_list_does_not_know_yet_is_asked_for(fresh: RunningProxy, claude: SimulatedClaude) -> None:
    assert httpx.get(f"{fresh.v1}/models/claude-tomorrow-9").status_code == 404
    assert claude.requests[-1].path == "/v1/models/claude-tomorrow-9"


def test_it_is_asked_for_once_an_hour_and_survives_a_restart(tmp_path: Path, claude: SimulatedClaude) -> None:
    for _ in range(2):
        with running_proxy(tmp_path, claude.url) as proxy:
            assert ids(proxy) == ids(proxy)
    assert len(claude.requests) == 1
    kept = tmp_path / "data" / "models.json"
    old = json.loads(kept.read_text())
    kept.write_text(json.dumps({**old, "fetched_at": time.time() - 4000}))
    with running_proxy(tmp_path, claude.url) as proxy:
        ids(proxy)
    assert len(claude.requests) == 2


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"models": 5}', '{"source": "x"}', '{"models": [{"id": 5}], "fetched_at": 9e99}', "\0", "null"],
)
def test_a_damaged_file_is_replaced(tmp_path: Path, claude: SimulatedClaude, text: str) -> None:
    kept = tmp_path / "data" / "models.json"
    kept.parent.mkdir()
    kept.write_text(text)
    with running_proxy(tmp_path, claude.url) as proxy:
        assert "claude-opus-5-5" in ids(proxy)
    assert json.loads(kept.read_text())["models"]


def test_a_clock_that_was_set_back_makes_the_list_no_younger(tmp_path: Path, claude: SimulatedClaude) -> None:
    kept = tmp_path / "data" / "models.json"
    with running_proxy(tmp_path, claude.url) as proxy:
        ids(proxy)
    old = json.loads(kept.read_text())
    kept.write_text(json.dumps({**old, "fetched_at": time.time() + 100_000}))
    with running_proxy(tmp_path, claude.url) as proxy:
        ids(proxy)
    assert len(claude.requests) == 2


def test_without_an_upstream_what_was_kept_has_to_do_and_then_the_table(
    tmp_path: Path, claude: SimulatedClaude
) -> None:
    for home in (tmp_path / "new", tmp_path / "used"):
        with running_proxy(home, "http://127.0.0.1:1") as proxy:
            assert set(ids(proxy)) >= DOCUMENTED
            assert "claude-mythos-5" not in ids(proxy)
    with running_proxy(tmp_path / "used", None) as demo:
        assert set(ids(demo)) >= DOCUMENTED


def test_a_home_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path, claude: SimulatedClaude) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with running_proxy(tmp_path, claude.url) as proxy:
        assert set(ids(proxy)) >= DOCUMENTED


def test_the_persons_own_names_are_listed(tmp_path: Path, claude: SimulatedClaude) -> None:
    environ = {"CLIPROXYAPI_MODEL_ALIASES": "gpt-4o=claude-opus-5-5"}
    with running_proxy(tmp_path, claude.url, environ=environ) as proxy:
        assert ids(proxy)[-1] == "gpt-4o"
        assert httpx.get(f"{proxy.v1}/models/gpt-4o").json()["id"] == "gpt-4o"


def test_claude_codes_first_question_is_answered(proxy: RunningProxy) -> None:
    assert httpx.head(f"{proxy.root}/api/hello").status_code == 200
    assert httpx.head(f"{proxy.v1}/models").status_code == 200
