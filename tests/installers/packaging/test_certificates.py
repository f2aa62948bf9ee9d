"""Certificates that the workflow takes up: for those who have one, and no secret where others look."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from installers.packaging.certificates import NotUsable, macos, windows
from installers.packaging.macos.dmg import IDENTITY, NOTARY
from installers.packaging.windows import installer, sign
from tests.installers.packaging.recorder import Recorder, posix

pytestmark = posix

GIVEN = {"CERTIFICATE": base64.encodebytes(b"pkcs12" * 30).decode(), "CERTIFICATE_PASSWORD": "s3cr3t-marker"}
FOUND = """if [ "$1" = find-identity ]; then echo '  1) 0A1B "Developer ID Application: Ada (TEAM)"'; fi"""


@pytest.fixture
def tools(tmp_path: Path) -> Recorder:
    (tmp_path / "tools").mkdir()
    return Recorder(tmp_path / "tools")


def test_without_one_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert windows(tmp_path, {"CERTIFICATE": ""}) == macos(tmp_path, {}) == {}
    assert list(tmp_path.iterdir()) == []


def test_the_one_for_windows_lies_in_private_files(tmp_path: Path) -> None:
    found = windows(tmp_path, GIVEN)
    assert set(found) == {sign.CERTIFICATE, sign.PASSWORD, installer.SIGN}
    assert "s3cr3t-marker" not in str(found)
    assert Path(found[sign.CERTIFICATE]).read_bytes() == b"pkcs12" * 30
    assert Path(found[sign.PASSWORD]).read_text() == "s3cr3t-marker"
    for name in (sign.CERTIFICATE, sign.PASSWORD):
        assert stat.S_IMODE(Path(found[name]).stat().st_mode) == 0o600


def test_the_one_for_macos_goes_into_a_keychain_of_its_own(tools: Recorder, tmp_path: Path) -> None:
    tools.plays("security", FOUND)
    notary = {"NOTARY_KEY": "-----BEGIN", "NOTARY_KEY_ID": "ID", "NOTARY_ISSUER": "ISSUER"}
    found = macos(tmp_path, {**tools.environ, **GIVEN, **notary})
    key = tmp_path / "notary.p8"
    assert found == {
        IDENTITY: "Developer ID Application: Ada (TEAM)",
        **dict(zip(NOTARY, (str(key), "ID", "ISSUER"), strict=True)),
    }
    assert key.read_text() == "-----BEGIN"
    assert [call.split()[1] for call in tools.calls] == [
        "create-keychain",
        "set-keychain-settings",
        "unlock-keychain",
        "import",
        "set-key-partition-list",
        "list-keychains",
        "find-identity",
    ]
    assert not (tmp_path / "macos.p12").exists()


def test_what_is_no_certificate_is_told_without_its_content(tools: Recorder, tmp_path: Path) -> None:
    with pytest.raises(NotUsable, match="not in base64"):
        windows(tmp_path, {"CERTIFICATE": "s3cr3t-marker!"})
    tools.plays("security")
    with pytest.raises(NotUsable, match="none for a Developer ID"):
        macos(tmp_path, {**tools.environ, **GIVEN})
    tools.plays("security", "echo no such thing >&2; exit 1")
    with pytest.raises(NotUsable, match="security create-keychain failed: no such thing"):
        macos(tmp_path, {**tools.environ, **GIVEN})
