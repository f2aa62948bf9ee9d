"""Who may use the dashboard: a one-time token from a link becomes the secret of a session.

No cookies: browsers send a cookie to *every* port of 127.0.0.1, where another local server could take it. The page
keeps its secret in its own storage, which belongs to host and port, and sends it in a header that no foreign page can
send without asking first. Both live in memory and end with the program.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ProxyError

SESSION_HEADER = b"x-cliproxyapi-session"

TOKEN_SECONDS = 120.0
SESSION_SECONDS = 7 * 24 * 3600.0
_MOST_TOKENS = 20
_MOST_SESSIONS = 20


class NoSession(ProxyError):
    """The page has no session, or one that ended."""

    status, code = 401, "dashboard_session_needed"
    title = "The dashboard needs a new link"


class ForeignPage(ProxyError):
    """Something else than our own page asks."""

    status, code = 403, "origin_not_allowed"
    title = "A web page was turned away from the dashboard"


@dataclass(slots=True)
class _Session:
    used_at: float


class Access:
    """The tokens that were given out, and the sessions that they became. Any thread may call.

    What is kept are digests, so that looking one up tells nothing by the time that it takes.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[bytes, float] = {}
        self._sessions: dict[bytes, _Session] = {}

    def mint(self) -> str:
        """A token for one link; it works once, and for two minutes."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            alive = {digest: until for digest, until in self._tokens.items() if until > now}
            self._tokens = dict(list(alive.items())[1 - _MOST_TOKENS :])
            self._tokens[_digest(token)] = now + TOKEN_SECONDS
        return token

    def exchange(self, token: str) -> str:
        """The secret of a new session for `token`. Raises NoSession where it is used up, too old, or none of ours."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            until = self._tokens.pop(_digest(token), None)
            if until is None or until <= now:
                raise NoSession("This link was used already, or is too old. Open the dashboard anew.")
            newest = sorted(self._sessions.items(), key=lambda item: item[1].used_at)[1 - _MOST_SESSIONS :]
            self._sessions = {**dict(newest), _digest(secret): _Session(now)}
        return secret

    def check_session(self, secret: str | None) -> None:
        """Raises NoSession."""
        with self._lock:
            now = self._clock()
            session = self._sessions.get(_digest(secret)) if secret else None
            if session is None or session.used_at + SESSION_SECONDS <= now:
                raise NoSession("Open the dashboard from the tray, or with `cliproxyapi open`.")
            session.used_at = now


def check_page(site: str | None, origin: str | None, host: str | None) -> None:
    """Raise ForeignPage unless our own page asks, or a program that is no browser.

    `site` is the header Sec-Fetch-Site, which every current browser sends and no page can set.
    """
    own = origin is None or (origin.partition("://")[2].lower() == (host or "").strip().lower())
    if site not in (None, "same-origin") or not own:
        raise ForeignPage("Only the dashboard's own page may ask this.")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
