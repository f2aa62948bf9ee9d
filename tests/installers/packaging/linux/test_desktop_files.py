"""The desktop's files agree with each other, and with the icons and the program that they name."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from installers.packaging import identity
from installers.packaging.linux import desktop_files
from installers.xdg_autostart import parse_entry


def test_the_entry_has_one_main_category_and_promises_no_window() -> None:
    entry = parse_entry(desktop_files.render_entry())
    assert entry["Categories"] == "Network;"
    assert "SingleMainWindow" not in entry
    assert entry["Icon"] == "cliproxyapi"


def test_the_description_leads_to_the_entry() -> None:
    component = ElementTree.fromstring(desktop_files.render_metainfo("1.2.3rc1", 1_700_000_000))
    assert component.findtext("id") == identity.APPLICATION_ID
    assert component.findtext("launchable") == desktop_files.ENTRY.name
    release = component.find("releases/release")
    assert release is not None
    assert release.attrib == {"version": "1.2.3~rc1", "date": "2023-11-14"}


def test_every_icon_lies_in_the_folder_of_its_size() -> None:
    icons = desktop_files.icons()
    assert "icons/hicolor/48x48/apps/cliproxyapi.png" in map(str, icons)
    for place, file in icons.items():
        assert file.is_file()
        size = place.parts[2]
        assert size == "scalable" or file.stem.endswith(f"-{size.partition('x')[0]}")


@pytest.mark.parametrize(
    ("version", "expected"), [("1.2.3", "1.2.3"), ("1.2.3rc1", "1.2.3~rc1"), ("1.2.3a10", "1.2.3~a10")]
)
def test_a_preview_is_older_than_its_release(version: str, expected: str) -> None:
    assert desktop_files.preview_below_release(version) == expected
