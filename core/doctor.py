"""What a doctor would look at: sign-ins, the way to Claude, the port, the programs beside us, and what to do.

Each check takes what it looks at and returns findings; only `examine` knows where all of that comes from.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from . import __version__, json_codec
from .claude_cli import INSTALL_COMMAND, ClaudeCLI
from .credentials.claude_login import TOKEN_VARIABLE, ClaudeLogin, ClaudeLoginStore
from .credentials.stores import Stores
from .environment_proxy import proxy_for, without_userinfo
from .errors import CredentialLocked, NotSignedIn
from .gateway import local_time
from .instance import Instance, running_instances
from .json_codec import object_or_empty
from .paths import Paths
from .routes import RouteTable
from .routes.kind import DEMO_STEP
from .settings import SettingsStore
from .status import SignIn, StatusBoard
from .updates import UpdateCheck

Verdict = Literal["ok", "note", "problem"]

_SECONDS = 10.0
_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw. `todo` is what a person should do about it."""

    check: str
    verdict: Verdict
    said: str
    todo: str | None = None


async def examine(
    paths: Paths, settings: SettingsStore, environ: Mapping[str, str], program: Path | None
) -> list[Finding]:
    """Everything; `program` is this one, where it is known.

    Takes seconds: it talks to the network, and starts other programs to ask for their versions.
    """
    stores = Stores.open(paths, environ, lambda: settings.current)
    routes = RouteTable(settings, stores, StatusBoard(), paths)
    instances = running_instances(paths)
    current = settings.current
    return [
        own_program(environ, program),
        *(Finding("settings", "note", warning, "Correct it, or take it out.") for warning in settings.warnings),
        *running(instances),
        *chosen(await routes.sign_in(), await routes.options(), current.route, time.time()),
        *claude_logins(stores.logins),
        *api_keys(stores),
        *console_profiles(stores, current.console_profile),
        *private_files(paths),
        claude_code(stores.claude),
        *upstream(current.upstream_url, environ),
        *port(current.host, current.port, instances),
        *loopback_proxies(environ),
        updates(UpdateCheck(paths, settings, StatusBoard(), environ)),
    ]


def chosen(sign_in: SignIn, options: Sequence[SignIn], route: str, now: float) -> list[Finding]:
    """Which way the next request takes and why, and how the others stand."""
    why = "as the setting route says" if route != "auto" else "the first of those that can work"
    said = f"A proxy that starts takes the route {sign_in.route}, {why}; it is {_stands(sign_in, now)}."
    todo = sign_in.missing or _TODO.get(sign_in.state)
    if sign_in.route == "auto":
        said, todo = "There is no way to reach Claude yet.", f"Take one of those below. {DEMO_STEP}"
    verdict: Verdict = "ok" if sign_in.usable else "problem"
    findings = [Finding("route", verdict, said, None if verdict == "ok" else todo)]
    findings += [
        Finding("route", "note", f"The route {option.route} is {_stands(option, now)}.", option.missing)
        for option in options
        if option.route not in (sign_in.route, "demo")
    ]
    return findings


def running(instances: Sequence[Instance]) -> list[Finding]:
    """How the proxies that run see their sign-in: only they know what was refused, or could not be renewed."""
    return [_health_of(instance) for instance in instances]


def claude_logins(store: ClaudeLoginStore) -> list[Finding]:
    """Each Claude sign-in that lies on this machine, and the one that counts."""
    findings: list[Finding] = []
    try:
        used = store.find()
    except NotSignedIn:
        used = None
    if used is not None and used.source == TOKEN_VARIABLE:
        findings.append(Finding("claude sign-in", "ok", f"{TOKEN_VARIABLE} is set, and counts before any other."))
    for login in store.all():
        if isinstance(login, ClaudeLogin):
            counts = ", which counts" if used is not None and used.source == login.source else ""
            until = _until(login.expires_at, time.time())
            findings.append(Finding("claude sign-in", "ok", f"There is one in {login.source}{counts}; {until}."))
        else:
            findings.append(Finding("claude sign-in", "problem", f"{login.problem}.", "Run `claude auth login`."))
    for path in store.files():
        findings += _open_to_others(path, "claude sign-in")
    if store.keychain.denied:
        todo = "Run `cliproxyapi login --claude` and choose Always Allow."
        said = f"The system did not give out {store.keychain.source}."
        findings.append(Finding("claude sign-in", "problem", said, todo))
    return findings


