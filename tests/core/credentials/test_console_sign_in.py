"""`ant auth login` as our sign-in, and which of the programs of that name is Anthropic's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.ant_cli import AntCLI
from core.credentials.console_profile import ConsoleProfiles, ConsoleProfileStore
from core.credentials.console_sign_in import WARNING, ConsoleSignIn
from core.credentials.desk import Progress, SignInDesk
from tests.stand_ins import StandIn, stand_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts of POSIX")


@pytest.fixture
def script(tmp_path: Path) -> StandIn:
    return stand_in(tmp_path, "ant")


@pytest.fixture
def store(tmp_path: Path, script: StandIn) -> ConsoleProfileStore:
    environ = {"HOME": str(tmp_path), "PATH": f"{script.directory}:/usr/bin:/bin"}
    return ConsoleProfileStore(ConsoleProfiles(environ), AntCLI(environ))


def ended(method: ConsoleSignIn) -> Progress:
    desk = SignInDesk()
    desk.start(method)
    progress = desk.wait(60)
    assert progress is not None
    assert progress.ended
    return progress


@pytest.mark.parametrize("profile", [None, "work"])
def test_the_person_is_warned_and_signed_in(store: ConsoleProfileStore, script: StandIn, profile: str | None) -> None:
    method = ConsoleSignIn(store, profile)
    progress = ended(method)
    assert progress.state == "succeeded", progress.message
    assert progress.lines[0] == WARNING
    assert progress.url == "https://platform.claude.com/oauth/authorize?client_id=ant"
    assert method.profile == (profile or "default")
    assert store.usable(profile or "default").workspace == "wrkspc_1"


@pytest.mark.parametrize(("mode", "said"), [("denial", "was denied"), ("nothing", "there is no profile")])
def test_what_goes_wrong_is_told(store: ConsoleProfileStore, script: StandIn, mode: str, said: str) -> None:
    script.does(mode)
    progress = ended(ConsoleSignIn(store))
    assert progress.state == "failed"
    assert said in progress.message


@pytest.mark.parametrize("mode", ["apache", "old"])
def test_another_program_of_that_name_is_passed_over(store: ConsoleProfileStore, script: StandIn, mode: str) -> None:
    script.does(mode)
    assert script.path != store.ant.find()
    progress = ended(ConsoleSignIn(store))
    assert progress.state == "failed"
    assert "Apache's `ant` is another program" in progress.message


def test_the_real_one_is_found_behind_apaches(tmp_path: Path, script: StandIn) -> None:
    apache = stand_in(tmp_path / "apache", "ant")
    apache.does("apache")
    environ = {"HOME": str(tmp_path), "PATH": f"{apache.directory}:{script.directory}:/usr/bin:/bin"}
    assert AntCLI(environ).find() == script.path
