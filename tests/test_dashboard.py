"""The dashboard as a person uses it, in a real browser: first run, sign-ins, routes, settings, logs, signing out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from core.log import logging_to
from core.paths import Paths
from tests.browser import PATIENCE_MS, browser, page
from tests.dashboard import CODE, Shown, StandInControls, ask, shown_dashboard
from tests.releases_feed import Feed, releases_feed
from tests.simulated_claude import SimulatedClaude
from tests.simulated_claude.server import TEST_KEY, TEST_TOKEN

__all__ = ["browser", "page"]  # fixtures

PAGES = ("overview", "account", "settings", "logs", "about", "welcome")
CHAT = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hello!"}]}

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    login = {"accessToken": TEST_TOKEN, "expiresAt": 4_000_000_000_000, "subscriptionType": "max"}
    (home / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    (home / ".credentials.json").chmod(0o600)
    return home


@pytest.fixture(scope="module")
def module_shown(home: Path, module_claude: SimulatedClaude) -> Iterator[Shown]:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(f'upstream_url = "{module_claude.url}"\n')
    environ = {"CLAUDE_CONFIG_DIR": str(home), "ANTHROPIC_API_KEY": "", "CLIPROXYAPI_UPSTREAM_URL": ""}
    paths = Paths.find({"CLIPROXYAPI_CONFIG_DIR": str(home / "config"), "CLIPROXYAPI_DATA_DIR": str(home / "data")})
    with logging_to(paths, "info"), shown_dashboard(home, module_claude.url, environ) as shown:
        yield shown


@pytest.fixture
def feed() -> Iterator[Feed]:
    with releases_feed() as feed:
        yield feed


@pytest.fixture
def shown(module_shown: Shown, home: Path, module_claude: SimulatedClaude) -> Shown:
    """Shared by the module's tests, and like new for each."""
    (home / "config" / "config.toml").write_text(f'upstream_url = "{module_claude.url}"\n')
    (home / "data" / "api_key.json").unlink(missing_ok=True)
    module_shown.proxy.settings.reload()
    vars(module_shown.controls).update(vars(StandInControls()))
    return module_shown


