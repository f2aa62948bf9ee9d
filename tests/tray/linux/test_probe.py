"""Which tray is chosen where."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tray.backend import TrayKind
from tray.linux.probe import Attempt, Found, attempts, look

NEW, NEW_FOR_A_WHILE, OLD = Attempt("status-notifier"), Attempt("status-notifier", 3.0), Attempt("xembed")


@pytest.mark.parametrize(
    ("found", "tried"),
    [
        (Found(bus=True, watcher=True), (NEW,)),
        (Found(bus=True, watcher=True, xembed=True), (NEW,)),
        # The panel with the better tray may still be starting.
        (Found(bus=True, xembed=True), (NEW_FOR_A_WHILE, OLD)),
        # A panel may come later.
        (Found(bus=True), (NEW,)),
        (Found(xembed=True), (OLD,)),
        (Found(), ()),
    ],
)
def test_the_desktop_decides(found: Found, tried: tuple[Attempt, ...]) -> None:
    assert attempts(found) == tried


@pytest.mark.parametrize(("kind", "tried"), [("status-notifier", (NEW,)), ("xembed", (OLD,)), ("none", ())])
def test_a_setting_decides_whatever_is_there(kind: TrayKind, tried: tuple[Attempt, ...]) -> None:
    for found in (Found(), Found(bus=True, watcher=True, xembed=True)):
        assert attempts(found, kind) == tried


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has several trays")
class TestLooking:
    # python-xlib leaves the socket of a vain attempt to the garbage collector.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("display", ["", "nonsense", ":4711", "nowhere.invalid:0"])
    def test_a_display_that_cannot_be_opened_has_no_tray(self, display: str, tmp_path: Path) -> None:
        assert look({"DISPLAY": display, "XDG_RUNTIME_DIR": str(tmp_path)}) == Found()

    @pytest.mark.parametrize("address", ["", "nonsense", "unix:path=/nonexistent/bus", "tcp:host=127.0.0.1,port=1"])
    def test_a_bus_that_cannot_be_reached_is_none(self, address: str, tmp_path: Path) -> None:
        assert look({"DBUS_SESSION_BUS_ADDRESS": address, "XDG_RUNTIME_DIR": str(tmp_path)}) == Found()

    def test_a_bus_and_its_watcher_are_seen(self, tmp_path: Path) -> None:
        from tests.tray.linux.session import Panel, session_bus

        with session_bus(tmp_path) as bus, Panel(bus.address) as panel:
            # The usual place is enough.
            environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
            assert look(environment) == Found(bus=True)
            panel.appear()
            assert look(environment) == Found(bus=True, watcher=True)
            assert look(bus.environment) == Found(bus=True, watcher=True)

    def test_a_bus_that_says_nothing_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import socket

        from tray.linux import probe

        monkeypatch.setattr(probe, "_SECONDS", 0.05)
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(tmp_path / "bus"))
            silent.listen()
            assert look({"XDG_RUNTIME_DIR": str(tmp_path)}) == Found()
