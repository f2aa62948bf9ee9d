"""Requests beside streaming: errors of every kind, aliases, healing, and what the answer's headers say."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.server import app as app_module
from tests.raw_http import connect, exchange, read_until, request_bytes, status_of
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import Scenario, SimulatedClaude, scenarios

CHAT: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}
NATIVE = {**CHAT, "max_tokens": 100}
CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def post(proxy: RunningProxy, body: Any, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
    given = {"content-type": "application/json", "anthropic-version": "2023-06-01", **headers}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{proxy.root}{path}", content=content, headers=given, timeout=30)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"model":"x",}',
        b"[]",
        b'"text"',
        b"5",
        b"null",
        b"NaN",
        b'{"temperature":NaN}',
        b'{"model":"\xff"}',
        b"[" * 100_000,
        b'{"messages":' + b"[" * 900 + b"]" * 900 + b',"model":"claude-sonnet-4-6"}',
        b'{"model":"claude-sonnet-4-6","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function",'
        b'"function":{"name":"a","parameters":' + b'{"items":' * 900 + b"{}" + b"}" * 900 + b"}}]}",
    ],
)
def test_e15_what_is_no_json_object_is_400(proxy: RunningProxy, claude: SimulatedClaude, body: bytes) -> None:
    answer = post(proxy, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
    assert claude.requests == []


def test_e15_says_where(proxy: RunningProxy) -> None:
    error = post(proxy, b'{"model": oops}').json()["error"]
    assert error["code"] == "invalid_json"
    assert "byte" in error["message"]


def test_m26_m28_odd_bodies_are_understood(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    twice = b'"model":"x","model":"claude-sonnet-4-6"'
    body = b"\xef\xbb\xbf{\r\n" + twice + b',"messages":[{"role":"user","content":"a\\ud83d\\u0000"}]}'
    answer = post(proxy, body)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "You said: a\ufffd\ufffd"


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/chat/completions", "/v1/messages"),
        ("/v1/v1/chat/completions", "/v1/messages"),
        ("/messages", "/v1/messages"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/messages/count_tokens", "/v1/messages/count_tokens"),
    ],
)
def test_aliases_of_common_mistakes(proxy: RunningProxy, claude: SimulatedClaude, path: str, served: str) -> None:
    body = {name: value for name, value in NATIVE.items() if not (name == "max_tokens" and "count" in path)}
    assert post(proxy, body, path).status_code == 200
    assert claude.requests[-1].path == served


def test_an_unknown_path_names_the_one_that_was_meant(proxy: RunningProxy) -> None:
    answer = post(proxy, CHAT, "/v1/chat/completion")
    assert answer.status_code == 404
    assert "/v1/chat/completions" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/messages", "POST"),
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
    ],
)
def test_e18_a_wrong_method_is_405_and_names_the_right_one(
    proxy: RunningProxy, method: str, path: str, allowed: str
) -> None:
    answer = httpx.request(method, f"{proxy.root}{path}", headers={"content-type": "application/json"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["error"]["message"]


def test_r37_head_requests_get_the_head_alone(proxy: RunningProxy) -> None:
    for path in ("/", "/health"):
        answer = exchange(proxy.port, request_bytes(path=path, method="HEAD", headers={"connection": "close"}))
        assert status_of(answer) == 200
        assert answer.endswith(b"\r\n\r\n")


def test_health_tells_who_serves_and_nothing_private(proxy: RunningProxy) -> None:
    health = httpx.get(f"{proxy.root}/health")
    assert health.status_code == 200
    assert set(health.json()) == {"service", "status", "version", "instance", "route", "auth", "upstream"}
    assert health.json()["service"] == "cliproxyapi"
    assert health.json()["auth"]["state"] == "signed_in"
    assert health.json() == httpx.get(f"{proxy.root}/healthz").json()
    assert "sk-ant" not in health.text
    banner = httpx.get(f"{proxy.root}/").json()
    assert "cliproxyapi" in json.dumps(banner).lower()
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert httpx.get(f"{proxy.root}{path}").status_code == 404


def test_e20_a_mistake_of_ours_is_500_with_a_number_that_is_in_the_log(
    proxy: RunningProxy,
    claude: SimulatedClaude,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def mistake(*_: object, **__: object) -> None:
        raise ZeroDivisionError("somewhere in /home/somebody/secret.py")

    monkeypatch.setattr(app_module, "parse_request", mistake)
    answer = post(proxy, CHAT)
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    number = error["message"].split("error ")[1].split(";")[0]
    assert number in caplog.text
    assert "ZeroDivisionError" in caplog.text
    for secret in ("Traceback", "/home", ".py", "ZeroDivision"):
        assert secret not in answer.text


def test_e20_r25_a_mistake_in_the_middle_of_a_stream_breaks_it(
    proxy: RunningProxy, claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mistaken(app_module.ChunkEncoder):
        def close(self) -> bytes:
            raise ZeroDivisionError

    monkeypatch.setattr(app_module, "ChunkEncoder", Mistaken)
    answer = exchange(proxy.port, request_bytes({**CHAT, "stream": True}, headers={"connection": "close"}))
    assert b"internal_error" in answer
    assert b"[DONE]" not in answer
    assert not answer.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        pytest.param(scenarios.error(400, "invalid_request_error", "no"), 400, None, id="E1"),
        pytest.param(scenarios.error(401, "authentication_error", "no"), 401, "upstream_auth_expired", id="E4"),
        pytest.param(scenarios.refused(1), 403, "subscription_route_refused", id="E6-1"),
        pytest.param(scenarios.refused(2), 403, "subscription_route_refused", id="E6-2"),
        pytest.param(scenarios.refused(3), 403, "subscription_route_refused", id="E6-3"),
        pytest.param(scenarios.refused(4), 403, "subscription_route_refused", id="E6-4"),
        pytest.param(scenarios.rate_limited("7"), 429, "rate_limit_exceeded", id="E9"),
        pytest.param(scenarios.window_rejected(), 429, "insufficient_quota", id="E10"),
        pytest.param(scenarios.html(500), 502, "upstream_error", id="E12"),
        pytest.param(Scenario(status=302, body=b"", headers={"location": "/x"}), 502, "upstream_error", id="redirect"),
        pytest.param(Scenario(raw=b"garbage"), 502, "upstream_stream_truncated", id="E21"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_of_the_upstream_reach_the_client_in_its_own_form(
    proxy: RunningProxy, claude: SimulatedClaude, scenario: Scenario, status: int, code: str | None, stream: bool
) -> None:
    claude.script.append(scenario)
    answer = post(proxy, {**CHAT, "stream": stream})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    request_id = answer.headers.get("x-request-id")
    if scenario.body is not None:
        assert request_id
        assert answer.json()["error"]["message"].endswith(f"(request id: {request_id})")
    assert len(claude.requests) == 1


def test_e11_after_an_overload_the_next_request_is_tried_at_once(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script += [scenarios.overloaded()] * 3
    answer = post(proxy, CHAT)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert len(claude.requests) == 3
    assert post(proxy, CHAT).status_code == 200
    claude.script += [scenarios.overloaded()] * 3
    native = post(proxy, NATIVE, "/v1/messages")
    assert (native.status_code, native.json()["error"]["type"]) == (529, "overloaded_error")


def test_e6_native_clients_get_the_refusal_in_their_form(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script.append(scenarios.refused(1))
    answer = post(proxy, NATIVE, "/v1/messages")
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")
    assert answer.json()["error"]["message"].startswith(scenarios.CLAUDE_CODE_ONLY)


def test_e13_an_upstream_that_is_not_there_is_named(tmp_path: Path) -> None:
    with running_proxy(tmp_path, "http://127.0.0.1:1") as proxy:
        answer = post(proxy, CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert "127.0.0.1" in answer.json()["error"]["message"]


def test_e4_nobody_signed_in_is_401_that_says_what_to_do(tmp_path: Path, claude: SimulatedClaude) -> None:
    with running_proxy(tmp_path, claude.url, environ={"ANTHROPIC_API_KEY": ""}) as proxy:
        answer = post(proxy, CHAT)
        assert httpx.get(f"{proxy.root}/health").json()["auth"]["state"] == "not_signed_in"
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert "cliproxyapi login --api-key" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"


def test_e22_secrets_in_an_error_are_hidden_in_streams_too(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    secret = "sk-ant-api03-s3cr3t-marker of bob@example.com"
    claude.script.append(scenarios.error(400, "invalid_request_error", secret))
    assert "s3cr3t-marker" not in post(proxy, CHAT).text
    claude.script.append(scenarios.error(400, "invalid_request_error", secret))
    assert "s3cr3t-marker" not in post(proxy, NATIVE, "/v1/messages").text
    said = scenarios.message_events([{"type": "text", "text": "write to bob@example.com"}])
    broken = [*said[:-2], scenarios.error_event("api_error", secret)]
    claude.script.append(Scenario(events=broken))
    answer = exchange(proxy.port, request_bytes({**CHAT, "stream": True}, headers={"connection": "close"}))
    assert b"s3cr3t-marker" not in answer
    # What Claude said to the person stays as it is.
    assert b"write to bob" in answer


def test_what_was_not_done_as_asked_is_named(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    answer = post(proxy, {**CHAT, "seed": 1, "temperature": 0.5, "top_p": 0.5, "weird\n": 1})
    assert answer.headers["x-cliproxyapi-ignored"] == "top_p,seed"
    assert answer.headers["x-cliproxyapi-route"] == "api-key"
    assert "x-cliproxyapi-ignored" not in post(proxy, CHAT).headers


def test_a_refused_parameter_heals_is_named_and_remembered(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    """A model of tomorrow, which the table does not know, takes no effort at all."""
    refusal = scenarios.error(400, "invalid_request_error", "output_config.effort is not supported on this model")
    claude.script.append(refusal)
    body = {**CHAT, "model": "claude-opus-5-5", "reasoning_effort": "low"}
    for sent in (2, 3):
        answer = post(proxy, body)
        assert answer.status_code == 200
        assert answer.headers["x-cliproxyapi-ignored"] == "reasoning_effort"
        assert len(claude.requests) == sent
    assert "effort" not in claude.requests[-1].json.get("output_config", {})


def test_b8_a_refused_signature_heals(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    """Clients edit their history, and the newest models bind signatures to it."""
    thought = [{"type": "thinking", "thinking": "Hm", "signature": "of another conversation"}]
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "thinking_blocks": thought},
        {"role": "tool", "tool_call_id": "a", "content": "found"},
    ]
    tools = [{"type": "function", "function": {"name": "look"}}]
    body = {**CHAT, "model": "claude-opus-5-5", "messages": messages, "tools": tools}
    answer = httpx.post(f"{proxy.v1}/chat/completions", json=body, headers={"user-agent": "editor/1"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-cliproxyapi-ignored"] == "thinking_blocks"
    assert [len(request.json["messages"][1]["content"]) for request in claude.requests] == [2, 1]


def test_usage_counts_the_cache(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    """B5, B6: a long stable beginning is cached without anybody asking, and the counts say so."""
    system = {"role": "system", "content": "You are helpful. " * 1000}
    turns = [[system, {"role": "user", "content": "one"}], [system, {"role": "user", "content": "two"}]]
    first, second = (post(proxy, {**CHAT, "messages": messages}).json()["usage"] for messages in turns)
    assert first["prompt_tokens_details"]["cache_write_tokens"] > 1000
    assert second["prompt_tokens_details"]["cached_tokens"] > 1000
    assert first["prompt_tokens"] == second["prompt_tokens"]


def test_b8_thinking_is_found_again_for_a_client_that_strips_it(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    asked = {"role": "user", "content": "call look {}"}
    body = {**CHAT, "reasoning_effort": "high", "tools": tools, "messages": [asked]}
    message = post(proxy, body).json()["choices"][0]["message"]
    (call,) = message["tool_calls"]
    call["id"] = call["id"].replace("_", "")
    assistant = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "found"}
    assert post(proxy, {**body, "messages": [asked, assistant, result]}).status_code == 200
    assert claude.requests[-1].json["messages"][1]["content"][0]["type"] == "thinking"


def test_nothing_heavy_is_imported_before_something_asks_for_it() -> None:
    """The server is up before FastAPI and the HTTP client are loaded; they cost half a second together."""
    program = """
