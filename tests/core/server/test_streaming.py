"""Streams over real sockets: how they begin, how they stay alive, and how they end."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from core.server.app import Tuning
from core.upstreams.http_client import Timeouts
from tests.raw_http import (
    connect,
    data_lines,
    exchange,
    is_complete,
    read_all,
    read_until,
    request_bytes,
    status_of,
    wait_for,
)
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import Scenario, SimulatedClaude, scenarios

HELLO: list[dict[str, str]] = [{"role": "user", "content": "Hello"}]
FIXTURES = Path(__file__).parents[2] / "fixtures" / "upstream"


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-6", "messages": HELLO, "stream": True, **fields}


def native(**fields: Any) -> bytes:
    body = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": HELLO, "stream": True, **fields}
    return request_bytes(body, "/v1/messages", headers={"anthropic-version": "2023-06-01", "connection": "close"})


def ask(proxy: RunningProxy, **fields: Any) -> bytes:
    return exchange(proxy.port, request_bytes(chat(**fields), headers={"connection": "close"}))


@pytest.fixture(scope="module")
def impatient(module_claude: SimulatedClaude, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy whose clocks run fast: a heartbeat after 0.2 s, and 1 s of silence is too much."""
    tuning = Tuning(heartbeat=0.2, timeouts=Timeouts(connect=0.5, read=1.0))
    with running_proxy(tmp_path_factory.mktemp("home"), module_claude.url, tuning=tuning) as proxy:
        yield proxy


def texts(answer: bytes) -> str:
    chunks = [line for line in data_lines(answer) if isinstance(line, dict)]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk.get("choices", []))


def assert_broken(answer: bytes, code: str) -> None:
    """B2: an error in the stream, no finish, no [DONE], and a body without its end."""
    lines = data_lines(answer)
    assert lines[-1]["error"]["code"] == code
    assert "[DONE]" not in lines
    assert not any(choice["finish_reason"] for line in lines[:-1] for choice in line["choices"])
    assert not is_complete(answer)


