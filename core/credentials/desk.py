"""The desk where people sign in: one sign-in at a time, with its progress, shared by terminal, dashboard and tray.

Each way to sign in is a `Method`: plain blocking code on a thread of its own, which tells what happens through a
`Conversation` and asks through it for a pasted code. Whoever shows it listens to the `Progress`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from ..errors import ProxyError
from ..listeners import Listeners
from ..log import redact

log = logging.getLogger("cliproxyapi.sign_in")

Kind = Literal["claude", "console", "oauth"]
State = Literal["running", "succeeded", "failed", "cancelled"]

_MOST_LINES = 200
_TICK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """How a sign-in stands. `lines` is what there is to read so far, without secrets; `url` what a browser should
    open; `wants_code` that a pasted code would be taken now; `message` the result in one sentence, when it ended."""

    number: int
    kind: Kind
    state: State = "running"
    lines: tuple[str, ...] = ()
    url: str | None = None
    wants_code: bool = False
    message: str = ""

    @property
    def ended(self) -> bool:
        return self.state != "running"


class SignInFailed(ProxyError):
    """It did not work; the message says why and what to do."""

    status, code = 400, "sign_in_failed"
    title = "The sign-in did not work"


class SignInCancelled(Exception):
    """The person gave up."""


class SignInRunning(ProxyError):
    """One sign-in at a time."""

    status, code = 409, "sign_in_running"
    title = "A sign-in is under way"


class Conversation(Protocol):
    """What a method says and asks while it runs. Each call raises SignInCancelled once the person gave up."""

    def say(self, line: str) -> None: ...

    def show_url(self, url: str) -> None:
        """The address at which the person goes on, in case no browser opened."""
        ...

    def wait_for_code(self, seconds: float) -> str | None:
        """A code that the person pasted within so many seconds (0: if there is one already), else None."""
        ...

    def check(self) -> None:
        """Raise SignInCancelled if the person gave up."""
        ...


class Method(Protocol):
    """One way to sign in."""

    kind: Kind

    def run(self, conversation: Conversation) -> str:
        """Sign in; a sentence that says as whom. Raises SignInFailed, SignInCancelled and OSError."""
        ...


class SignInDesk:
    """Runs one sign-in at a time. Any thread may call; listeners are called on the thread that has news."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._running: _Talk | None = None
        self._listeners: Listeners[Progress] = Listeners()
        self._numbers = 0

    @property
    def progress(self) -> Progress | None:
        """The sign-in that runs, or the last one that ended."""
        return self._progress

    def start(self, method: Method) -> Progress:
        """Begin. Raises SignInRunning while another one runs."""
        with self._lock:
            if self._progress is not None and not self._progress.ended:
                raise SignInRunning("Another sign-in is under way. Finish it or cancel it first.")
            self._numbers += 1
            progress = self._progress = Progress(self._numbers, method.kind)
            talk = self._running = _Talk(self, progress.number)
        # Told before it runs: listeners that keep the last news would otherwise end up with the first.
        self._listeners.tell(progress)
        threading.Thread(target=self._run, args=(method, talk), name=f"sign-in {method.kind}", daemon=True).start()
        return progress

    def paste(self, code: str) -> bool:
        """Hand a pasted code to the sign-in that runs; False where none wants one."""
        talk, progress = self._running, self._progress
        if talk is None or progress is None or progress.ended or not code.strip():
            return False
        talk.codes.put(code.strip())
        return True

    def cancel(self) -> None:
        """Give up the sign-in that runs, if any."""
        talk = self._running
        if talk is not None:
            talk.cancelled.set()

    def wait(self, timeout: float | None = None) -> Progress | None:
        """Wait until the sign-in that runs has ended, at most `timeout` seconds; its last progress."""
        talk = self._running
        if talk is not None:
            talk.ended.wait(timeout)
        return self._progress

    def listen(self, listener: Callable[[Progress], None]) -> Callable[[], None]:
        """Call `listener` with every later progress; the returned function ends that."""
        return self._listeners.add(listener)

    def post(self, number: int, change: Callable[[Progress], Progress]) -> None:
        """Replace the progress of sign-in `number`, unless it has ended."""
        with self._lock:
            progress = self._progress
            if progress is None or progress.number != number or progress.ended:
                return
            changed = self._progress = change(progress)
        if changed != progress:
            self._listeners.tell(changed)

    def _run(self, method: Method, talk: _Talk) -> None:
        state: State = "failed"
        try:
            message = method.run(talk)
            state = "succeeded"
        except SignInCancelled:
            state, message = "cancelled", "The sign-in was cancelled."
        except ProxyError as error:
            message = error.message
        except OSError as error:
            message = f"The sign-in failed: {error.strerror or error}. Try again."
        except Exception:
            log.exception("sign-in %s", method.kind)
            message = "The sign-in failed because of a mistake in CLIProxyAPI; the log has the details."
        log.info("sign-in %s: %s", method.kind, state)
        ended = redact(message) if state != "succeeded" else message
        self.post(talk.number, lambda progress: replace(progress, state=state, message=ended, wants_code=False))
        talk.ended.set()


class _Talk:
    """The conversation of one sign-in."""

    def __init__(self, desk: SignInDesk, number: int) -> None:
        self._desk = desk
        self.number = number
        self.codes: queue.Queue[str] = queue.Queue()
        self.cancelled = threading.Event()
        self.ended = threading.Event()

    def say(self, line: str) -> None:
        self.check()
        said = redact(line)
        self._desk.post(self.number, lambda progress: replace(progress, lines=(*progress.lines, said)[-_MOST_LINES:]))

    def show_url(self, url: str) -> None:
        self.check()
        self._desk.post(self.number, lambda progress: replace(progress, url=url))

    def wait_for_code(self, seconds: float) -> str | None:
        self._desk.post(self.number, lambda progress: replace(progress, wants_code=True))
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            try:
                return (
                    self.codes.get(timeout=max(0.0, min(_TICK_SECONDS, left))) if left > 0 else self.codes.get_nowait()
                )
            except queue.Empty:
                if left <= 0:
                    return None

    def check(self) -> None:
        if self.cancelled.is_set():
            raise SignInCancelled