import sys
import time
import core.server.thread
heavy = {"fastapi", "httpx", "aiohttp", "keyring", "starlette", "truststore"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


JAVA = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQ"}


@pytest.mark.parametrize("pieces", [1, 2, 50])
def test_r37_javas_offer_of_http_2_is_passed_over_and_its_body_read(
    proxy: RunningProxy, claude: SimulatedClaude, pieces: int
) -> None:
    """Its client makes the offer with every request to an http address, and keeps to HTTP/1.1 without a reply."""
    whole = request_bytes(CHAT, headers=JAVA)
    size = len(whole) // pieces + 1
    with connect(proxy.port) as client:
        for start in range(0, len(whole), size):
            client.sendall(whole[start : start + size])
            time.sleep(0.002)
        assert b"You said: Hi" in read_until(client, b"You said: Hi")
        client.sendall(request_bytes(CHAT))
        read_until(client, b"You said: Hi")


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 60])
def test_requests_in_one_write_are_answered_wherever_the_second_head_is_cut(
    proxy: RunningProxy, claude: SimulatedClaude, cut: int
) -> None:
    first, second = (request_bytes(path="/health", method="GET") for _ in range(2))
    with connect(proxy.port, timeout=5) as client:
        client.sendall(first + second[:-cut])
        received = read_until(client, b'"service"')
        client.sendall(second[-cut:])
        received += read_until(client, b'"service"')
    assert received.count(b"HTTP/1.1 200") == 2


