"""The units as text: what they say, and that what they say is read back. Whether systemd does it: tests/desktop."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installers.systemd_unit import parse_command, render_headless_unit, render_system_unit, render_unit

PROGRAM = Path("/home/ada/.local/bin/cliproxyapi")

GRAPHICAL = """\
[Unit]
Description=CLIProxyAPI tray and local proxy
PartOf=graphical-session.target
After=graphical-session.target
ConditionEnvironment=|WAYLAND_DISPLAY
ConditionEnvironment=|DISPLAY
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
Type=exec
ExecStart="/home/ada/.local/bin/cliproxyapi" --autostarted
Restart=on-failure
RestartSec=3
RestartPreventExitStatus=64 78
KillMode=mixed
TimeoutStopSec=10
Slice=app.slice

[Install]
WantedBy=graphical-session.target
"""


def keys(unit: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)


def test_the_unit_belongs_to_the_graphical_session() -> None:
    assert render_unit(PROGRAM) == GRAPHICAL


def test_a_server_waits_for_no_screen_and_retries_a_busy_port_slowly() -> None:
    unit = keys(render_headless_unit(PROGRAM))
    assert unit["ExecStart"] == f'"{PROGRAM}" --autostarted serve'
    assert unit["WantedBy"] == "default.target"
    assert unit["RestartSec"] == "30"
    assert not unit.keys() & {"PartOf", "After", "ConditionEnvironment"}
    # Five starts in two minutes would be the end: at one in 30 seconds that limit is never reached.
    assert int(unit["RestartSec"]) * int(unit["StartLimitBurst"]) > int(unit["StartLimitIntervalSec"])


def test_a_system_wide_unit_runs_as_its_user() -> None:
    unit = keys(render_system_unit(PROGRAM, "ada"))
    assert unit["User"] == "ada"
    assert unit["WantedBy"] == "multi-user.target"
    assert unit["ExecStart"] == f'"{PROGRAM}" --autostarted serve'


@pytest.mark.parametrize("user", ["", "a b", "ada\nExecStartPre=/bin/evil", "-x", "a%h"])
def test_what_is_no_user_gets_into_no_unit(user: str) -> None:
    with pytest.raises(ValueError, match="is no name of a user"):
        render_system_unit(PROGRAM, user)


def test_a_system_wide_unit_has_no_launcher() -> None:
    with pytest.raises(ValueError, match="plainer"):
        render_system_unit(Path("/opt/it's/cliproxyapi"), "ada")


@pytest.mark.parametrize(
    "unit", [render_unit(PROGRAM), render_headless_unit(PROGRAM), render_system_unit(PROGRAM, "a")]
)
def test_no_unit_hardens_what_a_browser_would_inherit(unit: str) -> None:
    for key in ("NoNewPrivileges", "LockPersonality", "RestrictSUIDSGID", "Protect", "Private", "SystemCall"):
        assert key not in unit
    assert "DISPLAY=:0" not in unit
    assert "Type=notify" not in unit


@given(
    st.text(st.characters(exclude_characters="'\"%\\\n\r/\0", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)
)
def test_a_path_is_read_back_as_it_was(name: str) -> None:
    program = Path("/opt") / name / "cliproxyapi"
    assert parse_command(render_unit(program)) == [str(program), "--autostarted"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ExecStart=/usr/bin/other --config x", ["/usr/bin/other", "--config", "x"]),
        ("ExecStart=-/usr/bin/other", ["/usr/bin/other"]),
        ("ExecStart = /usr/bin/100%%", ["/usr/bin/100%"]),
        ("ExecStart=/usr/bin/other \\\n  --more", ["/usr/bin/other", "--more"]),
        ("ExecStart=/bin/false\nExecStart=\nExecStart=/bin/true", ["/bin/true"]),
        ("Description=nothing", []),
        ("", []),
    ],
)
def test_other_peoples_units_are_read_too(line: str, words: list[str]) -> None:
    assert parse_command(f"[Service]\n{line}\n") == words
