"""Start at login on a Mac, against a launchctl that plays launchd with all its exit codes."""

from __future__ import annotations

import os
import plistlib
import stat
from pathlib import Path

import pytest

from installers.autostart import Autostart
from installers.launch_agent import LABEL, LaunchAgent, bundle_id, render_agent
from installers.mechanism import AutostartError, ForeignAutostart
from tests.installers.standin import StandIn, installed, launchctl

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")

GUI, USER = f"gui/501/{LABEL}", f"user/501/{LABEL}"

# Everything that an agent of ours may contain, from Apple's launchd.plist(5).
ALLOWED_KEYS = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ThrottleInterval": int,
    "ProcessType": str,
    "ExitTimeOut": int,
    "LimitLoadToSessionType": str,
    "AssociatedBundleIdentifiers": list,
    "StandardOutPath": str,
    "StandardErrorPath": str,
}


@pytest.fixture
def launchd(tmp_path: Path) -> StandIn:
    return launchctl(tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return installed(tmp_path)


def switch(launchd: StandIn, program: Path, *, headless: bool = False, started_by_launchd: bool = False) -> Autostart:
    home = launchd.directory.parent
    environ = {**launchd.environ, "XPC_SERVICE_NAME": LABEL if started_by_launchd else "0"}
    log_file = home / "Library/Logs/cliproxyapi/launchd.log"
    agents = [
        LaunchAgent(environ, home, log_file, 501, headless=headless, sleep=lambda _: None) for headless in (False, True)
    ]
    return Autostart(agents, program, home / "launcher", headless=headless)


def agent_file(launchd: StandIn) -> Path:
    return launchd.directory.parent / f"Library/LaunchAgents/{LABEL}.plist"


def test_the_agent_says_what_launchd_needs_and_no_more() -> None:
    program = Path("/Applications/CLIProxyAPI.app/Contents/MacOS/CLIProxyAPI")
    log = Path("/Users/ada/Library/Logs/cliproxyapi/launchd.log")
    agent = plistlib.loads(render_agent(program, log, bundle_id="org.example.CLIProxyAPI").encode())
    assert agent == {
        "Label": "ai.openclaw.proxy",
        "ProgramArguments": [str(program), "--autostarted"],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ProcessType": "Interactive",
        "ExitTimeOut": 10,
        "LimitLoadToSessionType": "Aqua",
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
        "AssociatedBundleIdentifiers": ["org.example.CLIProxyAPI"],
    }
    assert {name: type(value) for name, value in agent.items()} == ALLOWED_KEYS


def test_a_server_without_a_tray_belongs_to_no_screen() -> None:
    agent = plistlib.loads(render_agent(Path("/opt/cliproxyapi"), Path("/log"), headless=True).encode())
    assert agent["ProgramArguments"] == ["/opt/cliproxyapi", "--autostarted", "serve"]
    assert agent["LimitLoadToSessionType"] == "Background"
    assert "AssociatedBundleIdentifiers" not in agent
    assert agent.keys() <= ALLOWED_KEYS.keys()


@pytest.mark.parametrize("headless", [False, True])
def test_openclaw_never_takes_the_agent_for_its_own(headless: bool) -> None:
    text = render_agent(Path("/opt/cliproxyapi"), Path("/log"), headless=headless, bundle_id="org.example.x")
    assert "gateway" not in text.lower()


def test_a_path_that_openclaw_would_stumble_over_is_refused(launchd: StandIn, tmp_path: Path) -> None:
    with pytest.raises(AutostartError, match="OpenClaw would take"):
        switch(launchd, installed(tmp_path / "Gateway")).enable()
    assert launchd.calls() == []
    assert not agent_file(launchd).exists()


@pytest.mark.parametrize("name", ["R&D <x>", "it's", 'say "hi"', "50%", "a\\b", "ünïcode ✓"])
def test_any_path_survives_the_way_through_the_file(launchd: StandIn, tmp_path: Path, name: str) -> None:
    program = installed(tmp_path / name)
    switch(launchd, program).enable()
    state = switch(launchd, program).state()
    assert (state.condition, state.program) == ("on", str(program))


def test_the_bundle_is_named_only_from_inside_it(tmp_path: Path) -> None:
    program = installed(tmp_path / "CLIProxyAPI.app/Contents/MacOS", "CLIProxyAPI")
    assert bundle_id(program) is None
    (tmp_path / "CLIProxyAPI.app/Contents/Info.plist").write_bytes(
        plistlib.dumps({"CFBundleIdentifier": "org.example.CLIProxyAPI"})
    )
    assert bundle_id(program) == "org.example.CLIProxyAPI"
    assert bundle_id(Path("/usr/local/bin/cliproxyapi")) is None
    (tmp_path / "CLIProxyAPI.app/Contents/Info.plist").write_bytes(b"half a fi")
    assert bundle_id(program) is None


def test_enabling_writes_and_enables_and_starts_no_second_copy(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    assert launchd.calls() == [f"enable {GUI}", f"print {GUI}", f"print {USER}"]
    assert stat.S_IMODE(agent_file(launchd).stat().st_mode) == 0o644
    # launchd makes the log, but no folder for it.
    assert (launchd.directory.parent / "Library/Logs/cliproxyapi").is_dir()
    assert switch(launchd, program).state().condition == "on"


def test_on_is_what_the_file_says_even_before_launchd_has_read_it(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    state = switch(launchd, program).state()
    assert state.condition == "on"
    assert "macOS may have this switched off" in state.sentence
    launchd.set("loaded.gui", "pid")
    assert switch(launchd, program).state().note is None


def test_disabling_deletes_the_file_and_lets_launchd_forget_an_idle_agent(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui")
    launchd.calls()
    switch(launchd, program).disable()
    assert not agent_file(launchd).exists()
    calls = launchd.calls()
    # It waits until launchd has let go, or the next bootstrap would fail.
    assert calls[calls.index(f"bootout {GUI}") + 1 :][:4] == [*[f"print {GUI}"] * 3, f"print {USER}"]
    assert not launchd.has("loaded.gui")
    assert switch(launchd, program).state().condition == "off"


def test_started_by_launchd_disabling_does_not_end_us(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui", "pid")
    launchd.calls()
    switch(launchd, program, started_by_launchd=True).disable()
    assert not agent_file(launchd).exists()
    assert launchd.calls() == ["print-disabled gui/501"]
    assert launchd.has("loaded.gui")


def test_disabling_from_a_terminal_leaves_the_one_that_launchd_runs(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui", "pid")
    launchd.calls()
    switch(launchd, program).disable()
    assert not any(call.startswith("bootout") for call in launchd.calls())


def test_an_agent_that_is_ending_already_is_waited_for(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui")
    launchd.set("draining", "3")
    launchd.calls()
    switch(launchd, program).disable()  # bootout answers 36
    assert f"bootout {GUI}" in launchd.calls()
    assert not launchd.has("loaded.gui")


@pytest.mark.parametrize("code", [3, 113])
def test_an_agent_that_went_by_itself_meanwhile_is_no_error(launchd: StandIn, program: Path, code: int) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui")
    launchd.set("bootout", str(code))
    switch(launchd, program).disable()
    assert f"bootout {GUI}" in launchd.calls()


def test_an_agent_that_launchd_keeps_is_told(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui")
    launchd.set("bootout", "150")
    with pytest.raises(AutostartError, match="`launchctl bootout` failed with code 150: Boot-out failed"):
        switch(launchd, program).disable()
    assert not agent_file(launchd).exists()


def test_disabling_what_was_never_on_is_no_error(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).disable()
    assert switch(launchd, program).state().condition == "off"


def test_a_moved_program_is_noticed_and_repaired(launchd: StandIn, tmp_path: Path, program: Path) -> None:
    switch(launchd, program).enable()
    program.unlink()
    elsewhere = installed(tmp_path / "elsewhere")
    launchd.set("loaded.gui")
    state = switch(launchd, elsewhere).state()
    assert (state.condition, state.program) == ("moved", str(program))
    assert "not there any more" in state.sentence
    launchd.calls()
    switch(launchd, elsewhere).repair()
    assert switch(launchd, elsewhere).state().condition == "on"
    # launchd forgets the agent that it read from the old file, and nothing is started.
    calls = launchd.calls()
    assert f"bootout {GUI}" in calls
    assert not any(call.startswith(("bootstrap", "kickstart")) for call in calls)


def test_another_copy_that_is_still_there_is_moved_as_well(launchd: StandIn, tmp_path: Path, program: Path) -> None:
    switch(launchd, program).enable()
    state = switch(launchd, installed(tmp_path / "elsewhere")).state()
    assert state.condition == "moved"
    assert "not the program that runs here" in state.sentence


def test_a_repair_keeps_a_server_a_server(launchd: StandIn, tmp_path: Path, program: Path) -> None:
    switch(launchd, program, headless=True).enable()
    program.unlink()
    elsewhere = installed(tmp_path / "elsewhere")
    switch(launchd, elsewhere).repair()
    state = switch(launchd, elsewhere).state()
    assert (state.condition, state.headless) == ("on", True)


def test_a_repair_of_what_needs_none_changes_nothing(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    before = agent_file(launchd).stat().st_mtime_ns
    switch(launchd, program).repair()
    assert agent_file(launchd).stat().st_mtime_ns == before


@pytest.mark.parametrize("word", ["disabled", "true"])
def test_what_macos_switched_off_is_told_and_switched_on_again(launchd: StandIn, program: Path, word: str) -> None:
    switch(launchd, program).enable()
    launchd.set("disabled", f'    "{LABEL}" => {word}\n')
    state = switch(launchd, program).state()
    assert state.condition == "switched_off"
    assert "System Settings" in state.sentence
    switch(launchd, program).enable()
    assert switch(launchd, program).state().condition == "on"


@pytest.mark.parametrize("word", ["enabled", "false"])
def test_what_macos_has_enabled_by_name_is_on(launchd: StandIn, program: Path, word: str) -> None:
    switch(launchd, program).enable()
    launchd.set("disabled", f'    "{LABEL}" => {word}\n')
    assert switch(launchd, program).state().condition == "on"


def test_without_a_graphical_login_it_names_the_other_way_and_writes_nothing(launchd: StandIn, program: Path) -> None:
    launchd.set("no_gui")
    with pytest.raises(AutostartError, match="--headless"):
        switch(launchd, program).enable()
    assert not agent_file(launchd).exists()
    switch(launchd, program, headless=True).enable()
    assert f"enable {USER}" in launchd.calls()
    state = switch(launchd, program, headless=True).state()
    assert (state.condition, state.headless) == ("on", True)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/private/var/folders/zz/AppTranslocation/1-2/d/CLIProxyAPI.app/Contents/MacOS/CLIProxyAPI", "in the Finder"),
        ("/Volumes/CLIProxyAPI/CLIProxyAPI.app/Contents/MacOS/CLIProxyAPI", "disk image"),
    ],
)
def test_a_place_that_will_not_last_is_refused(launchd: StandIn, place: str, words: str) -> None:
    with pytest.raises(AutostartError, match=words):
        switch(launchd, Path(place)).enable()
    assert launchd.calls() == []
    assert not agent_file(launchd).exists()


FOREIGN = {"Label": LABEL, "ProgramArguments": ["/usr/local/bin/openclaw", "--profile", "proxy"], "KeepAlive": True}


def test_another_programs_agent_is_shown_and_replaced_on_consent_only(launchd: StandIn, program: Path) -> None:
    agent_file(launchd).parent.mkdir(parents=True)
    agent_file(launchd).write_bytes(plistlib.dumps(FOREIGN))
    state = switch(launchd, program).state()
    assert (state.condition, state.program) == ("foreign", "/usr/local/bin/openclaw")
    with pytest.raises(ForeignAutostart, match="openclaw"):
        switch(launchd, program).enable()
    switch(launchd, program).disable()
    switch(launchd, program).repair()
    assert plistlib.loads(agent_file(launchd).read_bytes()) == FOREIGN
    switch(launchd, program).enable(replace_foreign=True)
    assert switch(launchd, program).state().condition == "on"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", "moved"),
        ("<?xml version='1.0'?><plist><dict><key>Label</key><string>--autostarted", "moved"),
        ("<?xml version='1.0'?><plist><dict><key>Label", "foreign"),
        ("<?xml version='1.0'?><plist version='1.0'><array/></plist>", "foreign"),
        (
            "<?xml version='1.0'?><plist version='1.0'><dict><key>Label</key><string>x</string></dict></plist>",
            "foreign",
        ),
    ],
)
def test_half_a_file_is_ours_only_if_it_says_so(launchd: StandIn, program: Path, text: str, condition: str) -> None:
    agent_file(launchd).parent.mkdir(parents=True)
    agent_file(launchd).write_text(text)
    state = switch(launchd, program).state()
    assert state.condition == condition
    if condition == "moved":
        assert "damaged" in state.sentence
        switch(launchd, program).repair()
        assert switch(launchd, program).state().condition == "on"


def test_starting_now_loads_the_agent(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.calls()
    switch(launchd, program).start()
    assert launchd.calls() == [f"bootstrap gui/501 {agent_file(launchd)}"]


def test_starting_now_waits_for_what_is_still_ending(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui", "pid")
    launchd.set("draining", "3")
    launchd.calls()
    switch(launchd, program).start()
    bootstrap = f"bootstrap gui/501 {agent_file(launchd)}"
    calls = launchd.calls()
    assert calls == [bootstrap, *[f"print {GUI}"] * 4, bootstrap]


def test_starting_now_what_stays_loaded_is_a_kick(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("loaded.gui")
    switch(launchd, program).start()
    assert launchd.calls()[-1] == f"kickstart {GUI}"


def test_starting_now_without_a_screen_says_so(launchd: StandIn, program: Path) -> None:
    switch(launchd, program).enable()
    launchd.set("no_gui")
    with pytest.raises(AutostartError, match="Nobody is logged in"):
        switch(launchd, program).start()


def test_starting_now_without_a_file_tells_what_launchd_said(launchd: StandIn, program: Path) -> None:
    with pytest.raises(AutostartError, match="code 2: Bootstrap failed"):
        switch(launchd, program).start()


def test_what_launchctl_refuses_is_one_sentence(launchd: StandIn, program: Path) -> None:
    launchd.set("deny")
    with pytest.raises(AutostartError, match="`launchctl enable` failed with code 1: Boot-out failed"):
        switch(launchd, program).enable()
    assert not agent_file(launchd).exists()


def test_without_launchctl_it_says_so(tmp_path: Path, program: Path) -> None:
    empty = tmp_path / "stand-in"
    empty.mkdir()
    alone = StandIn(empty)
    agent = LaunchAgent({"PATH": str(empty)}, tmp_path, tmp_path / "log", 501)
    with pytest.raises(AutostartError, match="code 127"):
        Autostart([agent], program, tmp_path / "launcher").enable()
    assert alone.calls() == []
