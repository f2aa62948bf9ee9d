"""Desktops for tests: `desktop("xfce", dark=True)` is one with that panel, and ends with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.desktop.tray_host import Desktop


@pytest.fixture
def desktop() -> Iterator[Callable[..., Desktop]]:
    with ExitStack() as stack:
        yield lambda host, *, dark=False: stack.enter_context(Desktop(host, dark=dark))
