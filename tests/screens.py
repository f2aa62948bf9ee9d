"""`python -m tests.screens`: pictures of every page, light and dark, wide and narrow, in docs/screens/.

`python -m tests.screens account` takes only those of one page.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser

from core.log import logging_to
from core.paths import Paths
from core.server import request_log
from core.status import Limits, LimitWindow, RequestNote
from tests.browser import launched_browser
from tests.dashboard import Shown, shown_dashboard
from tests.simulated_claude.server import TEST_TOKEN

SCREENS = Path(__file__).parents[1] / "docs" / "screens"
PAGES = ("overview", "account", "settings", "logs", "about", "welcome", "locked")
SIZES = {"wide": (1280, 800), "narrow": (360, 740)}
_SETTLE_MS = 400

_NOW = time.time()


def take(pages: tuple[str, ...]) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, launched_browser() as browser:
        home = Path(folder)
        # What a person sees begins with ~.
        os.environ["HOME"] = folder
        _sign_in(home)
        with shown_dashboard(home, environ=_environ(home)) as shown, _log(home):
            _fill(shown)
            for scheme in ("light", "dark"):
                for size in SIZES:
                    for page in pages:
                        _take(browser, shown, page, scheme, size)


def _take(browser: Browser, shown: Shown, page: str, scheme: Any, size: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB")
    tab = context.new_page()
    tab.on("pageerror", lambda error: print("!", error))
    tab.goto(shown.proxy.root if page == "locked" else shown.link(page))
    tab.locator("h1").wait_for()
    tab.wait_for_timeout(_SETTLE_MS)
    # What is below shows at once how long the page is, but nobody needs a picture of four screens.
    tab.set_viewport_size({"width": width, "height": min(1100, tab.evaluate("document.body.scrollHeight"))})
    path = SCREENS / f"{page}-{size}-{scheme}.png"
    tab.screenshot(path=path)
    # 256 colours show all that there is, and weigh a third.
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")
    context.close()


def _environ(home: Path) -> dict[str, str]:
    return {"CLIPROXYAPI_PORT": "", "ANTHROPIC_API_KEY": "", "CLAUDE_CONFIG_DIR": str(home / ".claude")}


def _sign_in(home: Path) -> None:
    login = {
        "accessToken": TEST_TOKEN,
        "expiresAt": (time.time() + 3 * 3600) * 1000,
        "scopes": ["user:inference"],
        "subscriptionType": "max",
    }
    file = home / ".claude" / ".credentials.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"claudeAiOauth": login}))
    file.chmod(0o600)
    config = home / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text('direct_consent = true\ndefault_model = "claude-sonnet-4-6"\n')


def _log(home: Path) -> Any:
    environ = {"CLIPROXYAPI_CONFIG_DIR": str(home / "config"), "CLIPROXYAPI_DATA_DIR": str(home / "data")}
    return logging_to(Paths.find(environ), "info")


def _fill(shown: Shown) -> None:
    """A morning's work."""
    windows = (LimitWindow("five_hour", 0.42, _NOW + 35 * 60), LimitWindow("seven_day", 0.83, _NOW + 4.2 * 86400))
    rows = [
        (12, "claude-sonnet-4-6", 200, 640, 4210, 1840, 512, None),
        (95, "claude-sonnet-4-6", 200, 710, 12840, 22110, 1730, None),
        (170, "claude-haiku-4-5-20251001", 200, 310, 905, 420, 88, None),
        (300, "claude-opus-4-6", 529, None, 2900, None, None, "overloaded"),
        (410, "claude-sonnet-4-6", 200, 590, 7330, 15800, 940, None),
        (800, None, 400, None, 3, None, None, "model_not_found"),
        (1400, "claude-sonnet-4-6", 200, 820, 9120, 9020, 1214, None),
    ]
    notes = tuple(
        RequestNote(
            _NOW - ago, "POST", path, status, "direct" if model else None, model, first, total, read, wrote, error
        )
        for (ago, model, status, first, total, read, wrote, error), path in zip(
            rows, ["/v1/chat/completions", "/v1/messages"] * 4, strict=False
        )
    )
    shown.proxy.board.post(
        requests=notes,
        last_ok=_NOW - 12,
        limits=Limits(_NOW - 12, "allowed", "five_hour", _NOW + 35 * 60, windows),
    )
    logging.getLogger("cliproxyapi").info("serving on http://127.0.0.1:3456/v1, route auto")
    for note in reversed(notes):
        request_log.write(note, whole=True)


if __name__ == "__main__":
    take(tuple(sys.argv[1:]) or PAGES)
