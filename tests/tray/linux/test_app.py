"""The app behind its icon: a real process on a real bus, its menu read and clicked as data, and what that did."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the session bus is Linux's", allow_module_level=True)

from tests.raw_http import connect, data_lines, read_all, read_until, request_bytes
from tests.simulated_claude import SimulatedClaude, scenarios
from tests.simulated_claude.server import TEST_KEY, TEST_TOKEN
from tests.tray.linux.session import Line, Panel, SessionBus, session_bus
from tests.tray.tray_app import Machine, comes, health

# A desktop, as far as the program looks at the environment; nothing is there behind the name.
SCREEN = {"WAYLAND_DISPLAY": "wayland-of-a-test"}


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[SessionBus]:
    (tmp_path / "bus").mkdir()
    with session_bus(tmp_path / "bus") as running:
        yield running


@pytest.fixture
def panel(bus: SessionBus) -> Iterator[Panel]:
    with Panel(bus.address) as panel:
        panel.appear()
        yield panel


@pytest.fixture
def desktop(tmp_path: Path, bus: SessionBus) -> dict[str, str]:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    return {**SCREEN, **bus.environment, "XDG_RUNTIME_DIR": str(runtime)}


@pytest.fixture
def machine(tmp_path: Path, desktop: dict[str, str]) -> Iterator[Machine]:
    with Machine(tmp_path / "home", desktop) as machine:
        yield machine


def shows(panel: Panel, label: str) -> Line:
    """The entry, once the menu has it and it can be clicked."""

    def found() -> Line | None:
        lines = [line for line in panel.menu().walk() if line.id and line.label == label]
        return next((line for line in lines if line.properties.get("enabled", True)), None)

    panel.wait_for_icon()
    return comes(found)


def says(panel: Panel, text: str) -> None:
    """The first line, once it reads so."""
    panel.wait_for_icon()
    comes(lambda: panel.menu().children[0].label == text)


def click(panel: Panel, label: str) -> None:
    panel.wait_for_icon()
    panel.ask_menu("AboutToShowGroup", "ai", [0])
    assert panel.click(shows(panel, label)) == []


# The first start


def test_a_first_start_shows_a_person_around_once(machine: Machine, panel: Panel) -> None:
    notifications = panel.show_notifications()
    app = machine.start()
    address = app.address()
    comes(machine.opened)
    assert machine.opened() == [f"{address}/welcome"]
    assert "#token=" in machine.links()[0]
    comes(lambda: ("CLIProxyAPI is running", "Click its icon to copy the address") in notifications)
    click(panel, "Quit CLIProxyAPI")
    assert app.exit_code() == 0
    panel.vanish()
    panel.appear()
    machine.start().address()
    says(panel, "Running: Sign-In Needed")
    assert len(machine.opened()) == 1


def test_a_start_at_login_opens_nothing_and_asks_nothing(machine: Machine, panel: Panel) -> None:
    machine.start("--autostarted").address()
    says(panel, "Running: Sign-In Needed")
    assert machine.opened() == []


# The server


def test_stop_start_restart_and_quit(machine: Machine, panel: Panel) -> None:
    app = machine.start("--autostarted")
    address = app.address()
    click(panel, "Stop Server")
    says(panel, "Stopped")
    assert health(address) is None
    click(panel, "Start Server")
    says(panel, "Running: Sign-In Needed")
    assert app.address() == address, "where any port will do, it stays the same one"
    before = health(address)
    assert before is not None
    click(panel, "Restart Server")
    assert app.address() == address
    comes(lambda: health(address) is not None)
    click(panel, "Quit CLIProxyAPI")
    assert app.exit_code() == 0
    assert health(address) is None
    assert [path.name for path in (machine.home.parent / "run").rglob("server-*.json")] == []
    assert "Traceback" not in app.output() + machine.log


@pytest.mark.parametrize("verb", ["Stop Server", "Restart Server", "Quit CLIProxyAPI"])
def test_an_open_stream_ends_with_an_error_whatever_is_clicked(machine: Machine, panel: Panel, verb: str) -> None:
    with SimulatedClaude() as claude:
        claude.default = scenarios.stalls(30, 4)
        upstream = {"CLIPROXYAPI_UPSTREAM_URL": claude.url, "ANTHROPIC_API_KEY": TEST_KEY}
        app = machine.start("--autostarted", CLIPROXYAPI_ROUTE="api-key", **upstream)
        port = int(app.address().rpartition(":")[2])
        question = {"model": "claude-sonnet-4-6", "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}
        with connect(port) as client:
            client.sendall(request_bytes(question))
            begun = read_until(client, b'"content":"You')
            click(panel, verb)
            answer = begun + read_all(client)
    assert data_lines(answer)[-1]["error"]["code"] == "proxy_stopping"
    if verb.startswith("Quit"):
        assert app.exit_code() == 0


def test_a_busy_port_is_a_state_and_the_change_of_port_works(machine: Machine, panel: Panel) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        machine.write_settings(f"# mine\nport = {port}\n")
        notifications = panel.show_notifications()
        app = machine.start("--autostarted")
        says(panel, f"Not Running: Port {port} in Use")
        comes(lambda: any(title == f"Port {port} is in use" for title, _ in notifications))
        remedy = comes(
            lambda: next((ln for ln in panel.menu().children if ln.label.startswith("Change Port to")), None)
        )
        wanted = int(remedy.label.rpartition(" ")[2])
        click(panel, remedy.label)
        assert app.address() == f"http://127.0.0.1:{wanted}"
        assert machine.settings_file.read_text() == f"# mine\nport = {wanted}\n"
        comes(lambda: health(f"http://127.0.0.1:{wanted}"))


def test_wrong_settings_are_a_state_until_they_are_corrected(machine: Machine, panel: Panel) -> None:
    machine.write_settings('port = "many"\n')
    app = machine.start("--autostarted")
    says(panel, "Not Running: Settings Not Understood")
    click(panel, "Open the Settings File")
    comes(machine.opened)
    assert machine.opened() == [str(machine.settings_file)]
    machine.write_settings("port = 0\n")
    click(panel, "Start Server")
    assert health(app.address())
    assert "many" in app._said, "a terminal is told, too"  # pyright: ignore[reportPrivateUsage]


# Accounts and routes


def test_signing_in_with_claude(machine: Machine, panel: Panel) -> None:
    app = machine.start("--autostarted")
    address = app.address()
    says(panel, "Running: Sign-In Needed")
    click(panel, "Sign In with Claude…")
    says(panel, f"Running on {address.removeprefix('http://')}")
    assert machine.claude is not None
    assert machine.claude.calls[0]["given"][:2] == ["auth", "login"]
    shows(panel, "Sign Out…")
    # How it may be used is asked where the words are.
    comes(machine.opened)
    assert machine.opened() == [f"{address}/dashboard/account"]


def test_a_sign_in_that_fails_is_told(machine: Machine, panel: Panel) -> None:
    assert machine.claude is not None
    machine.claude.does("denial")
    notifications = panel.show_notifications()
    machine.start("--autostarted").address()
    click(panel, "Sign In with Claude…")
    comes(lambda: any(title == "The sign-in did not work" for title, _ in notifications))


def test_choosing_a_route(machine: Machine, panel: Panel) -> None:
    app = machine.start("--autostarted")
    address = app.address()
    click(panel, "Demo")
    says(panel, f"Demo on {address.removeprefix('http://')}")
    assert 'route = "demo"' in machine.settings_file.read_text()
    assert comes(lambda: panel.menu().find("Demo").properties.get("toggle-state") == 1)
    # What cannot work says why.
    console = comes(
        lambda: next((line for line in panel.menu().walk() if line.id and line.label.startswith("Console (")), None)
    )
    assert console.properties.get("enabled") is False


def test_the_direct_route_is_chosen_where_its_words_are(machine: Machine, panel: Panel) -> None:
    assert machine.claude is not None
    app = machine.start("--autostarted")
    address = app.address()
    click(panel, "Sign In with Claude…")
    comes(machine.opened)
    click(panel, "Claude Sign-In")
    comes(lambda: len(machine.opened()) == 2)
    assert machine.opened()[1] == f"{address}/dashboard/account"
    assert "direct" not in machine.settings_file.read_text()


def test_without_claude_the_menu_leads_to_the_page_that_explains(
    tmp_path: Path, desktop: dict[str, str], panel: Panel
) -> None:
    with Machine(tmp_path / "home", desktop, has_claude=False) as machine:
        app = machine.start("--autostarted")
        address = app.address()
        click(panel, "Sign In…")
        comes(machine.opened)
        assert machine.opened() == [f"{address}/dashboard/account"]
        shows(panel, "Demo")
        comes(lambda: any(line.id and line.label == "Claude Code (not installed)" for line in panel.menu().walk()))


# Start at login, and help


def test_the_switch_says_what_the_system_will_do(machine: Machine, panel: Panel) -> None:
    machine.start("--autostarted").address()
    click(panel, "Start at Login")
    comes(machine.autostart_file.exists)
    comes(lambda: panel.menu().find("Start at Login").properties.get("toggle-state") == 1)
    # Somebody switches it off behind our back; the menu that opens next knows.
    machine.autostart_file.unlink()

    def is_off() -> bool:
        panel.ask_menu("AboutToShowGroup", "ai", [0])
        return panel.menu().find("Start at Login").properties.get("toggle-state") == 0

    comes(is_off)


def test_pages_and_folders_open(machine: Machine, panel: Panel) -> None:
    address = machine.start("--autostarted").address()
    for label, opened in {
        "Open Dashboard": f"{address}/",
        "Settings…": f"{address}/dashboard/settings",
        "About": f"{address}/dashboard/about",
    }.items():
        click(panel, label)
        comes(lambda opened=opened: opened in machine.opened())
    click(panel, "Open Log Folder")
    comes(lambda: any(target.endswith("log") or "state" in target for target in machine.opened()))


# A second start


def test_a_second_start_shows_the_first_one(machine: Machine, panel: Panel) -> None:
    first = machine.start("--autostarted")
    address = first.address()
    second = machine.start()
    assert second.exit_code() == 0
    assert "runs already" in second.output()
    comes(machine.opened)
    assert machine.opened() == [f"{address}/"]
    assert machine.start("--autostarted").exit_code() == 0
    assert len(machine.opened()) == 1
    click(panel, "Stop Server")
    says(panel, "Stopped")
    assert machine.start().exit_code() == 0
    assert first.address() == address, "whoever starts the app wants it to run"
    comes(lambda: len(machine.opened()) == 2)


def test_what_a_crash_leaves_behind_is_in_nobodys_way(machine: Machine, panel: Panel) -> None:
    first = machine.start("--autostarted")
    first.address()
    first.process.kill()
    first.process.wait()
    panel.vanish()
    panel.appear()
    assert health(machine.start("--autostarted").address())


def test_another_person_on_the_machine_meets_only_the_port(
    tmp_path: Path, desktop: dict[str, str], machine: Machine, panel: Panel
) -> None:
    address = machine.start("--autostarted").address()
    port = address.rpartition(":")[2]
    runtime = tmp_path / "other-run"
    runtime.mkdir(mode=0o700)
    with Machine(tmp_path / "other", {**desktop, "XDG_RUNTIME_DIR": str(runtime)}) as other:
        other.write_settings(f"port = {port}\n")
        app = other.start("--autostarted")
        comes(lambda: "not started" in other.log)
        assert "another CLIProxyAPI" in other.log
        app.process.send_signal(signal.SIGTERM)
        assert app.exit_code() == 0
    assert health(address)


# Without a place for an icon


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(machine: Machine, panel: Panel, number: signal.Signals) -> None:
    app = machine.start("--autostarted")
    address = app.address()
    panel.wait_for_icon()
    app.process.send_signal(number)
    assert app.exit_code() == 0
    assert health(address) is None
    assert "Traceback" not in app.output() + machine.log


def test_the_server_outlives_the_session_bus(machine: Machine, panel: Panel, bus: SessionBus) -> None:
    app = machine.start("--autostarted")
    address = app.address()
    panel.wait_for_icon()
    bus.die()
    comes(lambda: "no icon any more" in machine.log)
    assert health(address)
    app.process.send_signal(signal.SIGTERM)
    assert app.exit_code() == 0


def test_a_desktop_without_any_tray_is_served_all_the_same(tmp_path: Path) -> None:
    with Machine(tmp_path / "home", SCREEN) as machine:
        app = machine.start("--autostarted")
        address = app.address()
        assert health(address)
        comes(lambda: "no icon any more" in machine.log)
        app.process.send_signal(signal.SIGTERM)
        assert app.exit_code() == 0
        assert "No icon can be shown here" in app.output()


def test_without_a_screen_it_is_a_server(tmp_path: Path) -> None:
    with Machine(tmp_path / "home", {}) as machine:
        app = machine.start()
        assert health(app.address())
        assert machine.opened() == []
        app.process.send_signal(signal.SIGTERM)
        assert app.exit_code() == 0


def test_the_icon_can_be_switched_off(machine: Machine, panel: Panel) -> None:
    machine.write_settings('port = 0\ntray = "none"\n')
    app = machine.start("--autostarted")
    assert health(app.address())
    assert panel.registered == []


def test_wrong_settings_without_a_place_for_an_icon_end_it(tmp_path: Path) -> None:
    with Machine(tmp_path / "home", SCREEN) as machine:
        machine.write_settings('port = "many"\n')
        app = machine.start("--autostarted")
        # What systemd never starts again.
        assert app.exit_code() == 78
        assert "many" in app.output()


def test_quitting_during_a_sign_in_takes_what_it_started_along(machine: Machine, panel: Panel) -> None:
    assert machine.claude is not None
    machine.claude.does("hang")
    app = machine.start("--autostarted")
    app.address()
    click(panel, "Sign In with Claude…")
    comes(lambda: machine.claude.calls)  # pyright: ignore[reportOptionalMemberAccess]
    shows(panel, "Cancel the Sign-In")
    click(panel, "Quit CLIProxyAPI")
    assert app.exit_code() == 0
    program = str(machine.claude.path).encode()
    comes(lambda: not any(program in line for line in command_lines()))


def test_a_stranger_at_the_door_keeps_nobody_out(machine: Machine, panel: Panel) -> None:
    app = machine.start("--autostarted")
    address = app.address()
    (told,) = (machine.home.parent / "run").rglob("tray.json")
    door = json.loads(told.read_text())["port"]
    with socket.create_connection(("127.0.0.1", door)), socket.create_connection(("127.0.0.1", door)) as stranger:
        # One is silent, the other speaks something else.
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        click(panel, "Stop Server")
        says(panel, "Stopped")
        assert machine.start().exit_code() == 0
        assert app.address() == address


def test_a_sign_in_that_ends_in_another_geological_age_is_shown(machine: Machine, panel: Panel) -> None:
    login = {"accessToken": TEST_TOKEN, "expiresAt": 9_999_999_999_999_999, "subscriptionType": "max"}
    store = machine.home / ".claude" / ".credentials.json"
    store.parent.mkdir()
    store.write_text(json.dumps({"claudeAiOauth": login}))
    machine.start("--autostarted", CLIPROXYAPI_ROUTE="direct").address()
    shows(panel, "Sign Out…")
    comes(lambda: any(line.id and line.label == "Renews at an unknown time" for line in panel.menu().walk()))


def test_an_address_that_this_machine_lacks_is_told(machine: Machine, panel: Panel) -> None:
    machine.write_settings('port = 0\nhost = "192.0.2.7"\napi_key = "s3cr3t-marker-local"\n')
    notifications = panel.show_notifications()
    machine.start("--autostarted")
    says(panel, "Not Running: Address Not Available")
    comes(lambda: any("192.0.2.7" in text for _, text in notifications))
    # Whoever clicks gets an answer, each time.
    told = len(notifications)
    click(panel, "Start Server and Open Dashboard")
    comes(lambda: len(notifications) > told)


def command_lines() -> list[bytes]:
    found: list[bytes] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_bytes())
    return found
