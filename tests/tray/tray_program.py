"""A program with a tray icon and nothing else, told on standard input what to do; it says what happens, line by line.

`TrayProgram` starts it in an environment of the test's making and speaks with it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tray.entries import Appearance, Entry
from tray.icon import TrayIcon

ROOT = Path(__file__).parents[2]

# For what a busy machine may take; nothing here waits for a time to pass.
PATIENCE = 30.0

QUIT = "quit"


class TrayProgram:
    """The program, from the test's side. Leaving the context ends it."""

    def __init__(self, environment: Mapping[str, str], *, kind: str = "auto") -> None:
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.tray.tray_program", kind],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._complaints: list[str] = []
        self._readers = [threading.Thread(target=target, daemon=True) for target in (self._read, self._read_complaints)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> TrayProgram:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def show(self, appearance: Appearance, entries: Sequence[Entry]) -> None:
        self._order("show", appearance=asdict(appearance), entries=[asdict(entry) for entry in entries])

    def notify(self, title: str, text: str) -> None:
        self._order("notify", title=title, text=text)

    def stop(self) -> None:
        self._order("stop")

    def hears(self, what: str) -> Any:
        """The next thing it says, which has to be of this kind."""
        try:
            said = self._said.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no {what}; {self.complaints}") from None
        assert what in said, f"{said} instead of {what}; {self.complaints}"
        return said[what]

    def has_said_nothing(self) -> bool:
        return self._said.empty()

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE)

    @property
    def complaints(self) -> str:
        """Its standard error, as far as it goes."""
        return "".join(self._complaints)

    def all_complaints(self) -> str:
        """Its standard error, when it has ended."""
        self._readers[1].join(PATIENCE)
        return self.complaints

    def _order(self, what: str, **details: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": what, **details}) + "\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._said.put(json.loads(line))

    def _read_complaints(self) -> None:
        assert self.process.stderr
        self._complaints.extend(self.process.stderr)


def _say(what: str, detail: object) -> None:
    print(json.dumps({what: detail}), flush=True)


def _entry(fields: Mapping[str, Any]) -> Entry:
    return Entry(**{**fields, "submenu": tuple(map(_entry, fields["submenu"]))})


def _obey(icon: TrayIcon) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        match order["do"]:
            case "show":
                icon.show(Appearance(**order["appearance"]), [_entry(fields) for fields in order["entries"]])
            case "notify":
                icon.notify(order["title"], order["text"])
            case _:
                icon.stop()


def main(kind: Any) -> None:
    def clicked(verb: str) -> None:
        _say("verb", verb)
        if verb == QUIT:
            threading.Thread(target=icon.stop).start()

    icon = TrayIcon("cliproxyapi", clicked, on_no_tray=lambda: _say("no tray", None), kind=kind)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: threading.Thread(target=icon.stop).start())
    threading.Thread(target=_obey, args=(icon,), daemon=True).start()
    _say("ended", icon.run().value)


if __name__ == "__main__":
    main(*sys.argv[1:])
