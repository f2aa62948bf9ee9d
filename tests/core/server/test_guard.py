"""The guard's rules, without a server. tests/core/server/test_strangers.py shows them over a socket."""

from __future__ import annotations

import pytest

from core.errors import ProxyError
from core.server.guard import Guard, HeadersTooLarge, LocalKeyRefused, NotJson, OriginRefused, host_name

JSON = ("content-type", "application/json")


def check(guard: Guard, *headers: tuple[str, str], method: str = "POST", path: str = "/v1/chat/completions"):
    host = () if any(name == "host" for name, _ in headers) else (("host", "127.0.0.1:3456"),)
    given = [*host, *headers]
    return guard.check(method, path, [(name.encode(), value.encode("latin-1")) for name, value in given])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("127.0.0.1:3456", "127.0.0.1"),
        ("LOCALHOST", "localhost"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("evil.example:3456", "evil.example"),
        ("127.0.0.1:3456@evil.example", "127.0.0.1:3456@evil.example"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_the_name_of_a_host_header_is_read_without_its_port(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("host", ["127.0.0.1:3456", "localhost:9999", "[::1]:3456", "127.0.0.1"])
def test_loopback_names_pass_on_any_port(host: str) -> None:
    check(Guard(), ("host", host), JSON)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:3456", "0.0.0.0:3456", "", "localhost.evil"])
def test_e17_a_foreign_host_name_is_refused(host: str) -> None:
    with pytest.raises(OriginRefused) as caught:
        check(Guard(), ("host", host), JSON)
    assert (caught.value.status, caught.value.code) == (403, "origin_not_allowed")
    assert "allowed_hosts" in caught.value.message


def test_two_host_headers_are_refused() -> None:
    with pytest.raises(OriginRefused):
        check(Guard(), ("host", "127.0.0.1"), ("host", "127.0.0.1"), JSON)


def test_an_allowed_host_passes() -> None:
    check(Guard(allowed_hosts=("box.lan",)), ("host", "box.lan:3456"), JSON)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:8000", "http://localhost:3456", "file://"]
)
def test_e17_a_foreign_or_null_origin_is_refused_on_every_method(origin: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "HEAD", "DELETE"):
        with pytest.raises(OriginRefused) as caught:
            check(Guard(), ("origin", origin), JSON, method=method)
        assert caught.value.who == origin


def test_our_own_origin_passes_without_cors() -> None:
    assert check(Guard(), ("origin", "http://127.0.0.1:3456"), JSON).cors_origin is None


def test_an_allowed_origin_passes_and_is_named_also_cross_site() -> None:
    guard = Guard(allowed_origins=("https://app.example",))
    headers = (("origin", "https://app.example"), ("sec-fetch-site", "cross-site"))
    assert check(guard, *headers, JSON).cors_origin == "https://app.example"
    assert check(guard, *headers, method="OPTIONS").cors_origin == "https://app.example"


def test_a_cross_site_request_without_an_origin_passes_only_as_a_top_level_visit() -> None:
    cross = ("sec-fetch-site", "cross-site")
    visit = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
    check(Guard(), cross, *visit, method="GET", path="/")
    for wrong in ((), (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")), (("sec-fetch-mode", "no-cors"),)):
        with pytest.raises(OriginRefused):
            check(Guard(), cross, *wrong, method="GET", path="/")
    with pytest.raises(OriginRefused):
        check(Guard(), cross, *visit, JSON)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_e16_a_form_or_plain_text_is_refused(kind: str) -> None:
    with pytest.raises(NotJson) as caught:
        check(Guard(), ("content-type", kind))
    assert caught.value.status == 415


def test_e16_json_passes_with_a_charset_and_as_a_json_based_type() -> None:
    check(Guard(), ("content-type", "Application/JSON; charset=utf-8"))
    check(Guard(), ("content-type", "application/vnd.api+json"))


def test_a_compressed_body_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotJson, match="uncompressed"):
        check(Guard(), JSON, ("content-encoding", "gzip"))
    check(Guard(), JSON, ("content-encoding", "identity"))


def test_e5_the_local_key_is_needed_when_one_is_set() -> None:
    guard = Guard(api_key="local-secret")
    check(guard, ("authorization", "Bearer local-secret"), JSON)
    check(guard, ("authorization", "bearer local-secret"), JSON)
    check(guard, ("x-api-key", "local-secret"), JSON)
    for wrong in ((), (("authorization", "Bearer other"),), (("x-api-key", ""),), (("authorization", "local"),)):
        with pytest.raises(LocalKeyRefused) as caught:
            check(guard, *wrong, JSON)
        assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
        assert caught.value.headers["x-should-retry"] == "false"
        assert "local" in caught.value.message


def test_health_and_the_banner_need_no_key() -> None:
    for path in ("/health", "/healthz", "/"):
        check(Guard(api_key="local-secret"), method="GET", path=path)


def test_any_or_no_authorization_passes_without_a_local_key() -> None:
    for headers in ((), (("authorization", "Bearer not-needed"),), (("authorization", ""),), (("x-api-key", "x"),)):
        check(Guard(), *headers, JSON)


def test_headers_over_64_kib_are_refused() -> None:
    with pytest.raises(HeadersTooLarge) as caught:
        check(Guard(), ("x-filler", "x" * 64 * 1024), JSON)
    assert caught.value.status == 431
    check(Guard(), ("x-filler", "x" * 60 * 1024), JSON)


def test_every_refusal_is_an_error_of_ours() -> None:
    for refused in (OriginRefused, LocalKeyRefused, HeadersTooLarge, NotJson):
        assert issubclass(refused, ProxyError)
