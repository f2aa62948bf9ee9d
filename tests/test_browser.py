"""The browser of the tests itself: the system's own program, and a clean profile for each test."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser import browser, page

__all__ = ["browser", "page"]


def test_it_runs_scripts_and_starts_without_a_past(page: Page) -> None:
    page.set_content("<p></p><script>document.querySelector('p').textContent = 6 * 7</script>")
    assert page.inner_text("p") == "42"
    assert page.context.cookies() == []
