"""The sign-in with an OAuth app, on the desk: what goes to the provider, what comes back, and what is not believed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from core.credentials.desk import Progress, SignInDesk
from core.credentials.loopback import LoopbackListener
from core.credentials.oauth_flow import OAuthSignIn, pasted_answer
from core.settings import Settings, SettingsError, load_settings
from tests.own_app import app_settings, paths_in, renewals, store
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.oauth import ACCOUNT, CLIENT_ID


class Person:
    """Somebody at the desk: opens the address that is shown, without a browser, and waits for the end."""

    def __init__(self, home: Path, environ: dict[str, str], *, patience: float = 60) -> None:
        self.desk = SignInDesk()
        self.shown = threading.Event()
        self.desk.listen(lambda progress: self.shown.set() if progress.url else None)
        settings, _ = load_settings(paths_in(home), environ, {})
        self.opened: list[str] = []
        method = OAuthSignIn(lambda: settings, store(home), {}, open_browser=self._open, patience=patience)
        self.desk.start(method)

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return False

    @property
    def url(self) -> str:
        assert self.shown.wait(20)
        progress = self.desk.progress
        assert progress is not None
        assert progress.url is not None
        return progress.url

    def callback(self) -> str:
        """Where the provider sends the browser."""
        answer = httpx.get(self.url)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def ends(self) -> Progress:
        progress = self.desk.wait(60)
        assert progress is not None
        assert progress.ended
        return progress


@pytest.fixture
def person(tmp_path: Path, claude: SimulatedClaude) -> Iterator[Person]:
    person = Person(tmp_path, app_settings(claude))
    yield person
    person.desk.cancel()
    person.desk.wait(20)


def test_the_address_asks_for_a_code_with_a_challenge(person: Person, claude: SimulatedClaude) -> None:
    fields = {name: values[0] for name, values in parse_qs(urlsplit(person.url).query).items()}
    assert fields["response_type"] == "code"
    assert fields["client_id"] == CLIENT_ID
    assert fields["scope"] == "user:inference user:profile"
    assert fields["code_challenge_method"] == "S256"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", fields["code_challenge"])
    assert len(fields["state"]) >= 32
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", fields["redirect_uri"])
    assert person.opened == [person.url]


def test_consent_ends_with_stored_tokens_and_a_page(person: Person, claude: SimulatedClaude, tmp_path: Path) -> None:
    page = httpx.get(person.callback())
    assert page.status_code == 200
    assert "signed in" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    progress = person.ends()
    assert progress.state == "succeeded"
    assert ACCOUNT in progress.message
    sign_in = store(tmp_path).usable()
    assert sign_in.access_token in claude.provider.access
    assert sign_in.scopes == ("user:inference", "user:profile")
    assert "s3cr3t-marker" not in repr(progress) + page.text


def test_a_declined_consent_is_told_as_one(person: Person, claude: SimulatedClaude, tmp_path: Path) -> None:
    claude.provider.consent = "deny"
    page = httpx.get(person.callback())
    assert page.status_code == 400
    assert "did not agree" in page.text
    assert "did not agree" in person.ends().message
    assert store(tmp_path).stored() is None
    assert renewals(claude) == 0


def test_a_wrong_state_is_not_trusted_and_its_code_goes_nowhere(
    person: Person, claude: SimulatedClaude, tmp_path: Path
) -> None:
    claude.provider.consent = "wrong_state"
    page = httpx.get(person.callback())
    assert page.status_code == 400
    assert "not trusted" in page.text
    assert person.ends().state == "failed"
    assert store(tmp_path).stored() is None
    assert renewals(claude) == 0


def test_an_error_with_a_forged_text_shows_none_of_it(person: Person) -> None:
    state = parse_qs(urlsplit(person.url).query)["state"][0]
    callback = parse_qs(urlsplit(person.url).query)["redirect_uri"][0]
    page = httpx.get(f"{callback}?{urlencode({'state': state, 'error': '<script>alert(1)</script>'})}")
    assert "<script" not in page.text
    assert "an error" in person.ends().message


@pytest.mark.parametrize(
    ("host", "target", "status"),
    [
        (None, "/favicon.ico", 404),
        (None, "/callback", 404),
        (None, "/callback?state=x", 404),
        (None, "/callback?code=a&code=b", 404),
        (None, f"/callback?{'a=b&' * 60}", 404),
        ("evil.example", "/callback?code=a&state=b", 404),
        ("localhost", "/callback?code=a&state=b", 404),
    ],
)
def test_what_is_no_answer_does_not_end_the_sign_in(person: Person, host: str | None, target: str, status: int) -> None:
    callback = urlsplit(person.callback())
    headers = {"host": host} if host else {}
    assert httpx.get(f"http://{callback.netloc}{target}", headers=headers).status_code == status
    assert httpx.post(f"http://{callback.netloc}/callback?{callback.query}").status_code == 501
    assert httpx.get(callback.geturl()).status_code == 200
    assert person.ends().state == "succeeded"


def test_only_the_first_answer_counts(tmp_path: Path) -> None:
    with LoopbackListener() as listener:
        first = threading.Thread(target=httpx.get, args=(f"{listener.redirect_uri}?code=a&state=b",))
        first.start()
        while (answer := listener.answer()) is None:
            pass
        assert (answer.code, answer.state) == ("a", "b")
        assert httpx.get(f"{listener.redirect_uri}?code=c&state=d").status_code == 410
        assert listener.answer() is None
    first.join(20)
    with pytest.raises(httpx.ConnectError):
        httpx.get(listener.redirect_uri)


@pytest.mark.parametrize(
    "copied",
    [
        lambda url: url,
        lambda url: f"  {url}\n",
        lambda url: url.partition("?")[2],
        lambda url: "#".join(parse_qs(urlsplit(url).query)[name][0] for name in ("code", "state")),
    ],
    ids=["address", "address with spaces", "query", "code#state"],
)
def test_the_answer_can_be_pasted(
    person: Person, claude: SimulatedClaude, tmp_path: Path, copied: Callable[[str], str]
) -> None:
    callback = person.callback()
    for wrong in ("nonsense", "code-without-state", callback.replace("state=", "state=x"), "http://[", "a=b&" * 60):
        assert person.desk.paste(wrong)
    assert person.desk.paste(copied(callback))
    progress = person.ends()
    assert progress.state == "succeeded", progress
    assert sum("not the answer" in line for line in progress.lines) == 5
    assert store(tmp_path).usable().access_token in claude.provider.access


def test_a_code_works_once(claude: SimulatedClaude, tmp_path: Path) -> None:
    first = Person(tmp_path, app_settings(claude))
    callback = first.callback()
    httpx.get(callback)
    assert first.ends().state == "succeeded"
    form = {name: values[0] for name, values in parse_qs(claude.requests[-1].body.decode()).items()}
    again = httpx.post(f"{claude.url}/v1/oauth/token", json=form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (scenarios.html(502), "status 502"),
        (scenarios.html(200), "no access token"),
        (scenarios.Scenario(reset_before_headers=True), "gave no tokens"),
        (scenarios.error(400, "invalid_request_error", "code-s3cr3t-marker-1 is bad"), "[redacted] is bad"),
    ],
    ids=["5xx", "HTML", "reset", "error"],
)
def test_a_provider_that_gives_no_tokens_is_told_as_one(
    person: Person, claude: SimulatedClaude, tmp_path: Path, scenario: scenarios.Scenario, said: str
) -> None:
    claude.provider.script.append(scenario)
    page = httpx.get(person.callback())
    assert page.status_code == 400
    progress = person.ends()
    assert progress.state == "failed"
    assert said in progress.message
    assert "s3cr3t-marker" not in repr(progress) + page.text
    assert store(tmp_path).stored() is None


def test_a_sign_in_that_nobody_finishes_ends(claude: SimulatedClaude, tmp_path: Path) -> None:
    person = Person(tmp_path, app_settings(claude), patience=0.1)
    assert "Nobody agreed" in person.ends().message


def test_a_cancelled_one_closes_its_port(person: Person) -> None:
    callback = person.callback()
    person.desk.cancel()
    assert person.ends().state == "cancelled"
    with pytest.raises(httpx.ConnectError):
        httpx.get(callback)


def test_missing_settings_are_named_and_nothing_is_borrowed(tmp_path: Path, claude: SimulatedClaude) -> None:
    assert (
        Person(tmp_path, {})
        .ends()
        .message.startswith("Set oauth_client_id, oauth_authorize_url and oauth_token_url in the settings")
    )
    partly = {name: value for name, value in app_settings(claude).items() if "TOKEN" not in name}
    assert Person(tmp_path, partly).ends().message.startswith("Set oauth_token_url in the settings")


@pytest.mark.parametrize("name", ["OAUTH_AUTHORIZE_URL", "OAUTH_TOKEN_URL"])
@pytest.mark.parametrize("url", ["http://example.com/token", "ftp://example.com", "https://a b", "https://u:p@x", "x"])
def test_addresses_must_be_https_or_on_this_machine(tmp_path: Path, name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"CLIPROXYAPI_{name}"):
        load_settings(paths_in(tmp_path), {f"CLIPROXYAPI_{name}": url}, {})


def test_an_address_keeps_its_query_and_its_last_slash(tmp_path: Path) -> None:
    url = "https://example.com/authorize/?organisation=mine"
    settings: Settings = load_settings(paths_in(tmp_path), {"CLIPROXYAPI_OAUTH_AUTHORIZE_URL": url}, {})[0]
    assert settings.oauth_authorize_url == url


def test_scopes_may_be_a_text_or_a_list(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    for text in ('oauth_scopes = "one:Two three"', 'oauth_scopes = ["one:Two", "three"]'):
        assert load_settings(paths, {}, {}, text=text)[0].oauth_scopes == ("one:Two", "three")
    assert load_settings(paths, {"CLIPROXYAPI_OAUTH_SCOPES": "one:Two,three"}, {})[0].oauth_scopes[1] == "three"


def test_a_pasted_code_without_a_state_answers_nothing() -> None:
    assert not pasted_answer("code").answers("state")
    assert not pasted_answer("").answers("state")
    assert pasted_answer("code#state").answers("state")
