"""Anthropic's API over HTTPS: proxies, errors in words, connections kept, and who we say we are."""

from __future__ import annotations

import pytest

from core.environment_proxy import proxy_for, without_userinfo
from core.settings import is_loopback

ANTHROPIC = "https://api.anthropic.com"


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://upper", "https_proxy": "http://lower"}, "http://lower"),
        ({"ALL_PROXY": "socks5://proxy:1080"}, "socks5://proxy:1080"),
        ({"HTTP_PROXY": "http://proxy"}, None),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "localhost,.anthropic.com"}, None),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy", "no_proxy": "example.com"}, "http://proxy"),
        ({"HTTPS_PROXY": ""}, None),
    ],
)
def test_the_proxy_of_the_environment_is_used_as_curl_would(environ: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(ANTHROPIC, environ) == proxy


@pytest.mark.parametrize("url", ["http://127.0.0.1:3999", "http://localhost:1", "http://[::1]:2"])
def test_loopback_is_never_asked_for_through_a_proxy(url: str) -> None:
    everything = {"HTTP_PROXY": "http://proxy", "ALL_PROXY": "http://proxy"}
    assert proxy_for(url, everything) is None


def test_only_this_machine_is_loopback() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.9.1", "::1")))
    assert not any(map(is_loopback, ("api.anthropic.com", "10.0.0.1", "0.0.0.0", "")))


def test_a_proxy_password_never_reaches_an_error_text() -> None:
    text = without_userinfo("Cannot connect to http://bob:secret@proxy:3128 for https://api.anthropic.com")
    assert text == "Cannot connect to http://proxy:3128 for https://api.anthropic.com"
