"""What the dashboard can do with the program around the proxy: a desktop's app more, a server without a screen less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..credentials.desk import Kind, Progress


class Autostart(Protocol):
    """Starting at login. Each call asks or changes the system, and may block."""

    def enabled(self) -> bool:
        """What the system will do at the next login, read back."""
        ...

    def enable(self, replace_foreign: bool = False) -> None:
        """Raises OSError or ProxyError with a sentence for the person; with the code `autostart_foreign` where another
        program would lose its place, which takes a yes of its own."""
        ...

    def disable(self) -> None: ...


class Controls(Protocol):
    """The program around the proxy. What is None is not there, and the pages do not show it.

    `restart`, `stop` and `quit` return at once and happen a moment later: the page that asked still gets its answer.
    """

    @property
    def icon_place(self) -> str | None:
        """Where the program's icon is, as a sentence."""
        ...

    @property
    def autostart(self) -> Autostart | None: ...

    @property
    def can_stop(self) -> bool:
        """Whether the server can be stopped while the program goes on, so that somebody can start it again."""
        ...

    @property
    def can_open_logs(self) -> bool: ...

    def restart(self) -> None:
        """Stop the server and start it, on the address that the settings have now."""
        ...

    def stop(self) -> None: ...

    def open_logs(self) -> None:
        """Show the folder of the log in the system's file manager."""
        ...

    def quit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sign in, as a person chooses it. `why_not` is what is missing, with the step that helps."""

    kind: Kind
    label: str
    what: str
    why_not: str | None = None
    # What the person should know before it starts.
    warning: str | None = None


class SignIns(Protocol):
    """The sign-ins that this program offers."""

    def ways(self) -> Sequence[Way]:
        """May look for programs: called in a worker thread."""
        ...

    def start(self, kind: Kind) -> Progress:
        """Begin at the desk. Raises SignInFailed, SignInRunning. Called in a worker thread."""
        ...


class NoSignIns:
    """A program without any."""

    def ways(self) -> Sequence[Way]:
        return ()

    def start(self, kind: Kind) -> Progress:
        raise LookupError(kind)


class NoControls:
    """A server that nothing can be done with but ask."""

    icon_place: str | None = None
    autostart: Autostart | None = None
    can_stop = can_open_logs = False

    def restart(self) -> None: ...

    def stop(self) -> None: ...

    def open_logs(self) -> None: ...

    def quit(self) -> None: ...