def test_an_endless_head_behind_another_request_is_refused(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    with connect(proxy.port, timeout=5) as client:
        client.sendall(request_bytes(path="/health", method="GET") + b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        read_until(client, b'"service"')
        client.sendall(b"x-long: " + b"x" * 70_000)
        assert status_of(read_until(client, b"\r\n\r\n")) == 431


def test_a_body_behind_an_offer_is_never_read_as_a_request(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    hidden = request_bytes(b'{"hidden": true}', "/v1/chat/completions")
    carrier = request_bytes(hidden, "/health", headers=JAVA)
    answer = exchange(proxy.port, request_bytes(path="/health", method="GET") + carrier)
    assert b"hidden" not in answer
    assert claude.requests == []


@pytest.mark.parametrize("first", [b"event: error\ndata: not json\n\n", b"event: error\ndata: 5\n\n", b""])
def test_e21_a_native_stream_that_is_none_is_502(proxy: RunningProxy, claude: SimulatedClaude, first: bytes) -> None:
    claude.script.append(Scenario(raw=first))
    assert post(proxy, {**NATIVE, "stream": True}, "/v1/messages").status_code == 502


def test_a_native_stream_without_names_of_events_is_whole_all_the_same(
    proxy: RunningProxy, claude: SimulatedClaude
) -> None:
    lines = [f"data: {json.dumps(event)}\n\n" for event in scenarios.message_events([{"type": "text", "text": "Hi"}])]
    claude.script.append(Scenario(raw="".join(lines).encode()))
    assert post(proxy, {**NATIVE, "stream": True}, "/v1/messages").text == "".join(lines)
    claude.script.append(Scenario(raw=f"data: {json.dumps(scenarios.error_event())}\n\n".encode()))
    claude.script += [scenarios.overloaded()] * 2
    assert post(proxy, {**NATIVE, "stream": True}, "/v1/messages").status_code == 529


@pytest.mark.parametrize("stop_reason", [["end_turn"], {"a": 1}, 5, True])
def test_r23_a_stop_reason_that_is_no_word_is_an_ordinary_end(
    proxy: RunningProxy, claude: SimulatedClaude, stop_reason: Any
) -> None:
    events = scenarios.message_events([{"type": "text", "text": "Hi"}], stop_reason)
    for stream in (False, True):
        claude.script.append(Scenario(events=events))
        answer = post(proxy, {**CHAT, "stream": stream})
        assert answer.status_code == 200
        assert '"finish_reason":"stop"' in answer.text


def test_e15_a_number_out_of_range_is_refused_beside_a_surrogate_too(proxy: RunningProxy) -> None:
    body = b'{"model":"claude-sonnet-4-6","top_k":1e400,"messages":[{"role":"user","content":"\\ud83d"}]}'
    assert post(proxy, body).status_code == 400


def test_t18_a_wish_to_search_the_web_is_refused_and_not_passed_over(proxy: RunningProxy) -> None:
    assert post(proxy, {**CHAT, "web_search_options": {}}).json()["error"]["param"] == "web_search_options"


@pytest.mark.parametrize("limit", ["²", "9" * 5000, "-1", "x", ""])
def test_an_odd_limit_on_the_list_of_models_is_none(proxy: RunningProxy, limit: str) -> None:
    answer = httpx.get(f"{proxy.v1}/models", params={"limit": limit}, headers={"anthropic-version": "2023-06-01"})
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [b'{"error":"so it is"}', b'{"message":"so it is"}', b'{"detail":"so it is"}'])
def test_e24_a_gateways_own_words_are_passed_on(proxy: RunningProxy, claude: SimulatedClaude, body: bytes) -> None:
    claude.script.append(Scenario(status=418, body=body))
    assert post(proxy, CHAT).json()["error"]["message"].startswith("so it is")


def test_b4_a_401_is_never_to_be_tried_again_whatever_the_upstream_says(
    proxy: RunningProxy, claude: SimulatedClaude
) -> None:
    claude.script.append(scenarios.error(401, "authentication_error", "no", {"x-should-retry": "true"}))
    assert post(proxy, CHAT).headers["x-should-retry"] == "false"


def test_a_lesson_that_did_not_help_is_not_remembered(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    refusal = scenarios.error(400, "invalid_request_error", "temperature: range is odd for this model")
    claude.script += [refusal, scenarios.error(400, "invalid_request_error", "and that was not it")]
    assert post(proxy, {**CHAT, "temperature": 0.5}).status_code == 400
    assert "x-cliproxyapi-ignored" not in post(proxy, {**CHAT, "temperature": 0.5}).headers
