"""One-time tokens and sessions, by a clock of the test's own."""

from __future__ import annotations

import pytest

from core.dashboard.access import SESSION_SECONDS, TOKEN_SECONDS, Access, ForeignPage, NoSession, check_page


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_becomes_a_session_once() -> None:
    access = Access()
    token = access.mint()
    access.check_session(access.exchange(token))
    with pytest.raises(NoSession, match="used already"):
        access.exchange(token)


@pytest.mark.parametrize("wrong", ["", "wrong", "\ud800", "x" * 10_000])
def test_what_was_not_given_out_opens_nothing(wrong: str) -> None:
    access = Access()
    access.exchange(access.mint())
    with pytest.raises(NoSession):
        access.exchange(wrong)
    with pytest.raises(NoSession):
        access.check_session(wrong)


def test_a_token_is_no_session_and_a_session_is_no_token() -> None:
    access = Access()
    token = access.mint()
    with pytest.raises(NoSession):
        access.check_session(token)
    with pytest.raises(NoSession):
        access.exchange(access.exchange(token))


def test_a_token_is_good_for_two_minutes() -> None:
    clock = Clock()
    access = Access(clock)
    token = access.mint()
    clock.now += TOKEN_SECONDS
    with pytest.raises(NoSession):
        access.exchange(token)


def test_a_session_lasts_as_long_as_it_is_used() -> None:
    clock = Clock()
    access = Access(clock)
    secret = access.exchange(access.mint())
    for _ in range(3):
        clock.now += SESSION_SECONDS - 1
        access.check_session(secret)
    clock.now += SESSION_SECONDS
    with pytest.raises(NoSession):
        access.check_session(secret)


def test_many_links_and_sessions_push_out_the_oldest() -> None:
    clock = Clock()
    access = Access(clock)
    first_token, first = access.mint(), access.exchange(access.mint())
    for _ in range(30):
        clock.now += 1
        last = access.exchange(access.mint())
        access.mint()
    access.check_session(last)
    with pytest.raises(NoSession):
        access.check_session(first)
    with pytest.raises(NoSession):
        access.exchange(first_token)


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        ("cross-site", None),
        ("same-site", None),
        ("none", None),
        (None, "http://127.0.0.1:9999"),
        ("same-origin", "https://evil.example"),
        (None, "null"),
    ],
)
def test_another_page_is_refused(site: str | None, origin: str | None) -> None:
    with pytest.raises(ForeignPage):
        check_page(site, origin, "127.0.0.1:3456")


def test_the_own_page_and_a_program_may_ask() -> None:
    check_page("same-origin", "http://127.0.0.1:3456", "127.0.0.1:3456")
    check_page(None, None, "127.0.0.1:3456")
