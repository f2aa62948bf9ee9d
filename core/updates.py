"""Whether a newer version is out. Asked only where the person wants it, at most once a day; nothing is ever installed.

The answer is kept on disk, so that a restart asks nobody, and on the board, from where everything that shows something
has it.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import __version__, json_codec
from .errors import ProxyError
from .json_codec import object_or_empty
from .paths import Paths, write_private
from .settings import Settings, SettingsStore
from .status import Release, StatusBoard

log = logging.getLogger("cliproxyapi.updates")

REPOSITORY = "cliproxyapi/cliproxyapi"
RELEASES_URL = f"https://github.com/{REPOSITORY}/releases"
# The newest that is neither a draft nor a preview; 404 where there is none. It needs no sign-in, and a user agent.
# https://docs.github.com/en/rest/releases/releases#get-the-latest-release
FEED = f"https://api.github.com/repos/{REPOSITORY}/releases/latest"

_DAY, _HOUR = 86_400.0, 3600.0
_SECONDS = 15.0
_LARGEST_ANSWER = 1024 * 1024
_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:(a|b|rc)(\d{1,9}))?")
_STAGES = {"a": 0, "b": 1, "rc": 2, None: 3}


class UpdatesUnknown(ProxyError):
    """The feed gave no answer that can be understood."""

    status, code = 502, "updates_unknown"
    title = "It is not known whether there is an update"


class FeedUnreachable(UpdatesUnknown):
    """Nobody was asked: the network is away."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the feed said last: the newest version if it named one, at `at` in seconds since 1970."""

    at: float
    version: str | None = None


