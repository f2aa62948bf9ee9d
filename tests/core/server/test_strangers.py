"""What a stranger can do, over a socket: web pages, other machines and oversized requests are turned away, on every
path, and whatever else they claim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.raw_http import exchange, request_bytes, status_of
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude

PATHS = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/chat/completions"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("GET", "/health"),
    ("GET", "/healthz"),
    ("GET", "/"),
    ("GET", "/nothing/here"),
    ("POST", "/nothing/here"),
    ("DELETE", "/v1/messages"),
]
CHAT: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hi"}]}

CLIENTS_OWN = {
    "user-agent": "OpenAI/JS 7",
    "x-stainless-lang": "js",
    "cookie": "a=b",
    "anthropic-beta": "x",
    "x-app": "cli",
}
FOREIGN_HOSTS = ["evil.example", "evil.example:3456", "127.0.0.1.evil.example", "localhost@evil", "", "0.0.0.0"]

every_path = pytest.mark.parametrize(("method", "path"), PATHS)


def send(proxy: RunningProxy, method: str, path: str, body: Any = CHAT, **headers: str) -> tuple[int, str, bytes]:
    """Status, head and body."""
    fields = {"host": f"127.0.0.1:{proxy.port}", **{name.replace("_", "-"): text for name, text in headers.items()}}
    given = request_bytes(body, path, method=method, headers={"connection": "close", **fields})
    head, _, answer = exchange(proxy.port, given).partition(b"\r\n\r\n")
    return status_of(head), head.decode().lower(), answer


def assert_refused(proxy: RunningProxy, claude: SimulatedClaude, method: str, path: str, **headers: str) -> None:
    status, head, body = send(proxy, method, path, **headers)
    assert status == 403
    assert "access-control" not in head
    error = json.loads(body)["error"]
    assert error["message"]
    if not path.startswith("/v1/messages"):
        assert error["code"] == "origin_not_allowed"
    assert claude.requests == []


@every_path
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_e17_a_foreign_host_is_refused(
    proxy: RunningProxy, claude: SimulatedClaude, method: str, path: str, host: str
) -> None:
    assert_refused(proxy, claude, method, path, host=host)


@every_path
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "file://", "http://127.0.0.1"]
)
def test_e17_a_foreign_or_null_origin_is_refused(
    proxy: RunningProxy, claude: SimulatedClaude, method: str, path: str, origin: str
) -> None:
    assert_refused(proxy, claude, method, path, origin=origin)


@pytest.mark.parametrize("path", [path for method, path in PATHS if method == "POST"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_e16_a_form_post_is_refused(proxy: RunningProxy, claude: SimulatedClaude, path: str, kind: str) -> None:
    """What a web page can send without asking first."""
    status, _, body = send(proxy, "POST", path, b"a=b", content_type=kind)
    assert status == 415
    assert json.loads(body)["error"]["message"]
    assert claude.requests == []
    status, _, _ = send(proxy, "POST", path, b"a=b", content_type=kind, origin="https://evil.example")
    assert status == 403


@pytest.mark.parametrize("path", [path for _, path in PATHS])
def test_a_preflight_of_a_web_page_is_refused(proxy: RunningProxy, claude: SimulatedClaude, path: str) -> None:
    assert_refused(
        proxy,
        claude,
        "OPTIONS",
        path,
        origin="https://evil.example",
        access_control_request_method="POST",
        access_control_request_headers="content-type",
    )


@pytest.mark.parametrize(("method", "path"), [item for item in PATHS if item[1] != "/"])
def test_a_cross_site_request_is_refused_without_an_origin(
    proxy: RunningProxy, claude: SimulatedClaude, method: str, path: str
) -> None:
    """Browsers leave the Origin out of some requests, but not this."""
    assert_refused(proxy, claude, method, path, sec_fetch_site="cross-site", sec_fetch_mode="no-cors")


def test_a_link_on_a_web_page_may_lead_here(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    status, _, _ = send(
        proxy, "GET", "/", b"", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document"
    )
    assert status == 200


def test_a_page_that_was_turned_away_is_named_once(
    proxy: RunningProxy, claude: SimulatedClaude, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        send(proxy, "GET", "/health", origin="https://once.example")
    assert caplog.text.count("https://once.example") == 1
    assert "https://once.example" in str(proxy.board.status.refused_pages)


def test_an_allowed_page_gets_its_answer_and_its_own_name_never_a_star(tmp_path: Path, claude: SimulatedClaude) -> None:
    environ = {"CLIPROXYAPI_ALLOWED_ORIGINS": "https://chat.example", "CLIPROXYAPI_ALLOWED_HOSTS": "box.local"}
    with running_proxy(tmp_path, claude.url, environ=environ) as proxy:
        status, head, _ = send(
            proxy,
            "OPTIONS",
            "/v1/chat/completions",
            b"",
            origin="https://chat.example",
            access_control_request_method="POST",
            access_control_request_headers="content-type,authorization",
        )
        assert status == 204
        assert "access-control-allow-origin: https://chat.example" in head
        assert "access-control-allow-headers: content-type,authorization" in head
        for body, expected in ((CHAT, 200), ({}, 400)):
            status, head, _ = send(
                proxy, "POST", "/v1/chat/completions", body, origin="https://chat.example", host="box.local:80"
            )
            assert status == expected
            assert "access-control-allow-origin: https://chat.example" in head
            assert "*" not in head
        status, head, _ = send(proxy, "POST", "/v1/messages", b"a", origin="https://chat.example", content_type="x/y")
        assert status == 415
        assert "access-control-allow-origin: https://chat.example" in head
        status, head, _ = send(proxy, "GET", "/health", origin="https://other.example")
        assert status == 403
        assert "access-control" not in head


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Basic bG9jYWw6"}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"authorization": "Bearer local-key"}, 200),
        ({"x-api-key": "local-key"}, 200),
    ],
)
def test_e5_a_key_of_ones_own_is_asked_for_where_one_is_set(
    tmp_path: Path, claude: SimulatedClaude, headers: dict[str, str], status: int
) -> None:
    with running_proxy(tmp_path, claude.url, environ={"CLIPROXYAPI_API_KEY": "local-key"}) as proxy:
        answer = httpx.post(f"{proxy.v1}/chat/completions", json=CHAT, headers=headers)
        assert answer.status_code == status
        assert len(claude.requests) == (status == 200)
        if status == 401:
            error = answer.json()["error"]
            assert (error["code"], error["type"]) == ("invalid_api_key", "authentication_error")
            assert answer.headers["x-should-retry"] == "false"
        # These tell nothing that is worth a key.
        assert httpx.get(f"{proxy.root}/health").status_code == 200
        assert httpx.get(f"{proxy.root}/").status_code == 200


def test_b10_the_clients_own_credential_goes_nowhere(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    for headers in ({"authorization": "Bearer not-needed"}, {"x-api-key": "custom-local"}, {}):
        answer = httpx.post(f"{proxy.v1}/chat/completions", json=CHAT, headers=headers)
        assert answer.status_code == 200
        seen = claude.requests[-1].headers
        assert "not-needed" not in str(seen)
        assert "custom-local" not in str(seen)
        assert "authorization" not in seen


def test_nothing_of_the_client_but_its_words_goes_on(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    httpx.post(
        f"{proxy.v1}/chat/completions",
        json=CHAT,
        headers={
            "user-agent": "OpenAI/JS 7",
            "x-stainless-lang": "js",
            "cookie": "a=b",
            "anthropic-beta": "x",
            "x-app": "cli",
        },
    )
    expected = (
        "accept accept-encoding anthropic-version connection content-length content-type host user-agent x-api-key"
    )
    assert set(claude.requests[-1].headers) <= {*expected.split()}
    assert claude.requests[-1].headers["user-agent"].startswith("cliproxyapi/")


def test_m29_33_mib_are_too_much_and_31_mib_are_not(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgoAAAAN" + "A" * (4 * 1024 * 1024)
    parts = [{"type": "image_url", "image_url": {"url": picture}}] * 7 + [{"type": "text", "text": "Hi"}]
    request = {**CHAT, "messages": [{"role": "user", "content": parts}]}
    spare = 31 * 1024 * 1024 - len(json.dumps(request))
    parts.append({"type": "text", "text": "x" * spare})
    answer = httpx.post(f"{proxy.v1}/chat/completions", json=request, timeout=60)
    assert answer.status_code == 200, answer.text[:300]
    assert len(claude.requests[-1].body) > 30 * 1024 * 1024
    sent = claude.requests[-1].json["messages"][0]["content"]
    assert [block["type"] for block in sent] == ["image"] * 7 + ["text"] * 2


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_m29_one_byte_more_than_32_mib_is_413(proxy: RunningProxy, claude: SimulatedClaude, path: str) -> None:
    frame = b'{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":"%b"}]}'
    too_much = frame % (b"x" * (32 * 1024 * 1024 + 1 - len(frame) + 2))
    assert len(too_much) == 32 * 1024 * 1024 + 1

    def chunked() -> Any:
        yield from (too_much[start : start + 1_000_000] for start in range(0, len(too_much), 1_000_000))

    # Told by its length, or only found out on the way.
    for content in (too_much, chunked()):
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        answer = httpx.post(f"{proxy.root}{path}", content=content, headers=headers, timeout=60)
        assert answer.status_code == 413
        error = answer.json()["error"]
        assert "request_too_large" in (error.get("code"), error.get("type"))
    assert claude.requests == []


def test_a_header_block_of_more_than_64_kib_is_refused(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    status, _, body = send(proxy, "POST", "/v1/chat/completions", x_big="x" * 70_000)
    assert status == 431
    assert json.loads(body)["error"]["message"]


def test_what_is_no_http_is_refused_in_json(proxy: RunningProxy, claude: SimulatedClaude) -> None:
    answer = exchange(proxy.port, b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n")
    assert status_of(answer) == 400
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]["message"]
