"""What a test needs of the machine: where it is missing, a person's run skips with the reason, and a server's fails."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip this test, or fail it where `CI=true` promised that nothing is missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, but {reason}")
    pytest.skip(reason)


def program(*names: str) -> Path:
    """The first of `names` that is installed."""
    for name in names:
        if found := shutil.which(name):
            return Path(found)
    missing(f"{' or '.join(names)} is not installed")


def linux() -> None:
    if sys.platform != "linux":
        pytest.skip("it is about Linux")
