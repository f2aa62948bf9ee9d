"""`cliproxyapi status` in words: what `LocalProxy.status` found, as lines for a person. Pure, but for the time zone.

A server of another person tells only what `/health` says; one's own tells its whole snapshot as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.gateway import local_time
from core.json_codec import list_or_empty, object_or_empty

_SIGN_INS: Mapping[str, str] = {
    "signed_in": "signed in",
    "not_signed_in": "not signed in: `cliproxyapi login` shows the ways",
    "expired": "expired, renewed by the next request",
    "renewal_failed": "expired, and could not be renewed: sign in again with `cliproxyapi login`",
    "damaged": "damaged: `cliproxyapi doctor` says what is wrong",
    "refused": "not accepted: Claude refused this sign-in; choose another route, or try again with "
    "`cliproxyapi login --claude`",
    "locked": "the keyring that holds the API key is locked: unlock it",
    "not_needed": "not needed",
}
_PROBLEMS: Mapping[str, str] = {
    "refused": "Claude does not accept the sign-in",
    "unreachable": "Claude cannot be reached",
    "limit": "the limit of the plan is reached",
}
_WINDOWS: Mapping[str, str] = {"five_hour": "5 hours", "seven_day": "week"}


def status_lines(state: Mapping[str, Any]) -> list[str]:
    """`state` is what `LocalProxy.status` returns."""
    if not state["running"]:
        if state["port_in_use"]:
            return [f"Not running, and another program has the port of {state['url']}."]
        return [f"Not running at {state['url']}."]
    told = {
        "Route": _route(state),
        "Refused": _refused(object_or_empty(state.get("snapshot")), state.get("route")),
        "Sign-in": _sign_in(state),
        "Last answer": _moment(object_or_empty(state.get("upstream")).get("last_ok")) or "none yet",
        "Last error": _last_error(state),
        **(_of_snapshot(state["snapshot"]) if "snapshot" in state else {}),
    }
    lines = [f"{name + ':':<13} {text}" for name, text in told.items() if text]
    return [f"Running at {state['url']} (version {state.get('version')})", *lines]


def _of_snapshot(snapshot: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Problem": _problem(object_or_empty(snapshot.get("problem"))),
        "Last request": _request(snapshot),
        "Limits": _limits(object_or_empty(snapshot.get("limits"))),
        "Turned away": ", ".join(map(str, list_or_empty(snapshot.get("refused_pages")))),
    }


def _route(state: Mapping[str, Any]) -> str:
    chosen, serving = object_or_empty(state.get("snapshot")).get("route"), state.get("route")
    return f"{serving}, which {chosen} takes" if chosen == "auto" and serving != "auto" else str(serving)


def _refused(snapshot: Mapping[str, Any], serving: object) -> str:
    """The sign-in that Claude refused, where requests do not end with it."""
    refused = object_or_empty(snapshot.get("refused"))
    if not refused or refused.get("route") == serving:
        return ""
    since = _moment(refused.get("refused_at"))
    return f"{refused.get('route')}, by Claude at {since}; requests go through {serving} until that sign-in changes"


def _sign_in(state: Mapping[str, Any]) -> str:
    auth = object_or_empty(state.get("auth"))
    sign_in = object_or_empty(object_or_empty(state.get("snapshot")).get("sign_in"))
    name = str(auth.get("state"))
    whose = [str(sign_in[part]) for part in ("account", "plan") if sign_in.get(part)]
    words = _SIGN_INS.get(name, name) + (f" ({', '.join(whose)})" if whose else "")
    source = f", from {sign_in['source']}" if sign_in.get("source") else ""
    expires = _moment(auth.get("expires_at"))
    return words + source + (f", expires {expires}" if expires and name == "signed_in" else "")


def _last_error(state: Mapping[str, Any]) -> str:
    code = object_or_empty(state.get("upstream")).get("last_error")
    at = _moment(object_or_empty(state.get("snapshot")).get("last_error_at"))
    return f"{code}{f', {at}' if at else ''}" if code else ""


def _problem(problem: Mapping[str, Any]) -> str:
    if not problem:
        return "none"
    kind, until = str(problem.get("kind")), _moment(problem.get("until"))
    words = f"{_PROBLEMS.get(kind, kind)} since {_moment(problem.get('since'))}"
    return words + (f", until {until}" if until else "")


def _request(snapshot: Mapping[str, Any]) -> str:
    requests = list_or_empty(snapshot.get("requests"))
    if not requests:
        return "none yet"
    last = object_or_empty(requests[0])
    asked = f"{last.get('method')} {last.get('path')}"
    model = f" to {last['model']}" if last.get("model") else ""
    route = f" over {last['route']}" if last.get("route") else ""
    took = f"{(last.get('total_ms') or 0) / 1000:.1f} s"
    return f"{_moment(last.get('at'))}, {asked}{model}{route}: {last.get('error') or last.get('status')} after {took}"


def _limits(limits: Mapping[str, Any]) -> str:
    windows = [_window(object_or_empty(window)) for window in list_or_empty(limits.get("windows"))]
    return f"{'; '.join(windows)} (as of {_moment(limits.get('at'))})" if windows else ""


def _window(window: Mapping[str, Any]) -> str:
    name, used, resets = str(window.get("name")), window.get("utilization"), _moment(window.get("resets_at"))
    share = f"{used:.0%} used" if isinstance(used, (int, float)) else str(window.get("status") or "unknown")
    return f"{_WINDOWS.get(name, name)} {share}" + (f", resets {resets}" if resets else "")


def _moment(seconds: object) -> str:
    """As the clock on the wall would show it; empty where there is no such moment."""
    if not isinstance(seconds, (int, float)):
        return ""
    try:
        return local_time(seconds)
    except (ValueError, OverflowError, OSError):
        return ""
