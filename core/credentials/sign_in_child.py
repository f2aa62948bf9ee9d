"""A sign-in that another program carries out: we show what it prints, hand it a pasted code, and can give it up."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..child import end_child, start_child
from .desk import Conversation, SignInFailed

# A person may have to find a password, a phone and a second factor first.
SIGN_IN_SECONDS = 600.0

_TICK_SECONDS = 0.2
_READ_BYTES = 4096
_LONGEST_LINE = 2000
# Colours, cursor movements and links, as terminals understand them.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_URL = re.compile(r"https://[^\s\"'<>]+")


def carry_out(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: Path | None,
    conversation: Conversation,
    seconds: float = SIGN_IN_SECONDS,
) -> tuple[int, str]:
    """Run `command`, called `name` before people, to its end; its exit code and the last line that it said.

    Raises SignInCancelled, SignInFailed where it takes too long, and OSError where it cannot be started.
    """
    until = time.monotonic() + seconds
    child = start_child(command, environment, directory, stdin=subprocess.PIPE)
    try:
        reader = _Reader(child)
        while not reader.ended:
            reader.read(conversation)
            conversation.check()
            if reader.url is not None:
                _hand_over(child, conversation)
            if time.monotonic() > until:
                raise SignInFailed(
                    f"`{name}` did not finish within {seconds / 60:.0f} minutes. Start the sign-in again when you are "
                    "at the browser."
                )
        return child.wait(), reader.last_line
    finally:
        end_child(child)
        if child.stdin is not None:
            _close(child)


def _hand_over(child: subprocess.Popen[bytes], conversation: Conversation) -> None:
    code = conversation.wait_for_code(0)
    if code is None or child.stdin is None:
        return
    try:
        child.stdin.write(code.encode("utf-8", "replace") + os.linesep.encode())
    except OSError:
        conversation.say("The code came too late.")


def _close(child: subprocess.Popen[bytes]) -> None:
    try:
        if child.stdin is not None:
            child.stdin.close()
    except OSError:
        pass  # it does not read any more


class _Reader:
    """What the child prints, as lines; its prompts have no end of line and are shown when it waits."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._chunks: queue.Queue[bytes | None] = queue.Queue()
        self._rest = ""
        self.ended = False
        self.url: str | None = None
        self.last_line = ""
        threading.Thread(target=self._pump, name="sign-in output", daemon=True).start()

    def read(self, conversation: Conversation) -> None:
        """Take what there is, and wait a moment where there is nothing."""
        try:
            chunk = self._chunks.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            # Its pipe may be held open by a browser that it started.
            self.ended = self._child.poll() is not None
            self._tell(self._rest, conversation)
            self._rest = ""
            return
        if chunk is None:
            self.ended = True
            self._tell(self._rest, conversation)
            return
        *lines, self._rest = re.split(r"\r\n|\n|\r", self._rest + chunk.decode("utf-8", "replace"))
        self._rest = self._rest[-_LONGEST_LINE:]
        for line in lines:
            self._tell(line, conversation)

    def _tell(self, text: str, conversation: Conversation) -> None:
        line = _CONTROLS.sub("", _ESCAPES.sub("", text)).strip()[:_LONGEST_LINE]
        if not line:
            return
        self.last_line = line
        conversation.say(line)
        found = _URL.search(line)
        if found and self.url is None:
            self.url = found[0]
            conversation.show_url(self.url)

    def _pump(self) -> None:
        pipe = self._child.stdout
        if pipe is None:
            return
        with pipe:
            try:
                while chunk := pipe.read(_READ_BYTES):
                    self._chunks.put(chunk)
            except (OSError, ValueError):
                pass  # it was ended
        self._chunks.put(None)
