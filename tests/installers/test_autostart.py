"""The switch on Linux: which mechanism it picks, never two, and what it says when something is in its way."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from installers.autostart import Autostart
from installers.mechanism import AutostartError, ForeignAutostart
from installers.systemd_unit import SystemdUnit, render_unit
from installers.xdg_autostart import XdgAutostart, render_entry
from tests.installers.standin import StandIn, installed, systemctl

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")

UNIT, SERVER, ENTRY = "systemd/user/cliproxyapi.service", "systemd/user/cliproxyapi-headless.service", "autostart"


@pytest.fixture
def systemd(tmp_path: Path) -> StandIn:
    return systemctl(tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return installed(tmp_path)


@pytest.fixture
def switch(systemd: StandIn, tmp_path: Path) -> Callable[..., Autostart]:
    def make(program: Path | None, *, headless: bool = False, **variables: str) -> Autostart:
        environ = {**systemd.environ, **variables}
        launcher = tmp_path / "data/launcher"
        mechanisms = [
            SystemdUnit(environ, tmp_path, launcher, headless=False),
            XdgAutostart(environ, tmp_path, launcher),
            SystemdUnit(environ, tmp_path, launcher, headless=True),
        ]
        return Autostart(mechanisms, program, launcher, headless=headless)

    return make


Switch = Callable[..., Autostart]


def written(home: Path) -> list[str]:
    """Every file and link that was made below `.config` and `data`."""
    folders = [home / ".config", home / "data"]
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return sorted(str(path.relative_to(home)) for path in paths)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_in_a_session_of_systemd_it_is_the_unit_alone(switch: Switch, program: Path, tmp_path: Path) -> None:
    switch(program).enable()
    link = "graphical-session.target.wants/cliproxyapi.service"
    assert written(tmp_path) == [f".config/{UNIT}", f".config/systemd/user/{link}"]
    assert (tmp_path / ".config" / UNIT).read_text() == render_unit(program)
    state = switch(program).state()
    assert (state.condition, state.place, state.program) == ("on", str(tmp_path / ".config" / UNIT), str(program))
    switch(program).disable()
    assert written(tmp_path) == []
    assert switch(program).state().condition == "off"


@pytest.mark.parametrize("missing", ["no_manager", "no_session"])
def test_elsewhere_it_is_the_entry_alone(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path, missing: str
) -> None:
    systemd.set(missing)
    switch(program).enable()
    assert written(tmp_path) == [".config/autostart/cliproxyapi.desktop"]
    assert (tmp_path / ".config/autostart/cliproxyapi.desktop").read_text() == render_entry(program)
    assert switch(program).state().condition == "on"
    switch(program).disable()
    assert written(tmp_path) == []


def test_another_desktop_means_another_mechanism_and_never_both(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path
) -> None:
    switch(program).enable()
    systemd.set("no_session")
    # It is on, but not here: where there is a desktop that does not start it, that is said.
    assert switch(program).state().condition == "on"
    state = switch(program, DISPLAY=":1").state()
    assert state.condition == "switched_off"
    assert "graphical-session.target" in state.sentence
    switch(program, DISPLAY=":1").enable()
    assert written(tmp_path) == [".config/autostart/cliproxyapi.desktop"]
    (systemd.directory / "no_session").unlink()
    assert switch(program).state().condition == "on"
    switch(program).enable()
    assert not (tmp_path / ".config/autostart/cliproxyapi.desktop").exists()


def test_a_server_without_a_screen_takes_the_place_of_the_tray(switch: Switch, program: Path, tmp_path: Path) -> None:
    switch(program).enable()
    switch(program, headless=True).enable()
    assert written(tmp_path) == [
        f".config/{SERVER}",
        ".config/systemd/user/default.target.wants/cliproxyapi-headless.service",
    ]
    state = switch(program).state()
    assert (state.condition, state.headless) == ("on", True)
    assert "without a tray" in state.sentence
    switch(program).disable()
    assert written(tmp_path) == []


def test_lingering_is_offered_where_it_is_missing(switch: Switch, program: Path) -> None:
    assert "loginctl enable-linger" in (switch(program, headless=True).advice() or "")
    assert switch(program, headless=True, LINGER="yes").advice() is None
    assert switch(program).advice() is None


def test_a_server_needs_a_systemd_that_answers(switch: Switch, systemd: StandIn, program: Path, tmp_path: Path) -> None:
    systemd.set("no_manager")
    with pytest.raises(AutostartError, match="not with su or sudo"):
        switch(program, headless=True).enable()
    assert written(tmp_path) == []


def test_without_systemd_a_unit_is_switched_off_all_the_same(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path
) -> None:
    switch(program).enable()
    systemd.set("no_manager")
    switch(program).disable()
    assert written(tmp_path) == []


def test_what_systemctl_refuses_is_one_sentence(switch: Switch, systemd: StandIn, program: Path) -> None:
    systemd.set("fails")
    with pytest.raises(AutostartError, match=r"reenable cliproxyapi\.service` failed: Failed to enable unit"):
        switch(program).enable()
    assert switch(program).state().condition == "off"


@pytest.mark.parametrize("name", ["it's", 'say "hi"', "50%", "a\\b", "a\nb", "$HOME", "my-Gateway"])
@pytest.mark.parametrize("session", [True, False])
def test_a_path_that_no_command_can_carry_goes_through_a_link(
    switch: Switch, systemd: StandIn, tmp_path: Path, name: str, session: bool
) -> None:
    if not session:
        systemd.set("no_session")
    odd = installed(tmp_path / name)
    switch(odd).enable()
    launcher = tmp_path / "data/launcher"
    assert launcher.readlink() == odd
    state = switch(odd).state()
    assert (state.condition, state.program) == ("on", str(odd))
    text = Path(state.place).read_text()
    assert str(launcher) in text
    assert "gateway" not in text.lower()
    odd.unlink()
    assert switch(odd).state().condition == "moved"
    plain = installed(tmp_path / "plain")
    switch(plain).repair()
    assert switch(plain).state().condition == "on"
    assert not os.path.lexists(launcher)


def test_switching_off_takes_the_link_along(switch: Switch, tmp_path: Path) -> None:
    odd = installed(tmp_path / "it's")
    switch(odd).enable()
    switch(odd).disable()
    assert written(tmp_path) == []


@pytest.mark.parametrize("session", [True, False])
def test_a_moved_program_is_told_and_repaired(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path, session: bool
) -> None:
    if not session:
        systemd.set("no_session")
    switch(program).enable()
    elsewhere = installed(tmp_path / "elsewhere")
    assert "not the program that runs here" in switch(elsewhere).state().sentence
    program.unlink()
    state = switch(elsewhere).state()
    assert (state.condition, state.program) == ("moved", str(program))
    assert "not there any more" in state.sentence
    switch(elsewhere).repair()
    assert switch(elsewhere).state().condition == "on"


def test_an_upgrade_behind_an_unresolved_link_is_no_move(switch: Switch, program: Path, tmp_path: Path) -> None:
    link = tmp_path / "bin/cliproxyapi"
    link.parent.mkdir()
    link.symlink_to(program)
    switch(link).enable()
    newer = installed(tmp_path / "newer")
    link.unlink()
    link.symlink_to(newer)
    program.unlink()
    assert switch(link).state().condition == "on"
    # Started through its own path it is still the same program.
    assert switch(newer).state().condition == "on"


OTHER_UNIT = """[Service]
ExecStart=/opt/other/cli-proxy-api --config /etc/other.yaml
[Install]
WantedBy=default.target
"""


def test_another_programs_unit_is_replaced_on_consent_only(switch: Switch, program: Path, tmp_path: Path) -> None:
    unit = put(tmp_path / ".config" / UNIT, OTHER_UNIT)
    too_early = tmp_path / ".config/systemd/user/default.target.wants/cliproxyapi.service"
    too_early.parent.mkdir()
    too_early.symlink_to(unit)
    state = switch(program).state()
    assert (state.condition, state.program) == ("foreign", "/opt/other/cli-proxy-api")
    with pytest.raises(ForeignAutostart, match="/opt/other/cli-proxy-api"):
        switch(program).enable()
    switch(program).disable()
    switch(program).repair()
    assert unit.read_text() == OTHER_UNIT
    assert too_early.is_symlink()
    switch(program).enable(replace_foreign=True)
    assert switch(program).state().condition == "on"
    # Ours must not be started by the target that started theirs.
    assert not too_early.is_symlink()


def test_another_programs_unit_is_no_business_of_the_entry(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path
) -> None:
    systemd.set("no_session")
    unit = put(tmp_path / ".config" / UNIT, OTHER_UNIT)
    assert switch(program).state().condition == "off"
    switch(program).enable()
    assert switch(program).state().condition == "on"
    assert unit.read_text() == OTHER_UNIT


def test_another_programs_entry_is_replaced_on_consent_only(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path
) -> None:
    systemd.set("no_session")
    entry = put(tmp_path / ".config/autostart/cliproxyapi.desktop", "[Desktop Entry]\nExec=/opt/other --x\n")
    assert switch(program).state().program == "/opt/other"
    with pytest.raises(ForeignAutostart):
        switch(program).enable()
    switch(program).disable()
    assert entry.exists()
    switch(program).enable(replace_foreign=True)
    assert switch(program).state().condition == "on"


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_what_the_desktop_switched_off_is_told_and_switched_on_again(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path, line: str
) -> None:
    systemd.set("no_session")
    switch(program).enable()
    entry = tmp_path / ".config/autostart/cliproxyapi.desktop"
    entry.write_text(entry.read_text().replace("X-GNOME-Autostart-enabled=true\n", "") + f"{line}\n")
    state = switch(program).state()
    assert state.condition == "switched_off"
    assert line in state.sentence
    switch(program).enable()
    assert switch(program).state().condition == "on"


def test_a_masked_unit_is_switched_off_by_somebody(switch: Switch, program: Path, tmp_path: Path) -> None:
    unit = tmp_path / ".config" / UNIT
    unit.parent.mkdir(parents=True)
    unit.symlink_to(os.devnull)
    state = switch(program).state()
    assert state.condition == "switched_off"
    assert "masked" in state.sentence
    switch(program).enable()
    assert switch(program).state().condition == "on"
    assert not unit.is_symlink()


@pytest.mark.parametrize(
    ("text", "condition"),
    [("", "moved"), ("[Desktop Entry]\nName=CLIProx", "foreign"), ("[Desktop Entry]\nName=CLIProxyAPI\n", "moved")],
)
def test_half_an_entry_is_ours_only_if_it_says_so(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path, text: str, condition: str
) -> None:
    systemd.set("no_session")
    put(tmp_path / ".config/autostart/cliproxyapi.desktop", text)
    assert switch(program).state().condition == condition
    if condition == "moved":
        switch(program).repair()
        assert switch(program).state().condition == "on"


def test_half_a_unit_that_is_not_switched_on_starts_nothing(switch: Switch, program: Path, tmp_path: Path) -> None:
    put(tmp_path / ".config" / UNIT, "[Unit]\nDescription=CLIProxyAPI tray and lo")
    assert switch(program).state().condition == "off"
    switch(program).enable()
    assert switch(program).state().condition == "on"


def test_a_name_that_is_a_folder_is_one_sentence(
    switch: Switch, systemd: StandIn, program: Path, tmp_path: Path
) -> None:
    systemd.set("no_session")
    (tmp_path / ".config/autostart/cliproxyapi.desktop").mkdir(parents=True)
    with pytest.raises(AutostartError, match=r"cliproxyapi.desktop cannot be read: Is a directory\.$"):
        switch(program).enable()


def test_a_home_that_is_a_file_is_one_sentence(switch: Switch, systemd: StandIn, program: Path, tmp_path: Path) -> None:
    systemd.set("no_session")
    (tmp_path / ".config").write_text("")
    assert switch(program).state().condition == "off"
    with pytest.raises(AutostartError, match=r"cliproxyapi.desktop cannot be written: .+\.$"):
        switch(program).enable()
    switch(program).disable()


def test_a_full_disk_leaves_the_old_entry(switch: Switch, systemd: StandIn, program: Path, tmp_path: Path) -> None:
    systemd.set("no_session")
    switch(program).enable()
    entry = tmp_path / ".config/autostart/cliproxyapi.desktop"
    before = entry.read_text()
    elsewhere = installed(tmp_path / "elsewhere")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # No file may grow beyond eight bytes: the nearest thing to a full disk that needs no disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
        with pytest.raises(AutostartError, match=r"cliproxyapi.desktop cannot be written: File too large\.$"):
            switch(elsewhere).enable()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert entry.read_text() == before
    assert os.listdir(entry.parent) == [entry.name]


def test_what_nobody_installed_cannot_be_started(switch: Switch) -> None:
    with pytest.raises(AutostartError, match="No installed program"):
        switch(None).enable()
    assert switch(None).state().condition == "off"


def test_a_program_in_a_cache_is_refused(switch: Switch, tmp_path: Path) -> None:
    with pytest.raises(AutostartError, match="may be emptied"):
        switch(installed(tmp_path / ".cache/uv")).enable()


def test_the_preview_is_what_gets_written(switch: Switch, program: Path, tmp_path: Path) -> None:
    text, place = switch(program).preview()
    assert written(tmp_path) == []
    switch(program).enable()
    assert Path(place).read_text() == text


def test_starting_now_is_left_to_systemd(switch: Switch, systemd: StandIn, program: Path) -> None:
    switch(program).enable()
    systemd.calls()
    switch(program).start()
    assert systemd.calls()[-1] == "--user start cliproxyapi.service"
    systemd.set("no_session")
    with pytest.raises(AutostartError, match="at login only"):
        switch(program).start()
