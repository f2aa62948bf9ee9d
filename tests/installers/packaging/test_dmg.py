"""The disk image, with stand-ins for Apple's tools: what is asked of them, and in which order."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from installers.packaging.macos import dmg
from installers.packaging.macos.dmg import IDENTITY, NOTARY, NotBuilt, build
from tests.installers.packaging.recorder import Recorder, posix

pytestmark = posix

# What is on the image: the names in the folder that it is made of.
HDIUTIL = 'while [ "$1" != -srcfolder ]; do shift; done\nls "$2" > "$(dirname "$0")/on-the-image.txt"'


@pytest.fixture
def tools(tmp_path: Path) -> Recorder:
    (tmp_path / "tools").mkdir()
    tools = Recorder(tmp_path / "tools")
    tools.plays("hdiutil", HDIUTIL)
    tools.plays("codesign")
    tools.plays("xcrun")
    return tools


@pytest.fixture
def app(tmp_path: Path) -> Path:
    app = tmp_path / "CLIProxyAPI.app"
    (app / "Contents").mkdir(parents=True)
    (app / "Contents/Info.plist").write_text("")
    return app


def test_without_a_certificate_it_is_made_unsigned(tools: Recorder, app: Path, tmp_path: Path) -> None:
    build(app, tmp_path / "out.dmg", tools.environ)
    [call] = tools.calls
    assert call.startswith("hdiutil create -volname CLIProxyAPI ")
    assert call.endswith(f"-format UDZO -ov {tmp_path / 'out.dmg'}")
    assert (tools.folder / "on-the-image.txt").read_text().split() == ["Applications", "CLIProxyAPI.app"]


def test_with_all_that_is_needed_it_is_signed_notarised_and_stapled(tools: Recorder, app: Path, tmp_path: Path) -> None:
    notary = dict(zip(NOTARY, ("key.p8", "ID", "ISSUER"), strict=True))
    build(app, image := tmp_path / "out.dmg", {**tools.environ, IDENTITY: "Developer ID", **notary})
    verified, made, signed, submitted, stapled, validated = tools.calls
    assert verified == f"codesign --verify --deep --strict {app}"
    assert made.startswith("hdiutil create")
    assert signed == f"codesign --sign Developer ID --timestamp {image}"
    assert submitted == f"xcrun notarytool submit {image} --key key.p8 --key-id ID --issuer ISSUER --wait"
    assert (stapled, validated) == (f"xcrun stapler staple {image}", f"xcrun stapler validate {image}")


def test_half_of_what_notarising_needs_is_told(tools: Recorder, app: Path, tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match="are needed together"):
        build(app, tmp_path / "out.dmg", {**tools.environ, NOTARY[0]: "key.p8"})
    assert tools.calls == []


def test_a_tool_that_fails_is_told_with_its_words(tools: Recorder, app: Path, tmp_path: Path) -> None:
    tools.plays("hdiutil", "echo no space >&2; exit 1")
    with pytest.raises(NotBuilt, match="hdiutil create failed:\nno space"):
        build(app, tmp_path / "out.dmg", tools.environ)
    with pytest.raises(NotBuilt, match="hdiutil is not there"):
        build(app, tmp_path / "out.dmg", {"PATH": str(tmp_path)})
    with pytest.raises(NotBuilt, match="is no app"):
        build(tmp_path, tmp_path / "out.dmg", tools.environ)


def test_the_entitlements_are_those_that_python_needs_and_no_others() -> None:
    entitlements = plistlib.loads((Path(dmg.__file__).with_name("entitlements.plist")).read_bytes())
    assert entitlements == {
        "com.apple.security.cs.allow-unsigned-executable-memory": True,
        "com.apple.security.cs.disable-library-validation": True,
    }
