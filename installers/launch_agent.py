"""Start at login on a Mac: a launch agent, and `launchctl` with its exit codes.

Its label is one of OpenClaw's kind, so that what OpenClaw looks for in its own agents must not appear in ours.
"""

from __future__ import annotations

import plistlib
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast
from xml.parsers.expat import ExpatError

from core.paths import make_private_directory

from . import command, files
from .mechanism import HEADLESS_COMMAND, MARK, AutostartError, AutostartState, damaged, judged
from .program import OPENCLAWS_WORD

LABEL = "ai.openclaw.proxy"
LOGIN_ITEMS = "x-apple.systempreferences:com.apple.LoginItems-Settings.extension"

# What launchctl's exit codes mean here.
_NOT_LOADED, _ALREADY_OR_ENDING, _ENDING, _UNKNOWN, _NO_GRAPHICAL_LOGIN = 3, 5, 36, 113, 125

# An agent has ten seconds to end (ExitTimeOut) before launchd ends it.
_ENDING_SECONDS, _LOOK_SECONDS = 15.0, 0.2

_DISABLED = re.compile(rf'"{re.escape(LABEL)}"\s*=>\s*(?:disabled|true)\b')
_PROCESS = re.compile(r"^\s*pid = \d+", re.MULTILINE)


def render_agent(program: Path, log_file: Path, *, headless: bool = False, bundle_id: str | None = None) -> str:
    """The property list. `KeepAlive`: a crash starts it again, Quit does not."""
    agent: dict[str, Any] = {
        "Label": LABEL,
        "ProgramArguments": [str(program), MARK, *([HEADLESS_COMMAND] if headless else [])],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ProcessType": "Interactive",
        "ExitTimeOut": 10,
        "LimitLoadToSessionType": "Background" if headless else "Aqua",
        "StandardOutPath": str(log_file),
        "StandardErrorPath": str(log_file),
    }
    if bundle_id is not None:
        # Or System Settings would list the agent by whoever signed it.
        agent["AssociatedBundleIdentifiers"] = [bundle_id]
    return plistlib.dumps(agent, sort_keys=False).decode()


def bundle_id(program: Path) -> str | None:
    """The identifier of the .app that `program` lies in."""
    for parent in program.parents:
        if parent.suffix == ".app":
            try:
                with (parent / "Contents/Info.plist").open("rb") as file:
                    found = plistlib.load(file).get("CFBundleIdentifier")
            except (OSError, ExpatError, plistlib.InvalidFileException, ValueError):
                return None
            return found if isinstance(found, str) else None
    return None


def passing_place(program: Path) -> str | None:
    """Why `program` will not be there at the next login, and what to do; None where it will."""
    if "/AppTranslocation/" in str(program):
        return (
            "macOS runs CLIProxyAPI from a temporary place until you move it: drag it into Applications in the Finder "
            "(not with mv), open it from there, and try again."
        )
    if str(program).startswith("/Volumes/"):
        return (
            "CLIProxyAPI runs from a disk image or another disk: drag it into Applications in the Finder, open it from "
            "there, and try again."
        )
    return None


def started_by_launchd(environ: Mapping[str, str]) -> bool:
    """Whether this process is the agent, or a child of it."""
    return environ.get("XPC_SERVICE_NAME") == LABEL