class UpdateCheck:
    """Looks at the releases feed. `now` tells the time of the wall's clock, which may jump."""

    def __init__(
        self,
        paths: Paths,
        settings: SettingsStore,
        board: StatusBoard,
        environ: Mapping[str, str],
        *,
        feed: str = FEED,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = paths.updates_file
        self._settings = settings
        self._board = board
        self._environ = environ
        self._feed = feed
        self._now = now
        self._not_before = 0.0
        # For as long as we live, where no file can be written.
        self._asked: Asked | None = None

    @property
    def on(self) -> bool:
        return self._settings.current.check_updates

    def last_asked(self) -> Asked | None:
        """What is kept of the last time: reads a file, which another of our programs may have written."""
        try:
            kept = object_or_empty(json_codec.decode(self._path.read_bytes()))
        except (OSError, json_codec.JSONError):
            return self._asked
        at, version = kept.get("asked_at"), kept.get("version")
        if not isinstance(at, (int, float)) or not (version is None or _is_version(version)):
            return self._asked
        return Asked(float(at), version)

    def known(self) -> Release | None:
        """The newer version, as far as it was ever heard of."""
        asked = self.last_asked()
        return None if asked is None else newer_than(__version__, asked.version)

    def check_now(self) -> Release | None:
        """Ask, because the person says so; the newer version, None where this is the newest. Blocks for seconds.
        Raises UpdatesUnknown."""
        try:
            asked = Asked(self._now(), self._ask())
        except FeedUnreachable:
            raise
        except UpdatesUnknown:
            # It was asked all the same; what it said before still holds.
            before = self.last_asked()
            self._keep(Asked(self._now(), before.version if before else None))
            raise
        self._keep(asked)
        return self.tell()

    def check_if_due(self) -> None:
        """Ask if the person wants it and the last time is a day ago. Failures are a line in the log. Blocks."""
        if not self.on or self._seconds_until_due() > 0:
            return
        # Whatever the wall's clock does meanwhile, and where nobody answers.
        self._not_before = time.monotonic() + _HOUR
        try:
            self.check_now()
        except UpdatesUnknown as error:
            log.info("%s", error)

    def _seconds_until_due(self) -> float:
        asked = self.last_asked()
        age = _DAY if asked is None else self._now() - asked.at
        # A last time in the future is a clock that was set back.
        by_the_wall = _DAY - age if 0 <= age < _DAY else 0.0
        return max(by_the_wall, self._not_before - time.monotonic())

    def tell(self) -> Release | None:
        """Post what is known to the board."""
        release = self.known()
        self._board.post(update=release)
        return release

    def _keep(self, asked: Asked) -> None:
        self._asked = asked
        try:
            write_private(self._path, json_codec.encode({"asked_at": asked.at, "version": asked.version}))
        except OSError as error:
            log.warning("what the releases feed said cannot be kept: %s", error.strerror)

    def _ask(self) -> str | None:
        """The newest version that the feed names, None where there is no release."""
        import ssl

        import httpx
        import truststore

        from .environment_proxy import proxy_for, without_userinfo
        from .upstreams.anthropic_http import USER_AGENT

        headers = {"accept": "application/vnd.github+json", "user-agent": USER_AGENT}
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        body = b""
        try:
            with (
                httpx.Client(
                    verify=context,
                    proxy=proxy_for(self._feed, self._environ),
                    trust_env=False,
                    timeout=_SECONDS,
                    follow_redirects=True,
                ) as client,
                client.stream("GET", self._feed, headers=headers) as answer,
            ):
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _LARGEST_ANSWER:
                        raise UpdatesUnknown("The releases feed sent more than it should.")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            why = without_userinfo(str(error)) or type(error).__name__
            raise FeedUnreachable(f"The releases feed cannot be reached: {why}. Check the network.") from error
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise UpdatesUnknown(f"The releases feed answered with status {answer.status_code}. Try again later.")
        return _named_version(body)


class DailyCheck:
    """Asks once a day for as long as the settings say so. While they do not, nothing runs and nothing wakes up."""

    def __init__(self, check: UpdateCheck, settings: SettingsStore) -> None:
        self._check = check
        self._settings = settings
        self._lock = threading.Lock()
        # Set, it ends the thread that runs.
        self._leave: threading.Event | None = None
        self._forget: Callable[[], None] | None = None

    def start(self) -> None:
        """Returns at once. What was heard before is told at once, too."""
        self._check.tell()
        self._forget = self._settings.listen(self._take_up)
        self._take_up(self._settings.current)

    def stop(self) -> None:
        """A question that is under way ends by itself."""
        if self._forget is not None:
            self._forget()
        self._end()

    def _take_up(self, settings: Settings) -> None:
        if not settings.check_updates:
            self._end()
            return
        with self._lock:
            if self._leave is None:
                self._leave = threading.Event()
                threading.Thread(target=self._run, args=(self._leave,), name="updates", daemon=True).start()

    def _end(self) -> None:
        with self._lock:
            if self._leave is not None:
                self._leave.set()
                self._leave = None

    def _run(self, leave: threading.Event) -> None:
        while not leave.is_set():
            self._check.check_if_due()
            # The machine may sleep meanwhile: within an hour of use it is seen that a day has passed.
            leave.wait(_HOUR)


def newer_than(own: str, version: str | None) -> Release | None:
    """The release of `version` where it is newer than `own`."""
    if version is None or _order(version) <= _order(own):
        return None
    return Release(version, f"{RELEASES_URL}/tag/v{version}")


def _named_version(body: bytes) -> str:
    try:
        tag = object_or_empty(json_codec.decode(body)).get("tag_name")
    except json_codec.JSONError:
        tag = None
    version = tag.removeprefix("v") if isinstance(tag, str) else tag
    if not _is_version(version):
        raise UpdatesUnknown("The releases feed names no version.")
    return str(version)


def _is_version(value: object) -> bool:
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None


def _order(version: str) -> tuple[int, ...]:
    """Sorts as the versions follow each other: 1.9.0 < 1.10.0rc1 < 1.10.0."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return ()
    major, minor, patch, stage, number = found.groups()
    return int(major), int(minor), int(patch), _STAGES[stage], int(number or 0)
