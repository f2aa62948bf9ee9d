"""The Claude sign-in, renewed by its owner: one call of the installed `claude`, which renews what it stored itself.

Who wrote a credential refreshes it. `claude auth status` looks at the file alone; a real request, the smallest there
is, makes Claude Code fetch a new access token and write it where it keeps it. We read it from there.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from .. import __version__
from ..child import Ended, run_child
from ..claude_cli import INSTALL_COMMAND, ClaudeCLI
from ..errors import NotSignedIn
from .claude_login import ClaudeLogin, ClaudeLoginStore, SignInExpired

log = logging.getLogger("cliproxyapi.credentials")

_EARLY_SECONDS = 300.0
_CALL_SECONDS = 30.0
_BETWEEN_CALLS_SECONDS = 300.0
_CHEAPEST_MODEL = "claude-haiku-4-5-20251001"
_MOST_TOKENS = 16

_COMMAND = [
    *("-p", "--model", _CHEAPEST_MODEL, "--tools", "", "--max-turns", "1", "--thinking", "disabled"),
    *("--system-prompt", "Answer with one word.", "--no-session-persistence", "--setting-sources", ""),
    *("--strict-mcp-config", "--disable-slash-commands", "--permission-mode", "dontAsk", "Hi"),
]
_VARIABLES = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(_MOST_TOKENS),
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "CLAUDE_AGENT_SDK_CLIENT_APP": f"cliproxyapi/{__version__}",
}

_LOGIN = "Run `claude auth login` to sign in again"


class Renewal:
    """Has an expired sign-in renewed: one call at a time, and one in five minutes. Any thread may ask."""

    def __init__(
        self,
        claude: ClaudeCLI,
        logins: ClaudeLoginStore,
        base_url: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`base_url` is the upstream's address where it is not Anthropic's own."""
        self._claude = claude
        self._logins = logins
        self._base_url = base_url
        self._lock = threading.Lock()
        self._running: Future[ClaudeLogin] | None = None
        self._tried_at: float | None = None
        # The sign-in whose last renewal failed, and why.
        self._failed: tuple[str, SignInExpired] | None = None

    def is_due(self, login: ClaudeLogin) -> bool:
        """Whether it should be renewed before it is used: it has expired, or is about to."""
        return login.expires_within(_EARLY_SECONDS)

    def failure(self, login: ClaudeLogin) -> SignInExpired | None:
        """Why it could not be renewed, where that was tried and it has expired."""
        failed = self._failed
        return failed[1] if failed is not None and login.expired and failed[0] == login.token else None

    def renewed(self, login: ClaudeLogin) -> Future[ClaudeLogin]:
        """The sign-in after a renewal, which all who ask meanwhile wait for. It fails with SignInExpired; one that
        still lives is handed back as it is, should its renewal fail."""
        with self._lock:
            if self._running is None:
                self._running = future = Future[ClaudeLogin]()
                # From now on nobody who stops waiting can cancel it.
                future.set_running_or_notify_cancel()
                threading.Thread(target=self._run, args=(login, future), name="renewal", daemon=True).start()
            return self._running

    def try_again(self) -> None:
        """The person asks for another try, without the pause."""
        with self._lock:
            self._tried_at = self._failed = None

    def _run(self, login: ClaudeLogin, future: Future[ClaudeLogin]) -> None:
        try:
            renewed = self._renew(login)
        except BaseException as error:
            with self._lock:
                self._running = None
            future.set_exception(error)
        else:
            with self._lock:
                self._running = None
            future.set_result(renewed)

    def _renew(self, login: ClaudeLogin) -> ClaudeLogin:
        # Somebody else may have been faster.
        login = self._stored() or login
        if not self.is_due(login):
            return login
        try:
            self._call(login)
            renewed = self._stored() or login
            if renewed.expired:
                raise SignInExpired(
                    f"The Claude sign-in in {login.source} has expired, and Claude Code could not renew it. {_LOGIN}."
                )
        except SignInExpired as error:
            if not login.expired:
                return login
            self._failed = (login.token, error)
            raise
        self._failed = None
        if renewed.token != login.token:
            log.info("Claude Code renewed the Claude sign-in")
        return renewed

    def _call(self, login: ClaudeLogin) -> None:
        """Let Claude Code make one request. Raises SignInExpired where it may not be asked, or is not there."""
        tried = self._tried_at
        if tried is not None and time.monotonic() - tried < _BETWEEN_CALLS_SECONDS:
            raise SignInExpired(
                f"The Claude sign-in in {login.source} has expired, and Claude Code could not renew it a moment ago. "
                f"{_LOGIN}."
            )
        installation = self._claude.find()
        if installation is None:
            raise SignInExpired(
                f"The Claude sign-in in {login.source} has expired, and Claude Code, which renews it, is not found. "
                f"{_LOGIN}; `{INSTALL_COMMAND}` installs it."
            )
        self._tried_at = time.monotonic()
        address = self._base_url()
        extra = {**_VARIABLES, **({"ANTHROPIC_BASE_URL": address} if address else {})}
        with tempfile.TemporaryDirectory(prefix="cliproxyapi-", ignore_cleanup_errors=True) as directory:
            try:
                ended = run_child(
                    [str(installation.path), *_COMMAND],
                    self._claude.environment(installation, **extra),
                    Path(directory),
                    _CALL_SECONDS,
                )
            except OSError as error:
                log.warning("Claude Code cannot be started to renew the sign-in: %s", error.strerror)
                ended = Ended(None)
        if ended.code != 0:
            log.warning("Claude Code was asked to renew the sign-in and ended with %s", ended.code)

    def _stored(self) -> ClaudeLogin | None:
        try:
            return self._logins.find()
        except NotSignedIn:
            return None