class LaunchAgent:
    """The agent of this person. launchd reads its file at login, so that none of this needs it to run now."""

    name = "launch agent"

    def __init__(
        self,
        environ: Mapping[str, str],
        home: Path,
        log_file: Path,
        user_id: int,
        *,
        headless: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.headless = headless
        self._environ = environ
        self._file = home / "Library/LaunchAgents" / f"{LABEL}.plist"
        self._log_file = log_file
        self._user_id = user_id
        self._sleep = sleep

    @property
    def place(self) -> str:
        return str(self._file)

    def usable(self) -> bool:
        return True

    def read(self, program: Path | None) -> AutostartState:
        text = files.read_text(self._file)
        if text is None:
            return AutostartState("off", self.name, self.place)
        agent = self._agent()
        arguments = agent.get("ProgramArguments")
        if not isinstance(arguments, list) or not arguments or agent.get("Label") != LABEL:
            return damaged(self, text)
        words = [str(word) for word in cast("list[object]", arguments)]
        headless = HEADLESS_COMMAND in words
        return judged(
            self, words, program, switched_off=self._why_not(headless), note=self._not_loaded(words, headless)
        )

    def _agent(self) -> dict[str, Any]:
        try:
            with self._file.open("rb") as file:
                agent: object = plistlib.load(file)
        except (OSError, ExpatError, plistlib.InvalidFileException, ValueError):
            return {}
        return cast("dict[str, Any]", agent) if isinstance(agent, dict) else {}

    def _why_not(self, headless: bool) -> str | None:
        # This outlives the file: it is launchd's own memory of what was switched off.
        done = self._launchctl("print-disabled", self._domain(headless))
        if _DISABLED.search(done.printed):
            return f"macOS has it switched off; switch it on again here, or in System Settings ({LOGIN_ITEMS})"
        return None

    def _not_loaded(self, words: list[str], headless: bool) -> str | None:
        if MARK not in words or started_by_launchd(self._environ):
            return None
        if self._launchctl("print", f"{self._domain(headless)}/{LABEL}").code != _UNKNOWN:
            return None
        return (
            "launchd has not loaded it yet; if that is still so after the next login, macOS may have this switched "
            f"off: look under Login Items in System Settings ({LOGIN_ITEMS})."
        )

    def render(self, program: Path) -> str:
        return render_agent(program, self._log_file, headless=self.headless, bundle_id=bundle_id(program))

    def write(self, program: Path) -> None:
        """Nothing is loaded: we run, and launchd would start a second copy. The next login does it."""
        if problem := passing_place(program):
            raise AutostartError(problem)
        text = self.render(program)
        if OPENCLAWS_WORD in text.lower():
            raise AutostartError(
                f"OpenClaw would take an agent with the word {OPENCLAWS_WORD} for its own: move {program} to a folder "
                "without it, and try again."
            )
        self._enable()
        try:
            make_private_directory(self._log_file.parent)  # launchd makes the file, not the folder
        except OSError as error:
            raise AutostartError(f"{self._log_file.parent} cannot be made: {error.strerror}.") from error
        files.write_text(self._file, text)
        self._unload_idle()

    def _enable(self) -> None:
        done = self._launchctl("enable", f"{self._domain(self.headless)}/{LABEL}")
        if done.code == _NO_GRAPHICAL_LOGIN and not self.headless:
            raise AutostartError(
                "Nobody is logged in at this Mac's screen: log in there and try again, or have a server without a tray "
                "started with `cliproxyapi autostart enable --headless`."
            )
        if not done.ok:
            raise AutostartError(f"`launchctl enable` failed with code {done.code}: {done.said}")

    def remove(self) -> None:
        files.remove(self._file)
        self._unload_idle()

    def _unload_idle(self) -> None:
        """Have launchd forget an agent that it loaded from the old file, unless that is us or runs: unloading ends what
        runs. What stays loaded is gone with the next logout, and starts nothing but after a crash."""
        if started_by_launchd(self._environ):
            return
        for headless in (False, True):
            target = f"{self._domain(headless)}/{LABEL}"
            loaded = self._launchctl("print", target)
            if not loaded.ok or _PROCESS.search(loaded.printed):
                continue
            # No `--wait`: older systems do not know it.
            done = self._launchctl("bootout", target)
            if done.code in (0, _ENDING):
                self._wait_until_gone(target)
            elif done.code not in (_NOT_LOADED, _UNKNOWN):
                raise AutostartError(f"`launchctl bootout` failed with code {done.code}: {done.said}")

    def start(self) -> None:
        """Load the agent, which starts it. For somebody who asked from a terminal, while no proxy runs."""
        domain = self._domain(self.headless)
        target = f"{domain}/{LABEL}"
        done = self._launchctl("bootstrap", domain, self.place)
        if done.code == _ALREADY_OR_ENDING and self._wait_until_gone(target):
            done = self._launchctl("bootstrap", domain, self.place)
        if done.code == _ALREADY_OR_ENDING:
            done = self._launchctl("kickstart", target)  # it was loaded all the time
        if done.code == _NO_GRAPHICAL_LOGIN:
            raise AutostartError("Nobody is logged in at this Mac's screen, so that the agent cannot start now.")
        if not done.ok:
            raise AutostartError(f"launchd does not start the agent: code {done.code}: {done.said}")

    def _wait_until_gone(self, target: str) -> bool:
        """Whether launchd let go of the agent within the time that it has to end."""
        for _ in range(int(_ENDING_SECONDS / _LOOK_SECONDS)):
            if not self._launchctl("print", target).ok:
                return True
            self._sleep(_LOOK_SECONDS)
        return False

    def advice(self) -> str | None:
        return None

    def _domain(self, headless: bool) -> str:
        return f"{'user' if headless else 'gui'}/{self._user_id}"

    def _launchctl(self, *arguments: str) -> command.Outcome:
        return command.run(["launchctl", *arguments], self._environ)
