"""A real browser for tests: the Chromium that this machine has, without a window, driven by Playwright.

A test module takes it up with `from tests.browser import browser, page` (both are fixtures) and asks for `page`. One
browser serves a module, and each test gets a profile of its own. While it runs, Playwright's event loop counts as the
running one of the main thread, so a module with a browser has no `asyncio.run` in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import needs

# How long a person would wait before they call a page broken; the machine may be busy with other tests.
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched_browser() as launched:
        yield launched


@contextmanager
def launched_browser(*more: str) -> Iterator[Browser]:
    """`more` are switches of Chromium."""
    chromium = needs.program("chromium", "chromium-browser", "google-chrome")
    # Root has no sandbox to give, and containers have little shared memory.
    switches = ["--disable-dev-shm-usage", *more, *(["--no-sandbox"] if _is_root() else [])]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=switches, timeout=2 * PATIENCE_MS)
        try:
            yield launched
        finally:
            launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that nothing was done with, in a profile of its own."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context.new_page()
    finally:
        context.close()


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
