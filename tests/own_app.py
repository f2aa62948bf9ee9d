"""The OAuth app of an organisation, at the simulated Claude: its settings, and a sign-in that was made with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from core.credentials.own_oauth import OwnOAuth, OwnSignIn
from core.paths import Paths
from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.oauth import CLIENT_ID


def app_settings(claude: SimulatedClaude) -> dict[str, str]:
    """As environment variables."""
    return {
        "CLIPROXYAPI_OAUTH_CLIENT_ID": CLIENT_ID,
        "CLIPROXYAPI_OAUTH_AUTHORIZE_URL": f"{claude.url}/oauth/authorize",
        "CLIPROXYAPI_OAUTH_TOKEN_URL": f"{claude.url}/v1/oauth/token",
        "CLIPROXYAPI_OAUTH_SCOPES": "user:inference user:profile",
    }


def paths_in(home: Path) -> Paths:
    """Those that `running_proxy` takes in the same home."""
    return Paths(home / "config", home / "data", home / "data" / "log", home / "data" / "run")


def signed_in(claude: SimulatedClaude, home: Path, *, expires_in: float = 28800, refreshable: bool = True) -> OwnSignIn:
    """A sign-in with tokens of the provider, stored in `home`, which has so many seconds left."""
    granted = claude.provider.grant()
    now = time.time()
    sign_in = OwnSignIn(
        client_id=CLIENT_ID,
        token_url=f"{claude.url}/v1/oauth/token",
        access_token=granted["access_token"],
        refresh_token=granted["refresh_token"] if refreshable else None,
        obtained_at=now - 28800 + expires_in,
        expires_at=now + expires_in,
        account=granted["account"]["email_address"],
    )
    store(home).keep(sign_in)
    return sign_in


def store(home: Path, environ: Mapping[str, str] | None = None) -> OwnOAuth:
    return OwnOAuth(paths_in(home), environ or {})


def renewals(claude: SimulatedClaude) -> int:
    """How often the provider was asked for other tokens."""
    return sum(request.path == "/v1/oauth/token" for request in claude.requests)
