"""Tokens of the own OAuth app: kept for their owner alone, renewed once whoever asks, and given up once."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.credentials import own_oauth, secret_store
from core.credentials.own_oauth import OwnOAuth, OwnSignIn, RenewalFailed, SignInEnded
from core.errors import CredentialLocked, NotSignedIn
from core.file_lock import locked
from core.routes.console import OwnOAuthSource
from core.settings import load_settings
from tests.core.credentials.test_api_key import FakeKeyring, WaitingKeyring
from tests.own_app import paths_in, renewals, signed_in, store
from tests.simulated_claude import SimulatedClaude, scenarios


def test_without_one_the_error_says_how_to_sign_in(tmp_path: Path) -> None:
    with pytest.raises(NotSignedIn, match="cliproxyapi login --oauth"):
        store(tmp_path).usable()


def test_a_fresh_one_is_used_without_asking_anybody(tmp_path: Path, claude: SimulatedClaude) -> None:
    kept = signed_in(claude, tmp_path)
    own = store(tmp_path)
    assert own.remembered() is None
    assert own.usable() == kept
    assert own.remembered() == kept
    assert claude.requests == []
    assert kept.access_token not in repr(kept)
    assert str(kept.refresh_token) not in repr(kept)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_its_file_is_for_its_owner_alone_after_each_renewal(tmp_path: Path, claude: SimulatedClaude) -> None:
    for expires_in in (28800, 100):
        signed_in(claude, tmp_path, expires_in=expires_in)
        store(tmp_path).usable()
        for path in (tmp_path / "data").glob("oauth.*"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_renewed_five_minutes_early_and_the_refresh_token_rotates(
    tmp_path: Path, claude: SimulatedClaude
) -> None:
    before = signed_in(claude, tmp_path, expires_in=290)
    after = store(tmp_path).usable()
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert after.account == before.account
    assert after.expires_at is not None
    assert after.expires_at > time.time() + 28000
    # What is on the disk is the new one, for whoever reads it next.
    assert store(tmp_path).usable() == after
    assert renewals(claude) == 1


def test_with_six_minutes_left_it_is_not_renewed(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=360)
    store(tmp_path).usable()
    assert renewals(claude) == 0


def test_a_refresh_token_stays_where_the_answer_has_none(tmp_path: Path, claude: SimulatedClaude) -> None:
    claude.provider.rotates = False
    before = signed_in(claude, tmp_path, expires_in=0)
    own = store(tmp_path)
    after = own.usable()
    assert after.refresh_token == before.refresh_token
    own.rejected(after.access_token)
    assert own.usable().access_token not in (before.access_token, after.access_token)


def test_tokens_that_live_for_a_minute_are_not_renewed_for_each_request(
    tmp_path: Path, claude: SimulatedClaude
) -> None:
    claude.provider.expires_in = 240
    signed_in(claude, tmp_path, expires_in=0)
    own = store(tmp_path)
    for _ in range(5):
        own.usable()
    assert renewals(claude) == 1


def test_the_wall_clock_decides_and_a_jump_of_it_is_seen(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path)
    clock = [time.time()]
    own = OwnOAuth(paths_in(tmp_path), {}, clock=lambda: clock[0])
    own.usable()
    assert renewals(claude) == 0
    clock[0] += 8 * 3600  # the lid was closed over night
    assert own.remembered() is None
    own.usable()
    assert renewals(claude) == 1
    clock[0] -= 24 * 3600  # the clock was wrong, and somebody set it
    own.usable()
    own.usable()
    assert renewals(claude) == 2


def test_fifty_threads_cause_one_renewal(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    own = store(tmp_path)
    with ThreadPoolExecutor(50) as pool:
        tokens = {one.access_token for one in pool.map(lambda _: own.usable(), range(50))}
    assert len(tokens) == 1
    assert renewals(claude) == 1


RENEW = """
import sys
from pathlib import Path
from tests.own_app import store
own = store(Path(sys.argv[1]))
own.stored()
print("ready", flush=True)
sys.stdin.readline()
print(own.usable().access_token)
"""


def test_two_processes_at_once_cause_one_renewal(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    # The provider takes its time, so that both are in the middle of it.
    claude.provider.script.append(None)
    command = [sys.executable, "-c", RENEW, str(tmp_path)]
    children = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
        )
        for _ in range(2)
    ]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        # Both have read the old tokens and begin at the same moment: when the lock is let go.
        with locked(tmp_path / "data" / "oauth.lock", 10):
            for child in children:
                assert child.stdin is not None
                child.stdin.write("\n")
                child.stdin.flush()
            time.sleep(0.3)
            assert renewals(claude) == 0
        tokens = {child.communicate(timeout=60)[0].strip() for child in children}
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert len(tokens) == 1
    assert tokens.pop() in claude.provider.access
    assert renewals(claude) == 1


def test_an_ended_grant_signs_out_once_and_in_every_process(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    claude.provider.sign_out()
    own = store(tmp_path)
    for _ in range(3):
        with pytest.raises(SignInEnded, match="cliproxyapi login --oauth") as caught:
            own.usable()
        assert caught.value.status == 401
    with pytest.raises(SignInEnded):
        store(tmp_path).usable()
    assert renewals(claude) == 1
    assert "s3cr3t-marker" not in (tmp_path / "data" / "oauth.json").read_text()


@pytest.mark.parametrize(
    "failure",
    [scenarios.html(502), scenarios.html(200), scenarios.rate_limited(), scenarios.Scenario(reset_before_headers=True)],
    ids=["5xx", "HTML", "429", "reset"],
)
def test_a_provider_that_fails_is_left_alone_for_a_while(
    tmp_path: Path, claude: SimulatedClaude, failure: scenarios.Scenario
) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    claude.provider.script += [failure] * 5
    own = store(tmp_path)
    for _ in range(3):
        with pytest.raises(RenewalFailed) as caught:
            own.usable()
        assert int(caught.value.headers["retry-after"]) >= 1
        assert caught.value.status == 503
    assert renewals(claude) == 1
    assert own.trouble


def test_after_the_back_off_it_is_tried_again_and_works(
    tmp_path: Path, claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_oauth, "_FIRST_DELAY_SECONDS", 0.0)
    signed_in(claude, tmp_path, expires_in=0)
    claude.provider.script += [scenarios.html(503), scenarios.html(503)]
    own = store(tmp_path)
    for _ in range(2):
        with pytest.raises(RenewalFailed):
            own.usable()
    assert own.usable().access_token
    assert own.trouble is None


def test_a_provider_that_says_nothing_is_not_waited_for_long(
    tmp_path: Path, claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.credentials.token_endpoint._READ_SECONDS", 0.1)
    signed_in(claude, tmp_path, expires_in=0)
    claude.provider.script.append(scenarios.stalls(3))
    with pytest.raises(RenewalFailed, match="in time"):
        store(tmp_path).usable()


def test_renewing_early_may_fail_as_long_as_the_old_one_lives(tmp_path: Path, claude: SimulatedClaude) -> None:
    before = signed_in(claude, tmp_path, expires_in=200)
    claude.provider.script.append(scenarios.html(502))
    own = store(tmp_path)
    assert own.usable() == before
    assert own.usable() == before
    assert renewals(claude) == 1


def test_a_rejected_token_is_renewed_once_and_not_for_each_request(tmp_path: Path, claude: SimulatedClaude) -> None:
    before = signed_in(claude, tmp_path)
    own = store(tmp_path)
    own.usable()
    own.rejected(before.access_token)
    assert own.can_renew()
    after = own.usable()
    assert after.access_token != before.access_token
    # A late 401 for the old token says nothing about the new one.
    own.rejected(before.access_token)
    assert own.can_renew()
    assert own.usable() == after
    own.rejected(after.access_token)
    assert not own.can_renew()
    assert own.usable() == after
    assert renewals(claude) == 1


def test_without_a_refresh_token_it_ends_with_its_time(tmp_path: Path, claude: SimulatedClaude) -> None:
    kept = signed_in(claude, tmp_path, expires_in=100, refreshable=False)
    assert store(tmp_path).usable() == kept
    signed_in(claude, tmp_path, expires_in=0, refreshable=False)
    with pytest.raises(SignInEnded, match="login --oauth"):
        store(tmp_path).usable()
    assert renewals(claude) == 0


def test_where_nothing_can_be_written_the_new_tokens_live_with_the_program(
    tmp_path: Path, claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    signed_in(claude, tmp_path, expires_in=0)
    own = store(tmp_path)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.credentials.secret_store.write_private", full)
    first = own.usable()
    assert own.usable() == first
    claude.provider.expire()
    own.rejected(first.access_token)
    second = own.usable()
    assert second.access_token != first.access_token
    assert own.usable() == second
    assert renewals(claude) == 2
    assert "No space left" in caplog.text


def test_a_keyring_keeps_them_and_the_file_does_not(tmp_path: Path, claude: SimulatedClaude) -> None:
    keyring = FakeKeyring()
    kept = signed_in(claude, tmp_path, expires_in=0)
    own = OwnOAuth(paths_in(tmp_path), {}, keyring)
    assert own.keep(kept) == "the system's keyring"
    renewed = own.usable()
    assert renewed.access_token in next(iter(keyring.entries.values()))
    assert "s3cr3t-marker" not in (tmp_path / "data" / "oauth.json").read_text()
    # Another process has the renewed one from the keyring, and asks it once.
    other = OwnOAuth(paths_in(tmp_path), {}, keyring)
    asked = keyring.asked
    assert [other.usable(), other.usable(), other.remembered()] == [renewed] * 3
    assert keyring.asked == asked + 1
    assert own.forget() == "revoked"
    assert keyring.entries == {}


def test_a_locked_keyring_is_a_state_of_its_own(
    tmp_path: Path, claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_store, "_KEYRING_SECONDS", 0.05)
    keyring = WaitingKeyring()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "oauth.json").write_text('{"stored": "keyring"}')
    own = OwnOAuth(paths_in(tmp_path), {}, keyring)
    with pytest.raises(CredentialLocked, match="Unlock the keyring"):
        own.usable()
    settings, _ = load_settings(paths_in(tmp_path), {}, {})
    assert OwnOAuthSource(own).look(settings, automatic=True).state == "locked"
    keyring.unlocked.set()


def test_signing_out_revokes_and_leaves_nothing(tmp_path: Path, claude: SimulatedClaude) -> None:
    kept = signed_in(claude, tmp_path)
    own = store(tmp_path)
    assert own.forget() == "revoked"
    assert claude.provider.revoked == [kept.refresh_token]
    assert not (tmp_path / "data" / "oauth.json").exists()
    assert own.forget() == "nothing"
    with pytest.raises(NotSignedIn):
        own.usable()


def test_signing_out_works_without_the_provider(tmp_path: Path) -> None:
    with SimulatedClaude() as gone:
        signed_in(gone, tmp_path)
    assert store(tmp_path).forget() == "forgotten"
    assert store(tmp_path).stored() is None


def test_another_sign_in_counts_at_once(tmp_path: Path, claude: SimulatedClaude) -> None:
    signed_in(claude, tmp_path)
    own = store(tmp_path)
    own.usable()
    second = signed_in(claude, tmp_path)
    assert own.remembered() is None
    assert own.usable() == second


@pytest.mark.parametrize("text", ["", "[]", '{"client_id": 1}', '{"access_token": "x"}'])
def test_what_is_damaged_is_no_sign_in(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "oauth.json").write_text(json.dumps({"stored": "file", "tokens": text}))
    assert store(tmp_path).stored() is None
    assert "damaged" in caplog.text


def test_a_lock_that_nobody_lets_go_is_not_waited_for_for_ever(
    tmp_path: Path, claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_oauth, "_LOCK_SECONDS", 0.1)
    signed_in(claude, tmp_path, expires_in=0)
    held = threading.Event()
    with locked(tmp_path / "data" / "oauth.lock", 1):
        held.set()
        with pytest.raises(RenewalFailed, match="Another CLIProxyAPI"):
            store(tmp_path).usable()
    assert store(tmp_path).usable().access_token
    assert renewals(claude) == 1


def test_the_first_half_of_a_short_life_is_not_early() -> None:
    sign_in = OwnSignIn("app", "https://example.com", "token-s3cr3t-marker", None, obtained_at=1000, expires_at=1100)
    assert [sign_in.is_due(now) for now in (1000, 1049, 1050, 1100)] == [False, False, True, True]
