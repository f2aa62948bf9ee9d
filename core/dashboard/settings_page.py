"""The settings as the dashboard shows and changes them: each with its value, where that comes from, and its words.

A secret one never leaves: the page learns whether it is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..settings import DEFAULT, ROUTES, Settings, SettingsStore
from .words import ROUTE_WORDS, SETTING_WORDS, SettingWords


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class SettingView:
    """`value` is None for a secret; `set_by` names the variable or flag that counts before the file, if one does."""

    name: str
    group: str
    label: str
    help: str
    kind: str
    value: Any
    is_set: bool
    default: Any
    source: str
    set_by: str | None
    needs_restart: bool
    choices: Sequence[Choice]


def settings_view(store: SettingsStore, config_file: str) -> list[SettingView]:
    current, wanted, defaults = store.current, store.wanted, Settings()
    pending = store.needs_restart
    names = [item.name for item in fields(Settings) if item.name != "sources"]
    # In the order of the words; one without words of its own still stands there.
    order = {name: place for place, name in enumerate(SETTING_WORDS)}
    views: list[SettingView] = []
    for name in sorted(names, key=lambda name: order.get(name, len(order))):
        words = SETTING_WORDS.get(name) or SettingWords("More", name, "")
        # What was edited and waits for a restart is what the person wants to see.
        settings = wanted if name in pending else current
        value, secret = getattr(settings, name), words.kind == "secret"
        source = wanted.source(name)
        views.append(
            SettingView(
                name=name,
                group=words.group,
                label=words.label,
                help=words.help,
                kind=words.kind,
                value=None if secret else value,
                is_set=value is not None,
                default=getattr(defaults, name),
                source="file" if source == config_file else source,
                set_by=None if source in (DEFAULT, config_file) else source,
                needs_restart=name in pending,
                choices=_choices(name, words),
            )
        )
    return views


def wanted_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the page sent, as the file holds it: an empty one is the default."""
    return {name: None if value in ("", [], {}) else value for name, value in given.items()}


def _choices(name: str, words: SettingWords) -> list[Choice]:
    if name == "route":
        return [Choice(route, ROUTE_WORDS[route].label if route in ROUTE_WORDS else route) for route in ROUTES]
    return [Choice(choice, choice) for choice in words.choices]