def api_keys(stores: Stores) -> list[Finding]:
    findings: list[Finding] = []
    try:
        key = stores.api_keys.stored()
    except CredentialLocked as error:
        return [Finding("api key", "problem", error.message, "Unlock the keyring.")]
    if key is not None:
        findings.append(Finding("api key", "ok", f"One is stored in {key.source}."))
    if stores.api_keys.from_environment():
        said = "ANTHROPIC_API_KEY is set; it is used only where there is no other way."
        findings.append(Finding("api key", "note", said))
    return findings


def console_profiles(stores: Stores, wanted: str | None) -> list[Finding]:
    profiles = stores.profiles.profiles
    findings: list[Finding] = []
    names = {*profiles.names(), wanted} if wanted else set(profiles.names())
    for name in sorted(names):
        counts = ", which is chosen here" if name == wanted else ", which is not chosen here"
        try:
            token = profiles.read(name)
        except NotSignedIn as error:
            findings.append(Finding("console", "problem" if name == wanted else "note", error.message))
            continue
        until = _until(token.expires_at, time.time()) if token else "it holds no token"
        findings.append(Finding("console", "ok", f"There is a profile {name!r}{counts}; {until}."))
    return findings


def private_files(paths: Paths) -> list[Finding]:
    """Files of ours that hold a secret."""
    return [
        finding
        for path in (paths.api_key_file, paths.oauth_file, paths.config_file)
        for finding in _open_to_others(path, "files")
    ]


def claude_code(claude: ClaudeCLI) -> Finding:
    installation = claude.find(afresh=True)
    if installation is None:
        todo = f"`{INSTALL_COMMAND}` installs it; where it is installed, name it in the setting claude_path."
        return Finding("claude code", "note", "Claude Code is not found.", todo)
    status = claude.auth_status(afresh=True)
    found = f"Claude Code {installation.version.partition(' ')[0]} is at {installation.path}"
    if status is None:
        todo = "Update it: `claude update`."
        return Finding("claude code", "problem", f"{found}, and does not answer `claude auth status`.", todo)
    if not status.logged_in:
        return Finding("claude code", "note", f"{found}, and is not signed in.", "Run `cliproxyapi login --claude`.")
    plan = f" ({status.plan} plan)" if status.plan else ""
    return Finding("claude code", "ok", f"{found}, and is signed in{plan}.")


