"""Where the dashboard's pages are, for the links that lead there."""

from __future__ import annotations

from collections.abc import Mapping

WELCOME, BELOW = "/welcome", "/dashboard/"

# By name, the one that opens by itself at the front.
PAGE_PATHS: Mapping[str, str] = {
    "overview": "/",
    **{name: f"{BELOW}{name}" for name in ("account", "settings", "logs", "about")},
    "welcome": WELCOME,
}
