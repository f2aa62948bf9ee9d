"""`--selftest`: whether this copy of the program is whole and works on this machine, told a line for each part.

Everything happens in a folder that is deleted at the end, and on a port of its own: settings, sign-ins, the system's
start at login and a proxy that runs are not touched.
"""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from core import __version__
from core.paths import Paths
from core.settings import Settings, SettingsStore

from .client import LocalProxy
from .tray_trial import Broken, show_icon

Announce = Callable[[str], None]

_FILES = ("", "dashboard/app.js", "dashboard/style.css", "dashboard/pages/overview.js", "dashboard/icon.svg")
_SAID = "Is everything there?"

_SECONDS_TO_START = 60.0

# Where truststore looks as well when OpenSSL, which is built into the program, knows another system's places.
_ROOTS = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the test happens: a home that is empty, and an environment that knows of nothing else."""

    home: Path
    environ: Mapping[str, str]

    @property
    def paths(self) -> Paths:
        return Paths.find(self.environ)


def run(announce: Announce, environ: Mapping[str, str] = os.environ) -> int:
    """The exit code. Only the main thread may call: the icon belongs to it."""
    kind = "frozen" if _frozen() else "from source"
    announce(f"CLIProxyAPI {__version__} ({kind}), Python {platform.python_version()} on {platform.platform()}")
    with tempfile.TemporaryDirectory(prefix="cliproxyapi-selftest-", ignore_cleanup_errors=True) as home:
        place = Place(Path(home), _environment(home, environ))
        failures = sum(not _passes(name, check, announce) for name, check in _checks(place, environ))
    announce("All is well." if not failures else f"{failures} of these do not work.")
    return int(failures > 0)


def _checks(place: Place, environ: Mapping[str, str]) -> Generator[tuple[str, Callable[[], str]]]:
    with ExitStack() as stack:

        def start() -> str:
            proxies.append(stack.enter_context(_demo(place)))
            return f"answers at {proxies[0].url}"

        proxies: list[LocalProxy] = []
        yield "server", start
        yield "chat", lambda: _chat(_only(proxies))
        yield "dashboard", lambda: _dashboard(_only(proxies).url)
    yield "icons", _icons
    yield "tray", lambda: show_icon(environ)
    yield "TLS trust", _trust
    yield "start at login", lambda: _autostart(place)
    yield "keyring", _keyring
    yield "local time", _local_time
    yield "children", lambda: _children(environ)
    yield "licences", _licences


def _passes(name: str, check: Callable[[], str], announce: Announce) -> bool:
    try:
        found, told = True, check()
    except Exception as error:
        # Whatever it is: the next one is to be told as well.
        found, told = False, f"{type(error).__name__}: {error}" if not isinstance(error, Broken) else str(error)
    announce(f"{'ok    ' if found else 'FAILED'}  {name}: {told}")
    return found


def _frozen() -> bool:
    return bool(getattr(sys, "frozen", False))


def _environment(home: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Nothing of a person's own, and no session bus: a system that runs is not told what to start at login."""
    kept = {name: environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMPDIR") if name in environ}
    return kept | dict.fromkeys(("HOME", "CLIPROXYAPI_CONFIG_DIR", "CLIPROXYAPI_DATA_DIR"), home)


def _only(proxies: list[LocalProxy]) -> LocalProxy:
    if not proxies:
        raise Broken("there is no server")
    return proxies[0]


# -- the proxy


@contextmanager
def _demo(place: Place) -> Generator[LocalProxy]:
    from .program import Program

    store = SettingsStore(place.paths, place.environ, {"port": 0, "route": "demo"})
    program = Program(store, place.paths, place.environ)
    try:
        if not program.start():
            failure = program.board.status.failure
            raise Broken(failure.message if failure else "it did not start")
        here: Settings = replace(store.current, port=program.board.status.port or 0)
        with LocalProxy(here) as proxy:
            yield proxy
    finally:
        program.close()


def _chat(proxy: LocalProxy) -> str:
    parts: list[str] = []
    proxy.chat(_SAID, "claude-sonnet-4-6", parts.append)
    if len(parts) < 2 or "[demo]" not in "".join(parts):
        raise Broken(f"not the streamed answer of the demo: {''.join(parts)!r}")
    return f"an answer came in {len(parts)} parts"


def _dashboard(root: str) -> str:
    import httpx

    with httpx.Client(trust_env=False, timeout=30, headers={"accept": "text/html"}) as client:
        answers = [client.get(f"{root}/{name}") for name in _FILES]
    for name, answer in zip(_FILES, answers, strict=True):
        if answer.status_code != 200 or not answer.content:
            raise Broken(f"/{name} is answered with status {answer.status_code}")
    return f"{len(answers)} of its files are served"


# -- the desktop


def _icons() -> str:
    from .icon_drawing import COLOURS, STATES, draw, draw_program

    pictures = [draw(state, 22, ink) for state in STATES for ink in COLOURS]
    if not all(picture.getbbox() for picture in [*pictures, draw_program(64)]):
        raise Broken("one is empty")
    return f"all {len(STATES)} states are drawn"


# -- the system


def _trust() -> str:
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    if sys.platform == "darwin":
        return "certificates are judged by the system"
    if not (ssl.create_default_context().cert_store_stats()["x509_ca"] or _has_root_files()):
        raise Broken("this system trusts no certificate authority: install its ca-certificates")
    return "certificates are judged by those that this system trusts"


def _has_root_files() -> bool:
    folder = ssl.get_default_verify_paths().capath
    # OpenSSL finds an authority by such a name, and only when it is asked for.
    return any(map(os.path.isfile, _ROOTS)) or any(Path(folder or os.devnull).glob("????????.[0-9]"))


def _autostart(place: Place) -> str:
    """Where the system would have to be told, nothing is written: what would be is read back."""
    program = place.home / ("CLIProxyAPI.exe" if sys.platform == "win32" else "cliproxyapi")
    program.touch(mode=0o755)
    if sys.platform == "win32":
        from installers.windows_run import parse_command, render_command

        if parse_command(render_command(program))[0] != str(program):
            raise Broken("the Run value does not start the program")
        return "the Run value is right"
    if sys.platform == "darwin":
        import plistlib

        from installers.launch_agent import render_agent

        agent = plistlib.loads(render_agent(program, place.paths.agent_log_file).encode())
        if agent["ProgramArguments"][0] != str(program):
            raise Broken("the launch agent does not start the program")
        return "the launch agent is right"
    return _autostart_by_the_desktop(place, program)


def _autostart_by_the_desktop(place: Place, program: Path) -> str:
    from installers.xdg_autostart import XdgAutostart

    entry = XdgAutostart(place.environ, place.home, place.paths.launcher)
    entry.write(program)
    if (state := entry.read(program)).condition != "on":
        raise Broken(state.sentence)
    entry.remove()
    if (state := entry.read(program)).condition != "off":
        raise Broken(state.sentence)
    return "an entry is written, read back and taken away"


def _keyring() -> str:
    """Which one there is. Nothing is read from it."""
    import keyring
    import keyring.backend

    if not keyring.backend.get_all_keyring():
        raise Broken("no kind of keyring is known")
    chosen = keyring.get_keyring()
    return f"{type(chosen).__module__}.{type(chosen).__qualname__}"


def _local_time() -> str:
    now = datetime.now().astimezone()
    return f"{now:%H:%M} {now.tzname()} ({now:%z})"


def _children(environ: Mapping[str, str]) -> str:
    """A program that we start may well start us again."""
    from core.programs import NO_WINDOW, child_environment

    command = [sys.executable] if _frozen() else [sys.executable, "-m", "tray"]
    done = subprocess.run(
        [*command, "--version"],
        env=child_environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS_TO_START,
        check=False,
        creationflags=NO_WINDOW,
    )
    if done.returncode != 0 or __version__ not in done.stdout:
        raise Broken(f"this program does not run as a child of its own: exit code {done.returncode}, {done.stderr!r}")
    return "this program runs as a child of its own"


def _licences() -> str:
    from core.licences import packages, text

    named = packages()
    if not {"pystray", "uvicorn"} <= {package.name for package in named}:
        raise Broken(f"not all packages are named: {len(named)}")
    if "GNU LESSER GENERAL PUBLIC LICENSE" not in text():
        raise Broken("the texts are not there")
    return f"of {len(named)} packages"
