"""`python -m tests.simulated_claude`: run it until Ctrl-C, to point a program at it by hand."""

from __future__ import annotations

import contextlib
import threading

from .server import TEST_KEY, SimulatedClaude

with SimulatedClaude() as claude, contextlib.suppress(KeyboardInterrupt):
    print(f"{claude.url} (x-api-key: {TEST_KEY})", flush=True)
    threading.Event().wait()
