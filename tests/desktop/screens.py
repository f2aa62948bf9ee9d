"""`python -m tests.desktop.screens`: every state of the icon and the open menu, in a light and a dark panel, in
docs/screens/. Needs what the suite `desktop` needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from msgspec.structs import replace
from PIL import Image

from core.status import Failure, Limits, LimitWindow, Problem, SignIn, Status
from tests.desktop.tray_host import Box, Desktop
from tests.tray.tray_program import TrayProgram
from tray.entries import IconState
from tray.menu import View, appearance, entries

SCREENS = Path(__file__).parents[2] / "docs" / "screens"

_NOW = time.time()
_HOUR = 3600.0
_SIGNED_IN = SignIn("direct", "signed_in", _NOW + 3 * _HOUR, "~/.claude/.credentials.json", "you@example.com", "max")
_LIMITS = Limits(
    _NOW,
    "allowed",
    "five_hour",
    windows=(LimitWindow("five_hour", 0.42, _NOW + 2 * _HOUR), LimitWindow("seven_day", 0.18, _NOW + 70 * _HOUR)),
)
_RUNNING = Status("running", "127.0.0.1", 3456, sign_in=_SIGNED_IN, limits=_LIMITS)
_OPTIONS = (
    _SIGNED_IN,
    SignIn("claude-code", "signed_in"),
    SignIn("console", "not_signed_in"),
    SignIn("api-key", "not_signed_in"),
    SignIn("demo", "not_needed"),
)

STATES: Sequence[Status] = (
    _RUNNING,
    Status("stopped", "127.0.0.1", 3456),
    Status("starting", "127.0.0.1", 3456),
    Status("failed", "127.0.0.1", 3456, Failure("port_in_use", "Port 3456 is in use.", "node")),
    replace(_RUNNING, sign_in=SignIn("auto", "not_signed_in")),
    replace(_RUNNING, problem=Problem("refused", "subscription_route_refused", _NOW)),
    replace(_RUNNING, problem=Problem("unreachable", "upstream_unreachable", _NOW)),
    replace(_RUNNING, problem=Problem("limit", "insufficient_quota", _NOW, _NOW + 2 * _HOUR)),
)

# How large an icon is shown in the picture, beside what it is in the panel.
_LARGER = 2
_EDGE = 6


def view(status: Status) -> View:
    return View(
        status,
        route="auto",
        options=_OPTIONS,
        methods=("claude", "console"),
        autostart="on",
        free_port=3457,
        now=_NOW,
    )


def take() -> None:
    assert {appearance(view(status)).icon for status in STATES} == set(get_args(IconState))
    states: list[Image.Image] = []
    menus: list[Image.Image] = []
    for dark in (False, True):
        with Desktop("xfce", dark=dark) as screen, TrayProgram(screen.environment) as program:
            _show(program, STATES[0])
            icon = screen.find_icon()
            menus.append(_menu(screen, icon))
            screen.close_menu()
            states.append(_strip([_icon(screen, program, icon, status) for status in STATES]))
            program.stop()
    _save("tray-states.png", _below(states))
    _save("tray-menu.png", _beside(menus))


def _show(program: TrayProgram, status: Status) -> None:
    program.show(appearance(view(status)), entries(view(status)))


def _icon(screen: Desktop, program: TrayProgram, icon: Box, status: Status) -> Image.Image:
    _show(program, status)
    # A redraw waits half a second for others.
    time.sleep(1.5)
    return screen.picture(Box(max(0, icon.left - _EDGE), 0, icon.right + _EDGE, icon.bottom + 2))


def _menu(screen: Desktop, icon: Box) -> Image.Image:
    menu = screen.open_menu(icon)
    routes = screen.open_submenu(menu["Route"])
    right, bottom = routes.box.right, max(menu.box.bottom, routes.box.bottom)
    return screen.picture(Box(0, 0, right + 3 * _EDGE, bottom + 3 * _EDGE))


def _strip(icons: Sequence[Image.Image]) -> Image.Image:
    return _beside(
        [icon.resize((icon.width * _LARGER, icon.height * _LARGER), Image.Resampling.LANCZOS) for icon in icons]
    )


def _beside(pictures: Sequence[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (sum(one.width for one in pictures), max(one.height for one in pictures)), "white")
    left = 0
    for one in pictures:
        whole.paste(one, (left, 0))
        left += one.width
    return whole


def _below(pictures: Sequence[Image.Image]) -> Image.Image:
    turned = [one.transpose(Image.Transpose.TRANSPOSE) for one in pictures]
    return _beside(turned).transpose(Image.Transpose.TRANSPOSE)


def _save(name: str, picture: Image.Image) -> None:
    path = SCREENS / name
    picture.quantize(256).save(path, optimize=True)
    print(f"{name}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    take()
