"""The menu and the icon, as a pure function of what is known: read it in a test without a screen.

Clock times and no countdowns: the menu is drawn again only when its text changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.settings import ROUTES
from core.status import Failure, LimitWindow, Problem, SignIn, Status

from .entries import SEPARATOR, Appearance, Entry, IconState, without_idle_separators

AutostartState = Literal["off", "on", "moved", "switched_off", "foreign"]

ROUTE_NAMES: Mapping[str, str] = {
    "auto": "Automatic",
    "direct": "Claude Sign-In",
    "claude-code": "Claude Code",
    "console": "Console",
    "api-key": "API Key",
    "demo": "Demo",
}
_PLANS: Mapping[str, str] = {"max": "Claude Max", "pro": "Claude Pro", "team": "Claude Team", "free": "Claude Free"}

# Figures older than this are told with the time at which they were true.
_OLD_SECONDS = 600.0
_NEEDED = frozenset({"not_signed_in", "renewal_failed", "damaged", "locked"})


@dataclass(frozen=True, slots=True)
class View:
    """What the menu is made of. `options` is every route as it stands; `methods` the sign-ins that there are, by kind;
    `autostart` is None where this program cannot be started at login; `free_port` is one to take where the own one is
    in use; `now` in seconds since 1970."""

    status: Status
    route: str
    options: tuple[SignIn, ...] = ()
    methods: tuple[str, ...] = ()
    autostart: AutostartState | None = None
    free_port: int | None = None
    signing_in: bool = False
    mask_account: bool = False
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class _Headline:
    """The state in words: the icon, the first line, and what to do about it (verb and label)."""

    icon: IconState
    line: str
    remedy: tuple[str, str] | None = None


def entries(view: View) -> list[Entry]:
    """The whole menu."""
    return without_idle_separators(
        [
            *_about_now(view),
            SEPARATOR,
            Entry(_open_dashboard(view.status), "open_dashboard", default=True),
            Entry("Copy Base URL", "copy_base_url", enabled=view.status.port is not None),
            SEPARATOR,
            *_server(view.status),
            Entry("Route", submenu=tuple(_routes(view))),
            Entry("Account", submenu=tuple(_account(view))),
            SEPARATOR,
            *_autostart(view.autostart),
            Entry("Settings…", "open_settings", enabled=view.status.running),
            Entry("Help", submenu=tuple(_help(view.status))),
            SEPARATOR,
            Entry("Quit CLIProxyAPI", "quit"),
        ]
    )


def appearance(view: View) -> Appearance:
    """The icon and what hovering shows, at most 127 characters, as Windows cuts it there."""
    headline = _headline(view)
    figure = _figure(view)
    tooltip = f"CLIProxyAPI: {headline.line}" + (f" · {figure}" if figure else "")
    return Appearance(headline.icon, f"CLIProxyAPI: {headline.line}", tooltip[:127])


def _open_dashboard(status: Status) -> str:
    """The dashboard comes from the server."""
    return "Open Dashboard" if status.server in ("running", "starting") else "Start Server and Open Dashboard"


def _help(status: Status) -> list[Entry]:
    return [
        Entry("Open Log Folder", "open_log_folder"),
        Entry("Copy Diagnostics", "copy_diagnostics"),
        Entry("Check for Updates", "check_updates"),
        Entry("About", "open_about", enabled=status.running),
    ]


def _about_now(view: View) -> list[Entry]:
    headline = _headline(view)
    lines = [Entry(headline.line)]
    lines += [Entry(text) for text in (_who(view), passed_over(view.status), _windows(view)) if text]
    if headline.remedy is not None:
        verb, label = headline.remedy
        lines.append(Entry(label, f"remedy:{verb}"))
    return lines


def _headline(view: View) -> _Headline:
    """The first state that holds."""
    status, sign_in = view.status, view.status.sign_in
    match status.server:
        case "failed":
            return _failed(status.failure, status.port, view.free_port)
        case "stopped":
            return _Headline("stopped", "Stopped")
        case "starting":
            return _Headline("starting", "Starting…")
        case "running":
            pass
    problem = status.problem
    if sign_in is not None and sign_in.state in _NEEDED:
        return _Headline("sign_in_needed", *_needed(sign_in, view.methods))
    if (problem is not None and problem.kind == "refused") or (sign_in is not None and sign_in.state == "refused"):
        return _Headline("not_accepted", "Running: Login Not Accepted", ("choose_route", "Choose Another Route…"))
    if problem is not None and problem.kind == "unreachable":
        remedy = ("check_connection", "Check Connection Now")
        return _Headline("unreachable", "Running: Claude Unreachable", remedy)
    if limit_holds(problem, view.now):
        return _Headline("limit", "Running: Limit Reached", ("see_limits", "See When It Resets…"))
    address = f"{status.address or '127.0.0.1'}:{status.port}"
    demo = sign_in is not None and sign_in.route == "demo"
    return _Headline("running", f"Demo on {address}" if demo else f"Running on {address}")


def _failed(failure: Failure | None, port: int | None, free_port: int | None) -> _Headline:
    match failure:
        case Failure(kind="port_in_use", holder=None):
            return _Headline("failed", "Not Running: Address Not Available", ("start_server", "Try Again"))
        case Failure(kind="port_in_use"):
            remedy = ("change_port", f"Change Port to {free_port}") if free_port else None
            return _Headline("failed", f"Not Running: Port {port} in Use", remedy)
        case Failure(kind="settings"):
            return _Headline(
                "failed", "Not Running: Settings Not Understood", ("open_config", "Open the Settings File")
            )
        case _:
            return _Headline("failed", "Not Running: The Server Stopped", ("start_server", "Start Server"))


def _needed(sign_in: SignIn, methods: Sequence[str]) -> tuple[str, tuple[str, str]]:
    if sign_in.state == "locked":
        return "Running: Keyring Locked", ("unlock", "Unlock…")
    remedy = ("sign_in:claude", "Sign In with Claude…") if "claude" in methods else ("open_account", "Sign In…")
    return "Running: Sign-In Needed", remedy


def _who(view: View) -> str:
    sign_in = view.status.sign_in
    if sign_in is None or sign_in.state in ("not_signed_in", "not_needed"):
        return ""
    account = None if view.mask_account else sign_in.account
    plan = _PLANS.get(sign_in.plan or "", sign_in.plan)
    parts = (plan, account, ROUTE_NAMES.get(sign_in.route, sign_in.route))
    return " · ".join(dict.fromkeys(part for part in parts if part))


def limit_holds(problem: Problem | None, now: float) -> bool:
    """Whether a limit still stands in the way. When its time is over nobody tells us before the next request."""
    return problem is not None and problem.kind == "limit" and (problem.until is None or problem.until > now)


def passed_over(status: Status) -> str:
    """The sign-in that Claude refused, where `auto` found another way."""
    refused, sign_in = status.refused, status.sign_in
    if refused is None or sign_in is None or sign_in.route == refused.route:
        return ""
    return f"{ROUTE_NAMES[refused.route]} Not Accepted: Using {ROUTE_NAMES.get(sign_in.route, sign_in.route)}"


def _windows(view: View) -> str:
    limits = view.status.limits
    if limits is None:
        return ""
    parts = [
        text
        for name, window in (("5 h", limits.window("five_hour")), ("Week", limits.window("seven_day")))
        if (text := _window(name, window, view.now))
    ]
    if not parts:
        return ""
    as_of = f" (as of {clock(limits.at, view.now)})" if view.now - limits.at > _OLD_SECONDS else ""
    return " · ".join(parts) + as_of


def _window(name: str, window: LimitWindow | None, now: float) -> str:
    if window is None or window.utilization is None:
        return ""
    until = f" until {clock(window.resets_at, now)}" if window.resets_at else ""
    return f"{name}: {window.utilization:.0%}{until}"


def _figure(view: View) -> str:
    """The one figure that matters now."""
    problem, limits = view.status.problem, view.status.limits
    if not view.status.running:
        return ""
    if problem is not None and limit_holds(problem, view.now):
        return f"resets {clock(problem.until, view.now)}" if problem.until else ""
    if limits is None:
        return ""
    named = (("5 h", limits.window("five_hour")), ("week", limits.window("seven_day")))
    return " · ".join(f"{name} {window.utilization:.0%}" for name, window in named if window and window.utilization)


def _server(status: Status) -> list[Entry]:
    if status.server == "starting":
        return [Entry("Stop Server", "stop_server", enabled=False)]
    if status.running:
        return [Entry("Stop Server", "stop_server"), Entry("Restart Server", "restart_server")]
    return [Entry("Start Server", "start_server")]


def _routes(view: View) -> list[Entry]:
    known = {option.route: option for option in view.options}
    return [_route(name, known.get(name), view) for name in ROUTES]


def _route(name: str, option: SignIn | None, view: View) -> Entry:
    """A route that cannot work is disabled, with its reason; the one in force can always be seen."""
    label, chosen = ROUTE_NAMES.get(name, name), view.route == name
    if option is None or option.usable:
        return Entry(label, f"route:{name}", checked=chosen, radio=True)
    return Entry(f"{label} ({_why_not(option)})", f"route:{name}", enabled=chosen, checked=chosen, radio=True)


def _why_not(option: SignIn) -> str:
    match option.state:
        case "refused":
            return "not accepted"
        case "locked":
            return "keyring locked"
        case "damaged":
            return "damaged"
        case "renewal_failed":
            return "renewal failed"
        case _:
            return "not installed" if option.missing and "not installed" in option.missing else "not signed in"


def _account(view: View) -> list[Entry]:
    sign_in = view.status.sign_in
    there = sign_in is not None and sign_in.state not in ("not_signed_in", "not_needed")
    lines: list[Entry] = []
    if sign_in is not None and there:
        account = None if view.mask_account else sign_in.account
        lines.append(Entry(f"Signed in as {account}" if account else "Signed in"))
        if sign_in.expires_at:
            word = "Expired, renews on next use" if sign_in.state == "expired" else "Renews at"
            lines.append(Entry(word if sign_in.state == "expired" else f"{word} {clock(sign_in.expires_at, view.now)}"))
    labels = {
        "claude": "Sign In with Claude…",
        "console": "Sign In to the Console…",
        "oauth": "Sign In with My Organisation…",
    }
    for kind in view.methods:
        lines.append(Entry(labels[kind], f"sign_in:{kind}", enabled=not view.signing_in))
    if view.signing_in:
        lines.append(Entry("Show the Sign-In…", "open_account:sign_in"))
        lines.append(Entry("Cancel the Sign-In", "cancel_sign_in"))
    lines.append(Entry("Use an API Key…", "open_account:api_key", enabled=view.status.running))
    lines.append(Entry("Check Again", "check_again"))
    lines.append(Entry("Sign Out…", "open_account:sign_out", enabled=there and view.status.running))
    return lines


def _autostart(state: AutostartState | None) -> list[Entry]:
    match state:
        case None:
            return []
        case "moved":
            return [Entry("Repair Start at Login", "repair_autostart")]
        case "switched_off":
            return [Entry("Start at Login (switched off by the system)", "toggle_autostart", checked=False)]
        case "foreign":
            return [Entry("Start at Login (taken by another program)…", "open_settings:autostart", checked=False)]
        case _:
            return [Entry("Start at Login", "toggle_autostart", checked=state == "on")]


def clock(moment: float | None, now: float) -> str:
    """A moment as the clock on the wall shows it: the time today, the weekday within a week, else the date."""
    if moment is None:
        return "an unknown time"
    try:
        then = datetime.fromtimestamp(moment).astimezone()
    except (ValueError, OSError, OverflowError):
        return "an unknown time"
    today = datetime.fromtimestamp(now).astimezone().date()
    days = (then.date() - today).days
    if days == 0:
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if abs(days) < 7 else f"{then.day} {then:%b}"
