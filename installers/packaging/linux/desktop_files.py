"""What desktops read of the program: its entry in the menu, its icons, and what a software centre says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import escape

from installers.packaging import identity

ICONS = Path(__file__).parents[3] / "assets"
ENTRY = PurePosixPath("applications/cliproxyapi.desktop")
METAINFO = PurePosixPath(f"metainfo/{identity.APPLICATION_ID}.metainfo.xml")

_HICOLOR = PurePosixPath("icons/hicolor")
# Those that the theme itself has folders for: https://specifications.freedesktop.org/icon-theme-spec
_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)

# One main category, or menus show it twice. `SingleMainWindow` is left out: there is no window.
_ENTRY = """\
[Desktop Entry]
Type=Application
Name={name}
GenericName=Local Claude proxy
Comment={summary}
Exec={command}
Icon=cliproxyapi
Terminal=false
StartupNotify=false
Categories=Network;
Keywords=Claude;Anthropic;OpenAI;proxy;LLM;
"""

# https://www.freedesktop.org/software/appstream/docs/chap-Metadata.html
_METAINFO = """\
<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{application_id}</id>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>{licence}</project_license>
  <name>{name}</name>
  <summary>{summary}</summary>
  <developer_name>{publisher}</developer_name>
  <description>
    <p>
      An icon in the panel, and a server on your own machine that lets programs talk to Claude with your API key or
      sign-in, whether they speak OpenAI Chat Completions or Anthropic Messages.
    </p>
    <p>
      It is a community tool, not made or supported by Anthropic. One person, one machine: nothing is pooled, shared or
      hosted, and it says who it is.
    </p>
  </description>
  <launchable type="desktop-id">{entry}</launchable>
  <icon type="stock">cliproxyapi</icon>
  <categories>
    <category>Network</category>
  </categories>
  <url type="homepage">{homepage}</url>
  <url type="bugtracker">{homepage}/issues</url>
  <provides>
    <binary>cliproxyapi</binary>
  </provides>
  <content_rating type="oars-1.1"/>
  <releases>
    <release version="{version}" date="{day}"/>
  </releases>
</component>
"""


def render_entry(command: str = "cliproxyapi") -> str:
    """The entry of the menu; `command` as the specification wants it quoted."""
    summary = identity.SUMMARY
    return _ENTRY.format(name=identity.NAME, summary=summary, command=command)


def render_metainfo(version: str, seconds: int) -> str:
    """What a software centre shows. `seconds` since 1970: when the version came out."""
    values = {
        "application_id": identity.APPLICATION_ID,
        "licence": identity.LICENSE,
        "name": identity.NAME,
        "summary": identity.SUMMARY,
        "publisher": identity.PUBLISHER,
        "entry": ENTRY.name,
        "homepage": identity.HOMEPAGE,
        "version": preview_below_release(version),
        "day": datetime.fromtimestamp(seconds, UTC).date().isoformat(),
    }
    return _METAINFO.format(**{name: escape(value) for name, value in values.items()})


def preview_below_release(version: str) -> str:
    """`1.0.0rc1` as `1.0.0~rc1`, which AppStream and Debian take for older than `1.0.0`."""
    return re.sub(r"(?<=\d)(a|b|rc)(?=\d)", r"~\1", version)


def icons() -> Mapping[PurePosixPath, Path]:
    """Each icon by its place below `share`, and the file that it is."""
    pixels = {_HICOLOR / f"{size}x{size}/apps/cliproxyapi.png": _png(size) for size in _SIZES}
    return {**pixels, _HICOLOR / "scalable/apps/cliproxyapi.svg": ICONS / "cliproxyapi.svg"}


def _png(size: int) -> Path:
    return ICONS / "png" / f"cliproxyapi-{size}.png"
