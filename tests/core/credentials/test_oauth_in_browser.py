"""The sign-in with an OAuth app as a person walks through it: a real browser, a page with buttons, and back."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import browser, page
from tests.core.credentials.test_oauth_flow import Person
from tests.own_app import app_settings, renewals, store
from tests.simulated_claude import SimulatedClaude

__all__ = ["browser", "page"]


def walk(page: Page, claude: SimulatedClaude, home: Path, button: str) -> Person:
    """Open the sign-in's address, press `button` on the provider's page, and come back."""
    claude.provider.consent = "page"
    person = Person(home, app_settings(claude))
    page.goto(person.url)
    page.get_by_role("button", name=button).click()
    page.wait_for_url("http://127.0.0.1:*/callback?*")
    return person


def test_consent_ends_on_our_page_with_stored_tokens(page: Page, claude: SimulatedClaude, tmp_path: Path) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    person = walk(page, claude, tmp_path, "Agree")
    assert page.get_by_role("heading").inner_text() == "You are signed in"
    assert person.ends().state == "succeeded"
    assert store(tmp_path).usable().access_token in claude.provider.access
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "data" / "oauth.json").stat().st_mode) == 0o600
    # The style is allowed, and nothing else is asked for.
    assert [complaint for complaint in complaints if "Content Security Policy" in complaint] == []


@pytest.mark.parametrize(("button", "said"), [("Decline", "You did not agree"), ("Forge", "not trusted")])
def test_what_goes_wrong_is_said_on_the_page(
    page: Page, claude: SimulatedClaude, tmp_path: Path, button: str, said: str
) -> None:
    person = walk(page, claude, tmp_path, button)
    assert page.get_by_role("heading").inner_text() == "The sign-in did not work"
    assert said in page.inner_text("main")
    assert person.ends().state == "failed"
    assert store(tmp_path).stored() is None
    assert renewals(claude) == 0


def test_the_page_follows_light_and_dark(page: Page, claude: SimulatedClaude, tmp_path: Path) -> None:
    walk(page, claude, tmp_path, "Agree")
    papers: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        papers.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == ["rgb(247, 245, 242)", "rgb(27, 26, 24)"]
