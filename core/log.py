"""The log: one rotating file for its owner alone, metadata only, and nothing secret in it."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import re
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import cast

from .paths import OLD_LOGS, Paths, make_private_directory

# One line more than this, which is short.
_MAX_BYTES = 1000 * 1024
_LOGGERS = ("cliproxyapi", "uvicorn.error", "asyncio")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

# uvicorn's own word for a stream that we broke off on purpose, because its client must not take it for complete.
_BROKEN_ON_PURPOSE = "ASGI callable returned without completing response."

_HIDDEN = "[redacted]"
# Each of these reads a text once: the classes of neighbouring parts do not overlap, and repetitions have a bound.
_KEY = r"sk-ant-[A-Za-z0-9_-]+"
_SCHEME = r"\b(Bearer|Basic)\s{1,3}[A-Za-z0-9._~+/=-]{8,}"
_HEADER = (
    r"\b(x-api-key|api[_-]key|authorization)([\"']?\s{0,3}[:=]\s{0,3}(?:b(?=[\"']))?[\"']?)"
    r"((?:(?:Bearer|Basic|Digest|Token)\s{1,3})?)[^\s\"',;]+"
)
_SIGNED_JSON = r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
_EMAIL = r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
_USERINFO = r"(://)[^/@\s:]{1,256}:[^/@\s]{1,256}@"
# How secrets look, and what is put in their place; each with what is in whatever its pattern finds. Most texts hold
# none of that, and to see so is much faster than to search.
_SECRETS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (("sk-ant-",), re.compile(_KEY), _HIDDEN),
    (("bearer", "basic"), re.compile(_SCHEME, re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (("api-key", "api_key", "authorization"), re.compile(_HEADER, re.IGNORECASE), rf"\1\2\3{_HIDDEN}"),
    (("eyj",), re.compile(_SIGNED_JSON), _HIDDEN),
    (("@",), re.compile(_EMAIL), _HIDDEN),
    (("://",), re.compile(_USERINFO), rf"\1{_HIDDEN}@"),
)


def redact(text: str) -> str:
    """`text` without keys, tokens, passwords in addresses, and e-mail addresses."""
    folded = text.casefold()
    for signs, pattern, replacement in _SECRETS:
        for sign in signs:
            if sign in folded:
                text = pattern.sub(replacement, text)
                break
    return text


class _Formatter(logging.Formatter):
    """Redacts what is written in the end, tracebacks included, whatever it was put together from."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        # A line break in what a client chose would look like a line of ours.
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that nobody else can read, from the moment it is there."""

    def _open(self) -> TextIOWrapper:
        def opener(path: str, flags: int) -> int:
            descriptor = os.open(path, flags, 0o600)
            with contextlib.suppress(OSError, AttributeError):  # Windows has neither this call nor the need
                os.fchmod(descriptor, 0o600)
            return descriptor

        return cast("TextIOWrapper", open(self.baseFilename, self.mode, encoding="utf-8", opener=opener))

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        # Before the line is made: the size that the file may reach is no matter of a few hundred bytes.
        return self.stream is not None and self.stream.tell() >= self.maxBytes

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk must not stop the proxy, nor fill a terminal."""

    def doRollover(self) -> None:
        # Where the old file cannot be renamed (it is open elsewhere, on Windows) writing goes on in it.
        with contextlib.suppress(OSError):
            super().doRollover()
        if self.stream is None:
            self.stream = self._open()


def _wanted(record: logging.LogRecord) -> bool:
    return record.getMessage() != _BROKEN_ON_PURPOSE


@contextmanager
def logging_to(paths: Paths, level: str, *, console: bool = False) -> Generator[str | None]:
    """While this is open, what the program has to say goes into `paths.log_file`, and to a terminal with `console`.

    Where the file cannot be written (a read-only home) the program goes on without; what it yields then says so.
    """
    handlers: list[logging.Handler] = []
    problem = None
    try:
        handlers.append(_file_handler(paths.log_file))
    except OSError as error:
        problem = f"No log is written, as {paths.log_file} cannot be: {error.strerror}."
    if console:
        handlers.append(logging.StreamHandler())
    if not handlers:
        handlers.append(logging.NullHandler())
    for handler in handlers:
        handler.setFormatter(_Formatter(_FORMAT))
    # A handler that fails would print its traceback on the terminal.
    logging.raiseExceptions = False
    # No line of ours names these, and to look them up is two fifths of the work of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.propagate = False
        logger.handlers = list(handlers)
        logger.setLevel(level.upper() if logger.name == "cliproxyapi" else logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_wanted)
    try:
        yield problem
    finally:
        logging.getLogger("uvicorn.error").removeFilter(_wanted)
        for logger in loggers:
            logger.handlers = []
            logger.propagate = True
        for handler in handlers:
            with contextlib.suppress(OSError):  # what is still to be written does not fit on a full disk
                handler.close()


def _file_handler(path: Path) -> logging.Handler:
    make_private_directory(path.parent)
    return _PrivateFile(path, maxBytes=_MAX_BYTES, backupCount=OLD_LOGS)


def follow(take: Callable[[str], None]) -> Callable[[], None]:
    """Call `take` with every later line, as it stands in the file, on the thread that logs; the returned function ends
    that."""
    handler = _Listener(take)
    handler.setFormatter(_Formatter(_FORMAT))
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)

    def forget() -> None:
        for logger in loggers:
            logger.removeHandler(handler)

    return forget


class _Listener(logging.Handler):
    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__()
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        self._take(self.format(record))


def last_lines(path: Path, count: int) -> Sequence[str]:
    """The last `count` lines, of the file before this one too where this one is short."""
    lines: deque[str] = deque(maxlen=count)
    for file in (path.with_name(f"{path.name}.1"), path):
        with contextlib.suppress(OSError), file.open(encoding="utf-8", errors="replace") as log:
            lines.extend(line.rstrip("\n") for line in log)
    return list(lines)
