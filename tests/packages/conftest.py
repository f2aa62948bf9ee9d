"""What the tests of packages share: one build for all of them."""

from __future__ import annotations

import pytest

from installers.packaging.build import build
from tests import needs
from tests.packages.executables import Executables


@pytest.fixture(scope="session")
def executables(tmp_path_factory: pytest.TempPathFactory) -> Executables:
    """What `build.spec` makes, on Linux."""
    needs.linux()
    needs.program("strip")
    output = tmp_path_factory.mktemp("dist")
    return Executables(output, python=build(output))