def button(page: Page | Locator, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_the_first_run_from_choosing_to_a_real_answer(page: Page, shown: Shown) -> None:
    page.goto(shown.link("welcome"))
    expect(page.get_by_text("Its icon is in the menu bar")).to_be_visible()
    expect(page.get_by_text("Found on this machine: Claude Sign-In")).to_be_visible()
    # Only a plan's sign-in that nobody agreed to: nothing is chosen for the person.
    assert page.locator("input[name=route]:checked").count() == 0
    assert not page.get_by_label("Start at login").is_checked()
    button(page, "Send a Test Message").click()
    expect(page.get_by_text("There is no way to reach Claude yet")).to_be_visible()
    page.get_by_role("radio", name="Demo").check()
    button(page, "Send a Test Message").click()
    expect(page.get_by_text("[demo] Hello!")).to_be_visible()
    button(page, "curl").click()
    expect(page.get_by_label("Configuration", exact=True)).to_contain_text(f"curl {shown.proxy.v1}/chat/completions")
    page.get_by_label("Start at login").check()
    expect(page.get_by_text("Starts when you log in.")).to_be_visible()
    assert shown.controls.autostart is not None
    assert shown.controls.autostart.on
    page.get_by_role("link", name="Go to the Dashboard").click()
    expect(page.get_by_role("heading", name=re.compile("Demo on 127.0.0.1"))).to_be_visible()


def test_signing_in_with_a_pasted_code_and_giving_up(page: Page, shown: Shown) -> None:
    page.goto(shown.link("account"))
    signs = page.get_by_role("region", name="Sign-ins")
    signs.locator(".way", has_text="Sign in with Claude").get_by_role("button").click()
    progress = page.get_by_label("Sign-in under way")
    expect(progress.get_by_text("Opening the browser to sign in…")).to_be_visible()
    link = progress.get_by_role("link", name="open the sign-in page")
    assert link.get_attribute("href") == "https://claude.example/authorize?code=true"
    progress.get_by_label("The code that the page shows").fill(CODE)
    button(progress, "Send Code").click()
    expect(progress.get_by_text("Signed in as you@example.com.")).to_be_visible()
    button(progress, "Close").click()
    expect(progress).to_be_hidden()

    signs.locator(".way", has_text="Sign in to the Console").get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text("will use and bill this profile")
    button(page, "Go On").click()
    button(progress, "Cancel").click()
    expect(progress.get_by_text("The sign-in was cancelled.")).to_be_visible()

    own = signs.locator(".way", has_text="OAuth app")
    expect(own.get_by_role("button")).to_be_disabled()
    expect(own).to_contain_text("Set oauth_client_id in the settings first.")


def test_an_api_key_is_checked_stored_and_removed(page: Page, shown: Shown) -> None:
    page.goto(shown.link("account"))
    signs = page.get_by_role("region", name="Sign-ins")
    signs.get_by_label("API key").fill("sk-ant-api03-s3cr3t-marker-wrong")
    button(signs, "Store").click()
    expect(signs.get_by_text("Claude did not accept this key")).to_be_visible()
    signs.get_by_label("API key").fill(TEST_KEY)
    signs.get_by_label("API key").press("Enter")
    expect(button(signs, "Remove…")).to_be_visible()
    assert TEST_KEY not in page.content()
    button(signs, "Remove…").click()
    button(page, "Remove").click()
    expect(button(signs, "Store")).to_be_visible()


def test_the_claude_sign_in_is_used_directly_only_after_a_yes(page: Page, shown: Shown) -> None:
    page.goto(shown.link("account"))
    direct = page.get_by_role("radio", name=re.compile("^Claude Sign-In"))
    direct.click()
    expect(page.get_by_role("dialog")).to_contain_text("Anthropic says plan sign-ins are meant for its own apps")
    button(page, "Not Now").click()
    expect(page.get_by_role("radio", name="Automatic")).to_be_checked()
    assert shown.proxy.settings.current.route == "auto"
    direct.click()
    button(page, "Yes, Use It").click()
    expect(page.get_by_text("You agreed that the Claude sign-in is used directly.")).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("^Claude Sign-In"))).to_be_checked()
    assert shown.proxy.settings.current.route == "direct"


def test_signing_out(page: Page, shown: Shown) -> None:
    shown.proxy.settings.change(direct_consent=True)
    page.goto(shown.link("account"))
    button(page, "Sign Out…").click()
    button(page, "Sign Out").click()
    expect(page.get_by_text("You signed out")).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="Running: Sign-In Needed")).to_be_visible()
    assert shown.proxy.settings.current.claude_login == "ignore"


WORDS = {
    "api_key": ("s3cr3t-marker-local", "s3cr3t-marker-local"),
    "allowed_hosts": ("box.local\nother.local", ("box.local", "other.local")),
    "allowed_origins": ("http://localhost:8080", ("http://localhost:8080",)),
    "upstream_url": ("http://127.0.0.1:9", "http://127.0.0.1:9"),
    "trusted_upstreams": ("gateway.example", ("gateway.example",)),
    "claude_path": ("/opt/claude", "/opt/claude"),
    "claude_code_processes": ("2", 2),
    "ant_path": ("/opt/ant", "/opt/ant"),
    "console_profile": ("work", "work"),
    "oauth_client_id": ("client-1", "client-1"),
    "oauth_authorize_url": ("https://login.example/authorize", "https://login.example/authorize"),
    "oauth_token_url": ("https://login.example/token", "https://login.example/token"),
    "oauth_scopes": ("user:inference", ("user:inference",)),
    "default_model": ("claude-opus-4-6", "claude-opus-4-6"),
    "model_aliases": ("gpt-4o = claude-sonnet-4-6", {"gpt-4o": "claude-sonnet-4-6"}),
    "max_output_tokens": ("1000", 1000),
    "host": ("localhost", "127.0.0.1"),
}
CHOICES = {
    "route": "demo",
    "claude_login": "ignore",
    "prompt_cache": "off",
    "notifications": "all",
    "tray": "none",
    "log_level": "debug",
}


