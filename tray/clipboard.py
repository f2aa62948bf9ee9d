"""Putting a text into the clipboard: through the system's own tool, or on a bare X11 desktop by ourselves."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from typing import Any

log = logging.getLogger("cliproxyapi.clipboard")

_TOOL_SECONDS = 3.0


class Clipboard:
    """Copies texts. On X11 whoever copied has to stay and hand the text out, which a thread of ours does."""

    def __init__(self) -> None:
        self._owner: _X11Owner | None = None

    def copy(self, text: str) -> bool:
        """False where this desktop lets us have no clipboard."""
        return _copy_with_the_systems_tool(text) or self._copy_to_x11(text)

    def close(self) -> None:
        """Let go of what is still held."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.close()

    def _copy_to_x11(self, text: str) -> bool:
        if not sys.platform.startswith("linux") or not os.environ.get("DISPLAY"):
            return False
        try:
            owner = _X11Owner(text)
        except Exception as error:  # python-xlib has errors of its own for each thing that is missing
            log.info("no clipboard: %s", error)
            return False
        self.close()
        self._owner = owner
        return True


class _X11Owner:
    """Owns the selection CLIPBOARD until somebody else copies something."""

    def __init__(self, text: str) -> None:
        from Xlib import X, Xatom, display

        self._text = text.encode()
        self._display: Any = display.Display()
        screen = self._display.screen()
        self._window: Any = screen.root.create_window(0, 0, 1, 1, 0, screen.root_depth)
        self._clipboard = self._display.intern_atom("CLIPBOARD")
        self._targets = self._display.intern_atom("TARGETS")
        self._formats = (self._display.intern_atom("UTF8_STRING"), Xatom.STRING)
        self._window.set_selection_owner(self._clipboard, X.CurrentTime)
        self._display.flush()
        if self._display.get_selection_owner(self._clipboard) != self._window:
            self._display.close()
            raise RuntimeError("another program keeps the clipboard")
        threading.Thread(target=self._serve, name="clipboard", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._display.close()

    def _serve(self) -> None:
        from Xlib import X

        # The connection ends when another text is copied, here or elsewhere.
        with contextlib.suppress(Exception):
            while True:
                event = self._display.next_event()
                if event.type == X.SelectionClear:
                    break
                if event.type == X.SelectionRequest:
                    self._answer(event)
        self.close()

    def _answer(self, request: Any) -> None:
        from Xlib import X, Xatom
        from Xlib.protocol import event

        place = request.property if request.property != X.NONE else request.target
        if request.target == self._targets:
            request.requestor.change_property(place, Xatom.ATOM, 32, [self._targets, *self._formats])
        elif request.target in self._formats:
            request.requestor.change_property(place, request.target, 8, self._text)
        else:
            place = X.NONE
        request.requestor.send_event(
            event.SelectionNotify(
                time=request.time,
                requestor=request.requestor,
                selection=request.selection,
                target=request.target,
                property=place,
            )
        )
        self._display.flush()


def _copy_with_the_systems_tool(text: str) -> bool:
    """False where there is none, or where it does not come to an end."""
    import pyperclip

    copied = threading.Event()

    def copy() -> None:
        with contextlib.suppress(pyperclip.PyperclipException, OSError):
            pyperclip.copy(text)
            copied.set()

    thread = threading.Thread(target=copy, name="copying", daemon=True)
    thread.start()
    thread.join(_TOOL_SECONDS)
    return copied.is_set()