def test_r35_b1_the_frame_around_a_good_stream(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    answer = ask(proxy)
    head = answer.partition(b"\r\n\r\n")[0].decode().lower()
    assert status_of(answer) == 200
    assert "content-type: text/event-stream; charset=utf-8" in head
    assert "cache-control: no-cache" in head
    assert "x-accel-buffering: no" in head
    assert "content-encoding" not in head
    assert "x-cliproxyapi-route: api-key" in head
    assert "x-request-id: req_" in head
    assert is_complete(answer)
    assert data_lines(answer)[-1] == "[DONE]"
    assert texts(answer) == "You said: Hello"


def test_deltas_arrive_one_by_one_as_they_are_spoken(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script.append(Scenario(drip=0.1))
    with connect(proxy.port) as client:
        client.sendall(request_bytes(chat()))
        read_until(client, b'"content":"You')
        assert claude.requests[-1].finished_at is None


@pytest.mark.parametrize("size", [1, 7, 64, -1])
def test_r36_the_transports_pieces_make_no_difference(proxy: RunningProxy, claude: SimulatedClaude, size: int) -> None:
    claude.script.append(Scenario(chunk_size=size, crlf=size == 7, comments=size == 64))
    assert texts(ask(proxy, messages=[{"role": "user", "content": "Grüße 👋\u2028!"}])) == "You said: Grüße 👋\u2028!"


def test_a_compressed_upstream_is_understood(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script.append(Scenario(gzip=True))
    assert texts(ask(proxy)) == "You said: Hello"


@pytest.mark.parametrize("at", ["headers", "start"])
def test_r24_b3_silence_is_broken_by_whole_chunks(impatient: RunningProxy, claude: SimulatedClaude, at: str) -> None:
    claude.script.append(scenarios.stalls(0.7, at))
    answer = ask(impatient)
    chunks = data_lines(answer)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}
    assert len({chunk["id"] for chunk in chunks[:-1]}) == 1
    assert texts(answer) == "You said: Hello"
    assert is_complete(answer)


def test_r12_r24_a_ping_is_not_passed_on_and_does_not_count_as_heard(
    impatient: RunningProxy, claude: SimulatedClaude
) -> None:
    claude.script.append(scenarios.stalls(1.5, "start", pings=True))
    answer = ask(impatient)
    assert b"ping" not in answer
    heartbeats = [chunk for chunk in data_lines(answer)[1:-2] if not chunk["choices"][0]["delta"]]
    assert len(heartbeats) >= 4
    assert texts(answer) == "You said: Hello"


def test_a_native_stream_gets_no_heartbeat_of_ours(impatient: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script.append(scenarios.stalls(0.7, "start"))
    answer = exchange(impatient.port, native())
    assert b"chat.completion" not in answer
    assert b"message_stop" in answer


def test_e14_silence_for_too_long_is_a_timeout_and_is_not_repeated(
    impatient: RunningProxy, claude: SimulatedClaude
) -> None:
    claude.script.append(scenarios.stalls(3, "headers"))
    answer = httpx.post(f"{impatient.v1}/chat/completions", json=chat(stream=False))
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert len(claude.requests) == 1


def test_e14_r25_silence_in_the_middle_breaks_the_stream(impatient: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script.append(scenarios.stalls(3, 4))
    assert_broken(ask(impatient), "upstream_timeout")


def test_r25_an_error_after_a_heartbeat_is_told_in_the_stream(impatient: RunningProxy, claude: SimulatedClaude) -> None:
    claude.script.append(Scenario(stall=0.5, stall_at="headers", status=529, body=b"{}"))
    answer = ask(impatient)
    assert status_of(answer) == 200
    assert_broken(answer, "overloaded")
    assert len(claude.requests) == 1


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        pytest.param(scenarios.fails_after(5), "overloaded", id="R25"),
        pytest.param(scenarios.ends_after(5), "upstream_stream_truncated", id="R27"),
        pytest.param(Scenario(reset_after=700), "upstream_stream_truncated", id="R27-reset"),
    ],
)
def test_r25_r27_b2_a_stream_that_fails_is_never_a_good_one(
    proxy: RunningProxy, claude: SimulatedClaude, scenario: Scenario, code: str
) -> None:
    claude.script.append(scenario)
    assert_broken(ask(proxy), code)
    claude.script.append(scenario)
    whole = httpx.post(f"{proxy.v1}/chat/completions", json=chat(stream=False))
    assert whole.status_code in (502, 503)
    assert whole.json()["error"]["code"] == code


def test_b2_the_official_client_raises(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.default = scenarios.fails_after(5)
    with openai.OpenAI(base_url=proxy.v1, api_key="any", max_retries=0) as client, pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(model="claude-sonnet-4-6", messages=HELLO, stream=True):  # type: ignore[call-overload]
            pass


def test_r27_b2_a_native_stream_that_fails_is_broken_off_too(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    for scenario in (scenarios.ends_after(5), Scenario(reset_after=700)):
        claude.script.append(scenario)
        answer = exchange(proxy.port, native())
        assert status_of(answer) == 200
        assert not is_complete(answer)
        assert b"event: error" not in answer


def test_r26_an_error_as_the_first_event_has_a_status_of_its_own(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    claude.default = scenarios.fails_after(2, "rate_limit_error")
    answer = ask(proxy)
    assert status_of(answer) == 429
    assert status_of(exchange(proxy.port, native())) == 200  # something came before it: its bytes are the client's
    claude.default = scenarios.fails_after(0, "rate_limit_error")
    assert status_of(exchange(proxy.port, native())) == 429


def test_a_recorded_stream_that_dies_after_any_byte_never_yields_a_finish(
    proxy: RunningProxy, claude: SimulatedClaude
) -> None:
    """The same over real sockets, connection by connection."""
    stream = (FIXTURES / "text_tool_text.sse").read_bytes()
    complete = stream.index(b"\n\n", stream.rindex(b"event: message_delta")) + 2
    with httpx.Client(timeout=30) as client:
        for place in range(len(stream)):
            claude.script.append(Scenario(raw=stream, reset_after=place))
            received = b""
            try:
                with client.stream("POST", f"{proxy.v1}/chat/completions", json=chat()) as answer:
                    for part in answer.iter_raw():
                        received += part
            except httpx.RemoteProtocolError:
                pass
            if place < complete:
                assert b"[DONE]" not in received, place
                assert b'"finish_reason":"' not in received, place
            claude.requests.clear()


@pytest.mark.parametrize("at", ["headers", "start", 4])
@pytest.mark.parametrize("path", ["chat", "native"])
def test_u7_a_client_that_hangs_up_cancels_the_upstream_at_once(
    proxy: RunningProxy, claude: SimulatedClaude, at: str | int, path: str
) -> None:
    claude.script.append(scenarios.stalls(30, at))
    client = connect(proxy.port)
    client.sendall(request_bytes(chat()) if path == "chat" else native())
    wait_for(lambda: claude.requests)
    time.sleep(0.1)
    left = time.monotonic()
    client.close()
    wait_for(lambda: claude.requests[0].cancelled_at)
    assert (claude.requests[0].cancelled_at or 0) - left < 0.5


def test_u7_what_an_aborted_answer_cost_is_in_the_log(
    proxy: RunningProxy, claude: SimulatedClaude, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "cliproxyapi.requests")
    claude.script.append(scenarios.stalls(30, 4))
    with connect(proxy.port) as client:
        client.sendall(request_bytes(chat()))
        read_until(client, b'"content":"You')
    wait_for(lambda: "broken off" in caplog.text)
    assert re.search(r"input_tokens=[1-9]\d* output_tokens=1 broken off", caplog.text)
    assert "Hello" not in caplog.text


def test_a_client_that_hangs_up_while_not_streaming_cancels_it_as_well(
    proxy: RunningProxy, claude: SimulatedClaude
) -> None:
    claude.script.append(scenarios.stalls(30, 4))
    with connect(proxy.port) as client:
        client.sendall(request_bytes(chat(stream=False)))
        wait_for(lambda: claude.requests)
    wait_for(lambda: claude.requests[0].cancelled_at, 1)


def test_e19_stopping_the_server_ends_open_streams_with_an_error(tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.default = scenarios.stalls(30, 4)
    with running_proxy(tmp_path, claude.url) as proxy, connect(proxy.port) as one, connect(proxy.port) as two:
        one.sendall(request_bytes(chat()))
        begun = read_until(one, b'"content":"You')
        two.sendall(native())
        begun_natively = read_until(two, b"content_block_delta")
        stopping = threading.Thread(target=proxy.server.stop)
        began = time.monotonic()
        stopping.start()
        answer, native_answer = begun + read_all(one), begun_natively + read_all(two)
        stopping.join()
        assert time.monotonic() - began < 4
    assert_broken(answer, "proxy_stopping")
    assert not is_complete(native_answer)
    assert data_lines(native_answer)[-1]["type"] == "error"


def test_e19_a_request_that_waits_gets_503(tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.default = scenarios.stalls(30, "headers")
    with running_proxy(tmp_path, claude.url) as proxy, connect(proxy.port) as client:
        client.sendall(request_bytes(chat()))
        wait_for(lambda: claude.requests)
        stopping = threading.Thread(target=proxy.server.stop)
        stopping.start()
        answer = read_all(client)
        stopping.join()
    assert status_of(answer) == 503
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]["code"] == "proxy_stopping"


def test_e19_a_request_that_was_still_being_sent_gets_503(tmp_path: Path, claude: SimulatedClaude) -> None:
    whole = request_bytes(chat())
    with running_proxy(tmp_path, claude.url) as proxy, connect(proxy.port) as open_one, connect(proxy.port) as client:
        claude.default = scenarios.stalls(30, 4)
        open_one.sendall(request_bytes(chat()))
        read_until(open_one, b'"content":"You')
        client.sendall(whole[:-5])
        time.sleep(0.2)
        stopping = threading.Thread(target=proxy.server.stop)
        stopping.start()
        time.sleep(0.1)
        client.sendall(whole[-5:])
        answer = read_all(client)
        stopping.join()
    assert status_of(answer) == 503
    assert len(claude.requests) == 1


def test_a_slow_client_slows_its_upstream_down(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    """Otherwise the answer of a client that does not read would fill our memory."""
    big = {"type": "text", "text": "x" * 60_000_000}
    claude.script.append(Scenario(events=scenarios.message_events([big], piece=50_000)))
    with connect(proxy.port) as client:
        client.sendall(request_bytes(chat()))
        wait_for(lambda: claude.requests and claude.requests[0].sent_bytes > 100_000)
        time.sleep(1)
        sent = claude.requests[0].sent_bytes
        time.sleep(0.5)
        assert claude.requests[0].sent_bytes == sent
        assert sent < 40_000_000
        received = read_until_length(client, 60_000_000)
    assert received > 60_000_000


def read_until_length(client: socket.socket, length: int) -> int:
    received = 0
    while received <= length:
        part = client.recv(1 << 20)
        assert part
        received += len(part)
    return received


def test_a_megabyte_of_arguments_streams_through(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    given = {"text": "ü" * 500_000, "more": ["x"] * 1000}
    call = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": given}
    events = scenarios.message_events([call], "tool_use", piece=1000)
    claude.default = Scenario(events=events)
    answer = ask(proxy)
    calls = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in data_lines(answer)[:-1]]
    pieces = [call[0]["function"]["arguments"] for call in calls if call]
    assert json.loads("".join(pieces)) == given
    assert len(pieces) > 500
    whole = httpx.post(f"{proxy.v1}/chat/completions", json=chat(stream=False), timeout=30).json()
    assert json.loads(whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]) == given


def test_r39_the_upstream_is_streamed_although_the_client_is_not(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    answer = httpx.post(f"{proxy.v1}/chat/completions", json=chat(stream=False))
    assert answer.headers["content-type"] == "application/json"
    assert claude.requests[-1].json["stream"] is True


def test_r37_a_client_without_keep_alive_and_one_of_http_1_0_are_served(
    proxy: RunningProxy, claude: SimulatedClaude
) -> None:
    old = request_bytes(chat()).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = exchange(proxy.port, old)
    assert b"[DONE]" in answer
    assert texts(answer) == "You said: Hello"


def test_requests_one_after_the_other_use_the_upstreams_connections_again(
    proxy: RunningProxy, claude: SimulatedClaude
) -> None:
    with httpx.Client() as client:
        for stream in (True, False, True):
            client.post(f"{proxy.v1}/chat/completions", json=chat(stream=stream))
            client.post(f"{proxy.v1}/messages", content=native().rpartition(b"\r\n\r\n")[2], headers=NATIVE)
    # Another one where the client asked again before the first had seen the very end of the last answer.
    assert len(claude.requests) == 6
    assert len({request.connection for request in claude.requests}) <= 3


NATIVE = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
