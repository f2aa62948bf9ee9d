"""What the tests of packages share: one build for all of them."""

from __future__ import annotations

import pytest

from installers.packaging.build import build
from tests import needs
from tests.packages.executables import Executables
from tests.packages.linux import LinuxPackages, make_packages


@pytest.fixture(scope="session")
def executables(tmp_path_factory: pytest.TempPathFactory) -> Executables:
    """What `build.spec` makes, on Linux."""
    needs.linux()
    needs.program("strip")
    output = tmp_path_factory.mktemp("dist")
    return Executables(output, python=build(output))


@pytest.fixture(scope="session")
def linux_packages(executables: Executables, tmp_path_factory: pytest.TempPathFactory) -> LinuxPackages:
    """What is made of them for Linux."""
    return make_packages(executables.folder, tmp_path_factory.mktemp("packages"))
