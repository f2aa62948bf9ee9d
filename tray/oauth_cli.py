"""`login --oauth` in a terminal: shows the sign-in's progress, and takes what the person pastes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping

import click

from core.credentials.desk import Progress, SignInDesk
from core.credentials.oauth_flow import OAuthSignIn
from core.credentials.own_oauth import OwnOAuth
from core.paths import Paths
from core.settings import SettingsStore

from .opening import open_for_person

_LONGEST_LINE = 64 * 1024
_LOOK_SECONDS = 0.2


def sign_in_with_own_app(store: SettingsStore, paths: Paths, environ: Mapping[str, str], *, browser: bool) -> str:
    """Sign in; what became of it, in a sentence. Raises click's exceptions."""
    desk = SignInDesk()
    ended = threading.Event()
    desk.listen(_Teller(ended).tell)
    opener = _opener(environ) if browser else None
    desk.start(OAuthSignIn(lambda: store.current, OwnOAuth(paths, environ), environ, open_browser=opener))
    threading.Thread(target=_hand_on_lines, args=(desk,), name="pasted code", daemon=True).start()
    try:
        # In short waits, as on Windows a long one cannot be interrupted by Ctrl-C.
        while not ended.wait(_LOOK_SECONDS):
            pass
    except KeyboardInterrupt:
        desk.cancel()
        desk.wait(10)
        raise
    progress = desk.progress
    assert progress is not None
    if progress.state != "succeeded":
        raise click.ClickException(progress.message)
    return progress.message


class _Teller:
    """Prints what is new in each progress."""

    def __init__(self, ended: threading.Event) -> None:
        self._ended = ended
        self._told = 0
        self._url: str | None = None

    def tell(self, progress: Progress) -> None:
        if progress.url is not None and progress.url != self._url:
            self._url = progress.url
            click.echo(f"\n{progress.url}\n")
        for line in progress.lines[self._told :]:
            click.echo(line)
        self._told = len(progress.lines)
        if progress.ended:
            self._ended.set()


def _opener(environ: Mapping[str, str]) -> Callable[[str], bool]:
    def open_page(url: str) -> bool:
        has_screen = sys.platform in ("win32", "darwin") or any(
            environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
        )
        # Without a screen a browser of the terminal would start, and take the terminal from us.
        return has_screen and open_for_person(url, environ)

    return open_page


def _hand_on_lines(desk: SignInDesk) -> None:
    """What is typed or pasted, to the desk, until nothing more can come."""
    line = b""
    while True:
        try:
            # Not through `sys.stdin`, whose lock this thread would still hold when the program ends.
            part = os.read(0, 4096)
        except OSError:
            return
        line += part
        while b"\n" in line:
            first, _, line = line.partition(b"\n")
            desk.paste(first.decode("utf-8", "replace"))
        if not part or len(line) > _LONGEST_LINE:
            desk.paste(line.decode("utf-8", "replace"))
            return
