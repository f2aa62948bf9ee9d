"""What stands in for systems that are not here: as much of them as a tray touches, and as strict."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

import pytest


@contextmanager
def modules_over(system: Mapping[str, ModuleType], *names: str) -> Iterator[list[ModuleType]]:
    """The modules of those names, imported where `system` is the system. They are forgotten afterwards."""
    import tray.pystray_icon

    assert tray.pystray_icon, "pystray itself is the same everywhere"
    with pytest.MonkeyPatch.context() as patch:
        for name, module in system.items():
            patch.setitem(sys.modules, name, module)
        try:
            _forget(names)
            yield [importlib.import_module(name) for name in names]
        finally:
            _forget(names)


def _forget(names: tuple[str, ...]) -> None:
    for name in names:
        sys.modules.pop(name, None)
        package, _, module = name.rpartition(".")
        if package in sys.modules:
            vars(sys.modules[package]).pop(module, None)
