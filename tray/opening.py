"""Opening a page or a folder with the person's own program, and so that it survives us."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Mapping, Sequence

from core.programs import NO_WINDOW, child_environment

# A failure shows soon; some openers stay as long as the browser that they started.
_SECONDS = 2.0


def open_for_person(target: str, environ: Mapping[str, str]) -> bool:
    """Open the address or folder `target`; False where nothing on this machine can."""
    if sys.platform == "win32":
        try:
            os.startfile(target)  # noqa: S606  # the person's own program for it, by the system
        except OSError:
            return False
        return True
    command = _command(target, environ)
    if command is None:
        # Whatever browser the standard library knows of.
        return "://" in target and webbrowser.open(target)
    return _start(command, environ)


def has_screen(environ: Mapping[str, str]) -> bool:
    """Whether this process belongs to a desktop that a person looks at."""
    if sys.platform == "win32":
        return True
    if sys.platform == "darwin":
        # Who comes over the network sees another screen.
        return not environ.get("SSH_CONNECTION")
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def page_opener(environ: Mapping[str, str]) -> Callable[[str], bool]:
    """What opens a page for a person at a terminal; whether it did."""
    # Without a screen a browser of the terminal would start, and take the terminal from us.
    return lambda url: has_screen(environ) and open_for_person(url, environ)


def _command(target: str, environ: Mapping[str, str]) -> Sequence[str] | None:
    path = environ.get("PATH")
    if sys.platform == "darwin":
        return ["/usr/bin/open", target]
    opener = shutil.which("xdg-open", path=path)
    if opener is None:
        return None
    runner = shutil.which("systemd-run", path=path)
    if environ.get("INVOCATION_ID") and runner is not None:
        # systemd started us: what we start lies in our control group and would end together with us.
        return [runner, "--user", "--quiet", "--collect", "--", opener, target]
    return [opener, target]


def _start(command: Sequence[str], environ: Mapping[str, str]) -> bool:
    try:
        child = subprocess.Popen(
            command,
            env=child_environment(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=NO_WINDOW,
        )
    except OSError:
        return False
    try:
        return child.wait(_SECONDS) == 0
    except subprocess.TimeoutExpired:
        # Some openers stay as long as the browser does. It is reaped when it ends.
        _reap(child)
        return True


def _reap(child: subprocess.Popen[bytes]) -> None:
    import threading

    threading.Thread(target=child.wait, name="opened", daemon=True).start()