def upstream(url: str, environ: Mapping[str, str]) -> list[Finding]:
    """The way to Claude, step by step: the first that fails is the one to look at."""
    parts = urlsplit(url)
    proxy = proxy_for(url, environ)
    findings: list[Finding] = []
    host, port_number = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if proxy is not None:
        shown = without_userinfo(proxy)
        findings.append(Finding("upstream", "note", f"Requests to {host} go through the proxy {shown}."))
        through = urlsplit(proxy)
        host, port_number = through.hostname or "", through.port or (443 if through.scheme == "https" else 80)
    try:
        address = socket.getaddrinfo(host, port_number, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        todo = "Check the network connection, and HTTPS_PROXY if this machine needs a proxy."
        return [*findings, Finding("upstream", "problem", f"DNS: {host} is not found ({error.strerror}).", todo)]
    findings.append(Finding("upstream", "ok", f"DNS: {host} is {address}."))
    try:
        connection = socket.create_connection((host, port_number), timeout=_SECONDS)
    except OSError as error:
        todo = "Check the network connection, a firewall, and HTTPS_PROXY if this machine needs a proxy."
        said = f"TCP: no connection to {host} port {port_number} ({error.strerror or error})."
        return [*findings, Finding("upstream", "problem", said, todo)]
    with connection:
        findings.append(Finding("upstream", "ok", f"TCP: {host} port {port_number} answers."))
        if proxy is None and parts.scheme == "https":
            findings.append(_tls(connection, host))
    if proxy is not None or parts.scheme != "https" or findings[-1].verdict == "ok":
        findings.append(_asked(url, proxy))
    return findings


def port(host: str, number: int, instances: Sequence[Instance]) -> list[Finding]:
    """Whether we can listen, or who does."""
    from .server.holder import who_holds

    findings = [
        Finding("port", "ok", f"A proxy of yours runs on {instance.host} port {instance.port}.")
        for instance in instances
    ]
    if number == 0 or any(instance.port == number for instance in instances):
        return findings
    try:
        with socket.create_connection((host, number), timeout=1):
            pass
    except OSError:
        return [*findings, Finding("port", "ok", f"Port {number} on {host} is free.")]
    holder = who_holds(host, number) or "another program"
    todo = "Stop it, or choose another port: the setting port, or --port."
    return [*findings, Finding("port", "problem", f"Port {number} on {host} is in use by {holder}.", todo)]


def loopback_proxies(environ: Mapping[str, str]) -> list[Finding]:
    """Programs that ask an HTTP proxy for 127.0.0.1 do not reach us."""
    named = next((name for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY") if environ.get(name)), None)
    if named is None:
        return []
    excepted = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    names = [name.strip() for name in excepted.split(",") if name.strip()]
    if "*" in names or all(name in names for name in _LOOPBACK):
        return []
    wanted = ",".join(dict.fromkeys([*names, *_LOOPBACK]))
    line = f"set NO_PROXY={wanted}" if sys.platform == "win32" else f"export NO_PROXY={wanted} no_proxy={wanted}"
    said = f"{named} is set, and NO_PROXY leaves out 127.0.0.1: programs may ask that proxy for this one."
    return [Finding("proxy", "problem", said, f"Add this line to your shell's profile: {line}")]


def updates(check: UpdateCheck) -> Finding:
    """What the releases feed said last; it is not asked for this."""
    asked, newer = check.last_asked(), check.known()
    if newer is not None:
        todo = f"Install it the way that this one was installed; {newer.url} says what is new."
        return Finding("updates", "note", f"Version {newer.version} is out.", todo)
    if asked is None or not check.on:
        todo = "`check_updates = true` in the settings asks once a day, the dashboard's page About when you click."
        return Finding("updates", "note", "Nobody looks for updates.", None if check.on else todo)
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(asked.at))
    return Finding("updates", "ok", f"There was no newer version {moment}.")


def own_program(environ: Mapping[str, str], program: Path | None) -> Finding:
    """Which program a terminal starts by our name: `program` is this one. Homebrew's formula of that name is another.

    The other one is not started to ask for its version: it may be a server that knows no such question.
    """
    found = shutil.which("cliproxyapi", path=environ.get("PATH"))
    said = f"CLIProxyAPI {__version__}, Python {sys.version.split()[0]}, {sys.platform}"
    if found is None:
        return Finding("program", "note", f"{said}; there is no `cliproxyapi` on the PATH.")
    if program is not None and _same_file(Path(found), program):
        return Finding("program", "ok", f"{said}; `cliproxyapi` on the PATH is {found}.")
    here = f"this one runs from {program}" if program is not None else "this one runs from a folder of its own"
    if any(part in ("homebrew", "linuxbrew", "Cellar") for part in Path(found).resolve().parts):
        todo = "Homebrew's formula of that name is another program: call this one by its full path, or unlink that one."
        said = f"{said}; `cliproxyapi` on the PATH is Homebrew's {found}, and {here}."
        return Finding("program", "problem", said, todo)
    todo = f"`{found} --version` says `cliproxyapi` and one number if it is a copy of this program; keep one of them."
    return Finding("program", "note", f"{said}; `cliproxyapi` on the PATH is {found}, and {here}.", todo)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False


def _health_of(instance: Instance) -> Finding:
    import httpx

    where = f"the proxy of yours on port {instance.port}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(instance.host, instance.host)  # noqa: S104
    root = f"http://{f'[{host}]' if ':' in host else host}:{instance.port}"
    token = {"x-cliproxyapi-token": instance.token}
    try:
        with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
            health = object_or_empty(json_codec.decode(client.get(f"{root}/health").content))
            snapshot = object_or_empty(json_codec.decode(client.get(f"{root}/api/status", headers=token).content))
    except (httpx.HTTPError, json_codec.JSONError) as error:
        todo = "Stop it and start it again; `cliproxyapi logs` may tell why."
        return Finding("running", "problem", f"{where.capitalize()} does not answer ({type(error).__name__}).", todo)
    state = str(object_or_empty(health.get("auth")).get("state"))
    words = f"{where.capitalize()} takes the route {health.get('route')}; its sign-in: {state.replace('_', ' ')}."
    todo = _TODO.get(state)
    refused = _passed_over(object_or_empty(snapshot.get("refused")), health.get("route"))
    last = object_or_empty(health.get("upstream")).get("last_error")
    said = " ".join([words, *refused, f"Its last error: {last or 'none'}."])
    return Finding("running", "problem" if todo else "note" if refused else "ok", said, todo)


def _passed_over(refused: Mapping[str, Any], serving: object) -> list[str]:
    """A sentence about the sign-in that Claude refused, where another one serves in its place."""
    route, since = refused.get("route"), refused.get("refused_at")
    if route == serving or not isinstance(since, (int, float)):
        return []
    return [
        f"Claude has refused the route {route} since {local_time(since)}: it is not tried again until its sign-in "
        "changes, or `cliproxyapi login --claude` asks for it."
    ]


def _tls(connection: socket.socket, host: str) -> Finding:
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        with context.wrap_socket(connection, server_hostname=host) as secure:
            return Finding("upstream", "ok", f"TLS: {host} proves who it is ({secure.version()}).")
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "verify_message", None) or getattr(error, "reason", None) or error
        todo = "If a company's proxy reads along, its certificate must be trusted by this system."
        return Finding("upstream", "problem", f"TLS: {host} does not prove who it is ({why}).", todo)


def _asked(url: str, proxy: str | None) -> Finding:
    """One request without any credential: whatever it answers, it is there."""
    import httpx
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    headers = {"user-agent": f"cliproxyapi/{__version__}"}
    try:
        with httpx.Client(verify=context, proxy=proxy, trust_env=False, timeout=_SECONDS) as client:
            answer = client.get(f"{url}/v1/models", headers=headers)
    except (httpx.HTTPError, ValueError) as error:
        through = f" through the proxy {without_userinfo(proxy)}" if proxy else ""
        why = without_userinfo(str(error)) or type(error).__name__
        todo = "Check the proxy's address, user and password." if proxy else "Try again, and check for a firewall."
        return Finding("upstream", "problem", f"HTTP: {url} does not answer{through} ({why}).", todo)
    return Finding("upstream", "ok", f"HTTP: {url} answers (status {answer.status_code} to a request without a key).")


def _open_to_others(path: Path, check: str) -> list[Finding]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return []
    if os.name == "nt" or not mode & 0o077:
        return []
    said = f"{path} can be read by other users of this machine (mode {mode:o})."
    return [Finding(check, "problem", said, f"Run `chmod 600 {path}`.")]


def _stands(sign_in: SignIn, now: float) -> str:
    words = sign_in.state.replace("_", " ")
    source = f", from {sign_in.source}" if sign_in.source else ""
    until = f"; {_until(sign_in.expires_at, now)}" if sign_in.expires_at else ""
    return f"{words}{source}{until}"


def _until(expires_at: float | None, now: float) -> str:
    if expires_at is None:
        return "it does not say when it expires"
    try:
        moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(expires_at))
    except (ValueError, OverflowError, OSError):
        return "it never expires"
    return f"it expires {moment}" if expires_at > now else f"it expired {moment}"


_TODO: Mapping[str, str] = {
    "refused": "Claude refused this sign-in: choose another route, or try again with `cliproxyapi login --claude`.",
    "not_signed_in": "Sign in with `cliproxyapi login`.",
    "locked": "Unlock the system's keyring.",
    "renewal_failed": "Sign in again with `cliproxyapi login`.",
    "damaged": "Sign in again with `cliproxyapi login`.",
}
