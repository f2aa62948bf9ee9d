"""The proxy that the environment names for an address, by the rules of curl and the standard library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from .settings import is_loopback


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The URL of the proxy for `url`: lower-case names win, `NO_PROXY` wins over all, and a loopback address is never
    asked for through a proxy."""
    import urllib.request

    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    proxies: dict[str, str] = {}
    for name in sorted(environ):  # upper case sorts first, so that lower case overrides it
        if name.lower().endswith("_proxy"):
            proxies[name.lower().removesuffix("_proxy")] = environ[name]
    # Public and old, but missing from the standard library's type stubs.
    if urllib.request.proxy_bypass_environment(parts.netloc, proxies):  # pyright: ignore
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all") or None
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def without_userinfo(text: str) -> str:
    """`text` without the `user:password@` of any URL in it."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)