def test_every_setting_is_changed_where_it_stands(page: Page, shown: Shown) -> None:
    page.goto(shown.link("settings"))
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    names = page.locator(".setting [name]").evaluate_all("all => all.map((one) => one.name)")
    assert set(names) == {*WORDS, *CHOICES, "check_updates", "direct_consent", "mask_account", "port"}
    for name, (typed, _) in WORDS.items():
        field = page.locator(f"#setting-{name}")
        field.fill(typed)
        page.locator(f"[data-key=setting-{name}-save]").click()
        expect(page.locator(f"#setting-{name}-after")).to_contain_text("From the file")
    for name, choice in CHOICES.items():
        page.locator(f"#setting-{name}").select_option(choice)
        expect(page.locator(f"#setting-{name}-after")).to_contain_text("From the file")
    page.locator("#setting-check_updates").click()
    expect(page.locator("#setting-check_updates-after")).to_contain_text("From the file")
    page.locator("#setting-direct_consent").click()
    expect(page.get_by_role("dialog")).to_contain_text("Anthropic says plan sign-ins are meant for its own apps")
    button(page, "Not Now").click()
    expect(page.locator("#setting-direct_consent")).not_to_be_checked()
    page.locator("#setting-direct_consent").click()
    button(page, "Yes, Use It").click()
    expect(page.locator("#setting-direct_consent-after")).to_contain_text("From the file")
    page.locator("#setting-mask_account").click()
    expect(page.locator("#setting-mask_account-after")).to_contain_text("From the file")
    settings = shown.proxy.settings.current
    assert settings.mask_account
    assert {name: getattr(settings, name) for name in WORDS} == {name: value for name, (_, value) in WORDS.items()}
    assert {name: getattr(settings, name) for name in CHOICES} == CHOICES
    assert "s3cr3t-marker" not in page.content()
    # What a variable sets stays, and what waits for a restart offers it.
    expect(page.locator("#setting-port")).to_be_disabled()
    expect(page.locator("#setting-host-after")).to_contain_text("Waits for a restart")
    page.locator(".notice").get_by_role("button", name="Restart Server").click()
    expect(page.get_by_text("The server starts anew.", exact=False).first).to_be_visible()
    assert shown.controls.asked == ["restart"]
    page.locator("#setting-max_output_tokens").fill("-5")
    page.locator("[data-key=setting-max_output_tokens-save]").click()
    expect(page.locator("#setting-max_output_tokens-after")).to_contain_text("a whole number")


def test_the_log_and_the_list_follow_while_an_answer_streams(page: Page, shown: Shown) -> None:
    # The demo's answer comes word by word.
    shown.proxy.settings.change(route="demo")
    page.goto(shown.link("logs"))
    log = page.get_by_role("log")
    expect(page.get_by_label("Follow")).to_be_checked()
    expect(log.locator("div").first).to_be_visible()
    finished = log.get_by_text("POST /v1/chat/completions 200").count()
    body = {**CHAT, "stream": True}
    with ask.stream("POST", f"{shown.proxy.v1}/chat/completions", json=body) as answer:
        parts = answer.iter_raw()
        next(parts)
        ask.get(f"{shown.proxy.v1}/models")
        expect(log.get_by_text("GET /v1/models 200")).to_be_visible()
        # It still runs: nothing is known of its end.
        assert log.get_by_text("POST /v1/chat/completions 200").count() == finished
        assert b"[DONE]" in b"".join(parts)
    expect(log.get_by_text("POST /v1/chat/completions 200")).to_have_count(finished + 1)
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("cell", name="chat/completions").first).to_be_visible()


