"""Start at login: one honest switch, which reads back what the system will do."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.paths import Paths

from . import files
from .mechanism import AutostartError, AutostartState, ForeignAutostart, Mechanism
from .program import in_a_cache, needs_launcher, this_program


class Autostart:
    """The switch. `mechanisms` stand in order of preference; those that are not chosen are kept off, so that the system
    never starts us twice. Each call asks the system and may block."""

    def __init__(
        self, mechanisms: Sequence[Mechanism], program: Path | None, launcher: Path, *, headless: bool = False
    ) -> None:
        self._mechanisms = mechanisms
        self._program = program
        self._launcher = launcher
        self._headless = headless

    @classmethod
    def of_this_system(cls, paths: Paths, environ: Mapping[str, str], *, headless: bool = False) -> Autostart:
        """`headless`: a server without a tray is what gets started."""
        mechanisms = _mechanisms(paths, environ)
        return cls(mechanisms, this_program(environ), paths.launcher, headless=headless)

    def state(self) -> AutostartState:
        chosen, *others = self._in_order()
        first = chosen.read(self._program)
        if first.condition in ("off", "foreign"):
            for other in others:
                state = other.read(self._program)
                if state.condition not in ("off", "foreign"):
                    return state
        return first

    def enabled(self) -> bool:
        return self.state().condition == "on"

    def enable(self, replace_foreign: bool = False) -> None:
        """Have this program started. Raises AutostartError; ForeignAutostart where another program would lose its
        place and the person did not say so."""
        program = self._installed_program()
        chosen, *others = self._in_order()
        found = chosen.read(program)
        if found.condition == "foreign" and not replace_foreign:
            raise ForeignAutostart(f"{found.sentence} It is replaced only if you say so.")
        chosen.write(program)
        self._remove(others)
        if not needs_launcher(program):
            self._remove_launcher()

    def disable(self) -> None:
        """Leave nothing of ours behind; what belongs to another program stays. Raises AutostartError."""
        self._remove(self._in_order())
        self._remove_launcher()
        state = self.state()
        if state.condition not in ("off", "foreign"):
            raise AutostartError(f"It is still set up for everybody on this machine: {state.sentence}")

    def repair(self) -> None:
        """Have this program started where the recorded one is another copy, or gone. Raises AutostartError."""
        state = self.state()
        if state.condition == "moved":
            self._for(state.headless).enable()

    def start(self) -> None:
        """Start now what the next login will start. Raises AutostartError."""
        self._in_order()[0].start()

    def advice(self) -> str | None:
        return self._in_order()[0].advice()

    def preview(self) -> tuple[str, str]:
        """What `enable` would write, and where. Raises AutostartError."""
        chosen = self._in_order()[0]
        return chosen.render(self._installed_program()), chosen.place

    def _for(self, headless: bool) -> Autostart:
        if headless == self._headless:
            return self
        return Autostart(self._mechanisms, self._program, self._launcher, headless=headless)

    def _installed_program(self) -> Path:
        if self._program is None:
            raise AutostartError(
                "No installed program is found that could be started: install CLIProxyAPI (`pip install .` in its "
                "folder) and run `cliproxyapi autostart enable`."
            )
        if in_a_cache(self._program):
            raise AutostartError(
                f"{self._program} lies in a cache, which may be emptied: install CLIProxyAPI, for instance with `pipx "
                "install` or `uv tool install`, and try again."
            )
        return self._program

    def _in_order(self) -> list[Mechanism]:
        """All mechanisms, the chosen one first: the first that the desktop session uses, else the last resort."""
        fitting = [mechanism for mechanism in self._mechanisms if mechanism.headless == self._headless]
        if not fitting:
            raise AutostartError(
                "Windows starts a program when somebody logs in, and no earlier: leave --headless out."
            )
        chosen = next((mechanism for mechanism in fitting if mechanism.usable()), fitting[-1])
        # Both kinds of launch agent are one file.
        return [chosen, *(mechanism for mechanism in self._mechanisms if mechanism.place != chosen.place)]

    def _remove(self, mechanisms: Sequence[Mechanism]) -> None:
        for mechanism in mechanisms:
            if mechanism.read(self._program).condition != "foreign":
                mechanism.remove()

    def _remove_launcher(self) -> None:
        if self._launcher.is_symlink():
            files.remove(self._launcher)


def _mechanisms(paths: Paths, environ: Mapping[str, str]) -> Sequence[Mechanism]:
    # Only what this system needs is imported.
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        from .windows_run import WindowsRun, system_registry

        return [WindowsRun(system_registry())]
    if sys.platform == "darwin":
        from .launch_agent import LaunchAgent

        log_file, user_id = paths.agent_log_file, os.getuid()
        return [LaunchAgent(environ, home, log_file, user_id, headless=headless) for headless in (False, True)]
    from .systemd_unit import SystemdUnit
    from .xdg_autostart import XdgAutostart

    return [
        SystemdUnit(environ, home, paths.launcher, headless=False),
        XdgAutostart(environ, home, paths.launcher),
        SystemdUnit(environ, home, paths.launcher, headless=True),
    ]
