"""What most tests over a socket begin with: a simulated Claude, and a proxy in front of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import evidence
from tests.running_proxy import RunningProxy, running_proxy
from tests.simulated_claude import SimulatedClaude

# Whatever keyring this machine has is not for tests.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    evidence.keep_report(report)


@pytest.fixture(scope="session", autouse=True)
def kept_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests' programs wrote is kept for a search for secrets, where that is asked for."""
    yield
    evidence.keep_files(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def module_claude() -> Iterator[SimulatedClaude]:
    with SimulatedClaude() as simulated:
        yield simulated


@pytest.fixture
def claude(module_claude: SimulatedClaude) -> SimulatedClaude:
    """Shared by a module's tests, and like new for each."""
    module_claude.reset()
    return module_claude


@pytest.fixture(scope="module")
def proxy(module_claude: SimulatedClaude, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home: Path = tmp_path_factory.mktemp("home")
    with running_proxy(home, module_claude.url) as proxy:
        yield proxy