def test_without_a_session_the_page_says_how_to_open_it(page: Page, shown: Shown) -> None:
    page.goto(f"{shown.proxy.root}/dashboard/settings")
    expect(page.get_by_text("cliproxyapi open")).to_be_visible()
    link = shown.link()
    page.goto(link)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert "#" not in page.url
    assert page.context.cookies() == []
    # The link was used: another browser gets nothing with it, while this one goes on.
    assert page.context.browser is not None
    stranger = page.context.browser.new_context()
    other = stranger.new_page()
    other.goto(link)
    expect(other.get_by_text("This link was used already")).to_be_visible()
    stranger.close()
    page.goto(f"{shown.proxy.root}/dashboard/about")
    button(page, "Show the Report").click()
    expect(page.get_by_label("The report", exact=True)).to_contain_text("CLIProxyAPI diagnostics")
    button(page, "Show the Licences").click()
    expect(page.get_by_label("The licences", exact=True)).to_contain_text("GNU LESSER GENERAL PUBLIC LICENSE")


def test_a_newer_version_is_found_when_somebody_asks(page: Page, home: Path, feed: Feed) -> None:
    with shown_dashboard(home, feed=feed.url) as shown:
        page.goto(shown.link("about"))
        updates = page.get_by_label("Updates", exact=True)
        expect(updates).to_contain_text("It is not known whether there is a newer version.")
        assert feed.asked == []
        button(updates, "Check for Updates").click()
        expect(updates).to_contain_text("Version 99.0.0 is out.")
        expect(updates.get_by_role("link")).to_have_attribute(
            "href", re.compile(r"^https://.*/releases/tag/v99\.0\.0$")
        )
        feed.status = 500
        button(updates, "Check for Updates").click()
        expect(page.get_by_text("The releases feed answered with status 500")).to_be_visible()


def test_the_page_goes_on_by_itself_when_the_server_comes_back(page: Page, shown: Shown) -> None:
    page.goto(shown.link())
    expect(page.get_by_role("heading", name=re.compile("^(Running|Demo)"))).to_be_visible()
    shown.proxy.server.stop()
    expect(page.get_by_role("heading", name="Not Connected")).to_be_visible()
    shown.proxy.server.start()
    expect(page.get_by_role("heading", name=re.compile("^(Running|Demo)"))).to_be_visible()


def test_every_page_is_usable_by_all(browser: Browser, shown: Shown) -> None:
    """axe finds nothing serious, nothing is wider than a phone, and the keyboard gets everywhere."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(shown.proxy.root)
    problems = {"locked": serious(page)}
    for name in PAGES:
        page.goto(shown.link(name))
        page.locator("main section:visible").first.wait_for()
        problems[name] = serious(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
    page.reload()
    page.locator("main section:visible").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    context.close()
    assert not any(problems.values()), problems


def serious(page: Page) -> list[str]:
    page.locator("h1").first.wait_for()
    page.emulate_media(color_scheme="light")
    found = Axe().run(page).response["violations"]
    # Dark is the same page in other colours.
    page.emulate_media(color_scheme="dark")
    found += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    return [
        f"{item['id']}: {node['html'][:160]}"
        for item in found
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"]
    ]


def test_what_another_program_has_set_up_goes_only_with_a_yes(page: Page, shown: Shown) -> None:
    switch = shown.controls.autostart
    assert switch is not None
    switch.foreign = True
    page.goto(shown.link("settings"))
    page.locator("#autostart").click()
    expect(page.get_by_role("dialog")).to_contain_text("belongs to another program")
    button(page, "Not Now").click()
    expect(page.locator("#autostart")).not_to_be_checked()
    assert switch.foreign
    page.locator("#autostart").click()
    button(page, "Replace It").click()
    expect(page.locator("#autostart")).to_be_checked()
    assert (switch.on, switch.foreign) == (True, False)
