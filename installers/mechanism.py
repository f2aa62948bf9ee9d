"""What every way of starting at login has in common: what it says about itself, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from core.errors import ProxyError

from .program import same_program

# What the system starts us with, in every mechanism: no other program knows this option, so it also tells which file
# of our name is ours.
MARK = "--autostarted"
HEADLESS_COMMAND = "serve"

Condition = Literal["off", "on", "moved", "switched_off", "foreign"]


class AutostartError(ProxyError):
    """Start at login cannot be changed; the message is one sentence that says why, and what to do."""

    status, code = 409, "autostart_failed"
    title = "Start at login could not be changed"


class ForeignAutostart(AutostartError):
    """Something of another program stands where ours would go; only the person may replace it."""

    code = "autostart_foreign"


@dataclass(frozen=True, slots=True)
class AutostartState:
    """What the system will do at the next login, as read from it.

    `off`: nothing · `on`: start this program · `moved`: start a program that is not there any more, or another copy ·
    `switched_off`: nothing, as somebody said so in the system's own settings · `foreign`: start another program, which
    has our name.
    """

    condition: Condition
    mechanism: str
    # The file, or the value in the registry.
    place: str
    # What it starts.
    program: str | None = None
    # A server without a screen, from boot or login on.
    headless: bool = False
    # Part of a sentence: why it is so.
    note: str | None = None

    @property
    def sentence(self) -> str:
        """The state for a person."""
        match self.condition:
            case "off":
                return "CLIProxyAPI does not start at login."
            case "on":
                kind = " as a server without a tray" if self.headless else ""
                note = f" {self.note}" if self.note else ""
                return (
                    f"CLIProxyAPI starts at login{kind}: the {self.mechanism} {self.place} starts {self.program}.{note}"
                )
            case "moved":
                starts = f"starts {self.program}, " if self.program else ""
                return f"Start at login needs a repair: the {self.mechanism} {self.place} {starts}{self.note}."
            case "switched_off":
                return f"CLIProxyAPI is set up to start at login by the {self.mechanism} {self.place}, but {self.note}."
            case "foreign":
                why = self.note or (f"it starts {self.program}" if self.program else "it does not start CLIProxyAPI")
                return f"The {self.mechanism} {self.place} belongs to another program: {why}."


class Mechanism(Protocol):
    """One way in which a system starts programs at login. Every call asks or changes the system, and may block."""

    name: str
    headless: bool

    @property
    def place(self) -> str: ...

    def usable(self) -> bool:
        """Whether the desktop session would start it."""
        ...

    def read(self, program: Path | None) -> AutostartState:
        """What it will do, compared with `program`, which is us."""
        ...

    def render(self, program: Path) -> str:
        """What `write` would write."""
        ...

    def write(self, program: Path) -> None:
        """Have `program` started, whatever stood there. Raises AutostartError."""
        ...

    def remove(self) -> None:
        """Leave nothing of ours behind. Raises AutostartError."""
        ...

    def start(self) -> None:
        """Start now what the next login will start. Raises AutostartError."""
        ...

    def advice(self) -> str | None:
        """What a person should know once it is on."""
        ...


def judged(
    mechanism: Mechanism,
    command: Sequence[str],
    program: Path | None,
    *,
    enabled: bool = True,
    switched_off: str | None = None,
    note: str | None = None,
) -> AutostartState:
    """The state of something that starts `command`, unless it is not `enabled` or `switched_off` for a reason."""

    def state(condition: Condition, note: str | None = None) -> AutostartState:
        started = command[0] if command else None
        headless = HEADLESS_COMMAND in command
        return AutostartState(condition, mechanism.name, mechanism.place, started, headless, note)

    if MARK not in command:
        return state("foreign")
    if not enabled:
        return AutostartState("off", mechanism.name, mechanism.place)
    if switched_off is not None:
        return state("switched_off", switched_off)
    if not Path(command[0]).exists():
        return state("moved", "which is not there any more")
    if program is not None and not same_program(Path(command[0]), program):
        return state("moved", f"which is not the program that runs here, {program}")
    return state("on", note)


def damaged(mechanism: Mechanism, text: str, *, enabled: bool = True) -> AutostartState:
    """The state of a file that nobody can read as what it should be: ours if it says so, or if it is empty."""
    if text.strip() and MARK not in text and "cliproxyapi" not in text.lower():
        note = "it cannot be read as what its name promises"
        return AutostartState("foreign", mechanism.name, mechanism.place, note=note)
    condition: Condition = "moved" if enabled else "off"
    return AutostartState(condition, mechanism.name, mechanism.place, note="is damaged, so that nothing starts")
