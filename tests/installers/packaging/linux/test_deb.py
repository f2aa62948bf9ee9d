"""The texts of the Debian package, and when it is."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from installers.packaging.linux.deb import render_changelog, render_copyright
from installers.packaging.linux.payload import BUILD_TIME, NotBuilt, build_time


def test_the_copyright_names_the_holder_the_licence_and_where_the_others_are() -> None:
    text = render_copyright(PurePosixPath("usr/lib/x/licences.txt"))
    assert "\nCopyright: 2026 The CLIProxyAPI authors\nLicense: Expat\n Permission is hereby granted" in text
    assert "\n /usr/lib/x/licences.txt\n" in text
    assert "\n\n Permission" not in text


def test_the_changelog_has_debians_form() -> None:
    text = render_changelog("0.0.0", "0.0.0", 1_700_000_000)
    first, *_, last = text.strip().splitlines()
    assert first == "cliproxyapi (0.0.0) stable; urgency=medium"
    assert last.startswith(" -- CLIProxyAPI contributors <")
    assert last.endswith(">  Tue, 14 Nov 2023 22:13:20 +0000")
    points = text.split("\n\n")[1].splitlines()
    assert points[0].startswith("  * ")
    assert all(line.startswith(("  * ", "    ")) and len(line) <= 80 for line in points)


def test_the_time_is_that_of_the_environment() -> None:
    assert build_time({BUILD_TIME: "1700000000"}) == 1_700_000_000
    assert build_time({}) > 1_700_000_000
    with pytest.raises(NotBuilt, match="SOURCE_DATE_EPOCH is 'noon'"):
        build_time({BUILD_TIME: "noon"})
