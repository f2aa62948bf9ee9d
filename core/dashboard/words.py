"""What the dashboard says about routes and settings. Pure: tables of words.

What Anthropic publishes about plans in other programs is told plainly, with its links and the date of the reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CONSENT = (
    "CLIProxyAPI can send requests with your Claude sign-in directly. Anthropic says plan sign-ins are meant for its "
    "own apps; it may refuse such requests or bill them as extra usage, and its rules can change. You can use your own "
    "Claude Code, an API key or a Console sign-in instead. Use the sign-in directly?"
)
TERMS = (
    "This is a community tool, not made or supported by Anthropic. An API key or a Console sign-in is the officially "
    "supported way for any program to use Claude. Anthropic's published terms say that plan sign-ins are intended for "
    "Claude Code and its other apps; it has refused third-party requests and moved them to extra usage, and this can "
    "change at any time."
)
TERMS_LINKS: tuple[tuple[str, str], ...] = (
    ("Legal and compliance", "https://code.claude.com/docs/en/legal-and-compliance"),
    ("Using the Agent SDK with a plan", "https://support.claude.com/en/articles/15036540"),
)
TERMS_READ = "As read in November 2026."


@dataclass(frozen=True, slots=True)
class RouteWords:
    label: str
    what: str
    billed: str


ROUTE_WORDS: Mapping[str, RouteWords] = {
    "auto": RouteWords("Automatic", "The first way below that can work.", "As that way is billed"),
    "api-key": RouteWords(
        "API Key",
        "Over HTTPS with an API key of the Console. Officially supported for any program.",
        "Billed to your Console organisation",
    ),
    "console": RouteWords(
        "Console",
        "Over HTTPS with a Console sign-in. Officially supported for any program.",
        "Billed to your Console organisation",
    ),
    "claude-code": RouteWords(
        "Claude Code",
        "Through the Claude Code that you installed, unmodified. We read no secret.",
        "Counts against your plan; Anthropic may limit it",
    ),
    "direct": RouteWords(
        "Claude Sign-In",
        "Over HTTPS with the sign-in that Claude Code stored, once you agreed to it.",
        "As Anthropic decides: plan limits, extra usage, or a refusal",
    ),
    "demo": RouteWords(
        "Demo", "This program answers by itself, with canned text. Nothing leaves your machine.", "Free"
    ),
}

SettingKind = Literal["text", "number", "choice", "switch", "list", "table", "secret"]


@dataclass(frozen=True, slots=True)
class SettingWords:
    group: str
    label: str
    help: str
    kind: SettingKind = "text"
    choices: tuple[str, ...] = ()


_REACH, _CLAUDE, _MODELS, _PROGRAM = (
    "How programs reach the proxy",
    "How requests reach Claude",
    "Models",
    "The program",
)

SETTING_WORDS: Mapping[str, SettingWords] = {
    "host": SettingWords(_REACH, "Address", "Anything but this machine's own address demands a local key."),
    "port": SettingWords(_REACH, "Port", "Programs that were set up with the old one must be told.", "number"),
    "api_key": SettingWords(
        _REACH,
        "Local key",
        "A key of your own choosing that programs must send. It is not the Anthropic key.",
        "secret",
    ),
    "allowed_hosts": SettingWords(_REACH, "More host names", "Other names by which this proxy may be reached.", "list"),
    "allowed_origins": SettingWords(
        _REACH, "Allowed web pages", "Pages that may use this proxy, such as http://localhost:8080.", "list"
    ),
    "route": SettingWords(_CLAUDE, "Route", "The page Account explains the ways.", "choice"),
    "upstream_url": SettingWords(_CLAUDE, "Upstream", "https, or http on this machine only."),
    "direct_consent": SettingWords(
        _CLAUDE, "Use the Claude sign-in directly", "You agreed to what the page Account says about it.", "switch"
    ),
    "claude_login": SettingWords(
        _CLAUDE,
        "Claude sign-in",
        "ignore: the sign-in that Claude Code stored is left alone.",
        "choice",
        ("auto", "ignore"),
    ),
    "trusted_upstreams": SettingWords(
        _CLAUDE, "Trusted upstreams", "Hosts beside Anthropic's own that may see the Claude sign-in.", "list"
    ),
    "claude_path": SettingWords(_CLAUDE, "Claude Code", "Its executable, where it is not found by itself."),
    "claude_code_processes": SettingWords(
        _CLAUDE, "Claude Code: at the same time", "How many of it may answer at once, at some 200 MB each.", "number"
    ),
    "ant_path": SettingWords(_CLAUDE, "Anthropic's ant", "Its executable, where it is not found by itself."),
    "console_profile": SettingWords(_CLAUDE, "Console profile", "The Console sign-in that is used, by its name there."),
    "oauth_client_id": SettingWords(
        _CLAUDE, "OAuth app: client id", "Of the app that your organisation registered, if it did."
    ),
    "oauth_authorize_url": SettingWords(_CLAUDE, "OAuth app: authorize address", "Where you agree to the sign-in."),
    "oauth_token_url": SettingWords(_CLAUDE, "OAuth app: token address", "Where codes become tokens."),
    "oauth_scopes": SettingWords(_CLAUDE, "OAuth app: scopes", "What is asked for, one a line.", "list"),
    "default_model": SettingWords(_MODELS, "Default model", "For requests that name none."),
    "model_aliases": SettingWords(_MODELS, "Names of your own", "One a line: gpt-4o = claude-sonnet-4-6", "table"),
    "max_output_tokens": SettingWords(_MODELS, "Output limit", "In tokens, for requests that set none.", "number"),
    "prompt_cache": SettingWords(
        _MODELS, "Prompt cache", "off: long prompts are not marked for Claude's cache.", "choice", ("auto", "off")
    ),
    "check_updates": SettingWords(
        _PROGRAM,
        "Look for updates",
        "Asks GitHub once a day for the newest version. Nothing is installed by itself.",
        "switch",
    ),
    "notifications": SettingWords(
        _PROGRAM,
        "Notifications",
        "What the icon tells in a corner of the screen.",
        "choice",
        ("problems", "all", "off"),
    ),
    "mask_account": SettingWords(_PROGRAM, "Hide the e-mail address", "The icon's menu leaves it out.", "switch"),
    "tray": SettingWords(
        _PROGRAM,
        "Icon",
        "none: the next start shows no icon. The other two name what a Linux desktop is asked for.",
        "choice",
        ("auto", "status-notifier", "xembed", "none"),
    ),
    "log_level": SettingWords(
        _PROGRAM, "Log", "How much is logged. Never what was said.", "choice", ("debug", "info", "warning", "error")
    ),
}
