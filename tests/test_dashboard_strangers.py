"""What other pages in the same browser can do to the dashboard, shown by real ones: nothing.

`evil.example` is another site, `rebound.example` a name that leads to our own port, and another server on 127.0.0.1 is
the one that cookies would not keep apart from us. Somebody is signed in to the dashboard all the while.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import PATIENCE_MS, launched_browser, page
from tests.dashboard import Shown, shown_dashboard

__all__ = ["page"]  # a fixture

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Site:
    """Another web server on this machine; remembers the headers that it was sent."""

    port: int
    seen: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    switches = ("--host-resolver-rules=MAP *.example 127.0.0.1", "--no-proxy-server")
    with launched_browser(*switches) as launched:
        yield launched


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    home: Path = tmp_path_factory.mktemp("home")
    with shown_dashboard(home) as shown:
        yield shown


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    seen: list[dict[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Empty, seen))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield Site(server.server_port, seen)
    server.shutdown()
    server.server_close()
    thread.join()


class _Empty(BaseHTTPRequestHandler):
    def __init__(self, seen: list[dict[str, str]], *arguments: Any) -> None:
        self._seen = seen
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._seen.append(dict(self.headers))
        body = b"<!doctype html><title>Another site</title><p>Hello</p>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def origins(shown: Shown, site: Site) -> dict[str, str]:
    return {"another site": f"http://evil.example:{site.port}", "another port": f"http://127.0.0.1:{site.port}"}


@pytest.fixture
def visitor(page: Page, shown: Shown, request: pytest.FixtureRequest, origins: dict[str, str]) -> Page:
    """A page of a stranger, in a browser with a session at the dashboard."""
    page.goto(shown.link())
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto(origins[request.param])
    return page


strangers = pytest.mark.parametrize("visitor", ["another site", "another port"], indirect=True)


@strangers
def test_a_form_changes_nothing(visitor: Page, shown: Shown) -> None:
    with visitor.expect_response(f"{shown.proxy.root}/**") as answered:
        visitor.evaluate(
            """(url) => {
                const form = document.createElement("form");
                Object.assign(form, { method: "POST", action: url, enctype: "text/plain" });
                const field = document.createElement("input");
                Object.assign(field, { name: '{"max_output_tokens":1,"x":"', value: '"}' });
                form.append(field);
                document.body.append(form);
                form.submit();
            }""",
            f"{shown.proxy.root}/api/settings",
        )
    assert answered.value.status == 403
    assert shown.proxy.settings.current.max_output_tokens == 32_000


@strangers
@pytest.mark.parametrize("credentials", ["include", "omit"])
def test_a_fetch_reads_and_changes_nothing(visitor: Page, shown: Shown, credentials: str) -> None:
    outcomes = visitor.evaluate(
        """async ([root, credentials, change]) => {
            const json = { "content-type": "application/json" };
            const session = { "x-cliproxyapi-session": "guess" };
            const tries = [
                ["/api/state", {}],
                ["/api/state", { headers: session }],
                ["/api/state", { mode: "no-cors" }],
                ["/api/events", { mode: "no-cors" }],
                ["/api/settings", { method: "POST", headers: json, body: change }],
                ["/api/settings", { method: "POST", mode: "no-cors", body: change }],
                ["/api/activate", { method: "POST", mode: "no-cors", body: "{}" }],
                ["/api/session", { method: "POST", mode: "no-cors", body: '{"token":"guess"}' }],
                ["/dashboard/app.js", {}],
            ];
            return Promise.all(tries.map(async ([path, options]) => {
                try {
                    const answer = await fetch(root + path, { ...options, credentials });
                    return answer.type === "opaque" ? "unreadable" : `read ${path}: ${answer.status}`;
                } catch { return "blocked"; }
            }));
        }""",
        [shown.proxy.root, credentials, '{"max_output_tokens":1}'],
    )
    assert set(outcomes) <= {"blocked", "unreadable"}, outcomes
    assert shown.proxy.settings.current.max_output_tokens == 32_000
    assert shown.controls.asked == []


@strangers
def test_a_frame_stays_empty(visitor: Page, shown: Shown) -> None:
    visitor.evaluate(
        """(url) => new Promise((done) => {
            const frame = document.createElement("iframe");
            Object.assign(frame, { src: url, onload: done, onerror: done });
            document.body.append(frame);
        })""",
        f"{shown.proxy.root}/dashboard/overview",
    )
    inner = visitor.frames[1]
    assert inner.locator("#main").count() == 0
    assert "Overview" not in inner.content()


@strangers
def test_its_scripts_and_style_are_nobody_elses(visitor: Page, shown: Shown) -> None:
    ended = visitor.evaluate(
        """(url) => new Promise((done) => {
            const script = document.createElement("script");
            Object.assign(script, { src: url, onload: () => done("ran"), onerror: () => done("blocked") });
            document.body.append(script);
        })""",
        f"{shown.proxy.root}/dashboard/app.js",
    )
    assert ended == "blocked"


def test_a_name_that_leads_to_our_port_is_turned_away(page: Page, shown: Shown) -> None:
    """DNS rebinding: for the browser it is one site, and for us a foreign name."""
    answer = page.goto(f"http://rebound.example:{shown.proxy.port}/dashboard/overview")
    assert answer is not None
    assert answer.status == 403
    status = page.evaluate("async () => (await fetch('/api/state')).status")
    assert status == 403
    assert any("rebound.example" in name for name in shown.proxy.board.status.refused_pages)


def test_another_server_of_this_machine_gets_no_credential(page: Page, shown: Shown, site: Site) -> None:
    """Cookies go to every port of 127.0.0.1; what the dashboard keeps does not."""
    page.goto(shown.link())
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    secret = page.evaluate("localStorage.getItem('cliproxyapi-session')")
    assert secret
    site.seen.clear()
    page.goto(f"http://127.0.0.1:{site.port}/")
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    assert site.seen
    assert secret not in str(site.seen)
    assert shown.proxy.root not in str(site.seen)
