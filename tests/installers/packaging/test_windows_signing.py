"""Signing for Windows, with a stand-in for `osslsigncode`."""

from __future__ import annotations

from pathlib import Path

import pytest

from installers.packaging.windows.sign import CERTIFICATE, PASSWORD, NotSigned, sign
from tests.installers.packaging.recorder import Recorder, posix

pytestmark = posix

# Its last two arguments are `-out FILE`.
SIGNS = 'while [ $# -gt 1 ]; do shift; done\necho signed > "$1"'


@pytest.fixture
def tools(tmp_path: Path) -> Recorder:
    (tmp_path / "tools").mkdir()
    return Recorder(tmp_path / "tools")


def test_a_file_is_signed_in_its_place(tools: Recorder, tmp_path: Path) -> None:
    tools.plays("osslsigncode", SIGNS)
    (file := tmp_path / "a b.exe").write_text("unsigned")
    sign(file, {**tools.environ, CERTIFICATE: "c.p12", PASSWORD: "p.txt"})
    assert file.read_text() == "signed\n"
    [call] = tools.calls
    assert "sign -pkcs12 c.p12 -readpass p.txt -h sha256" in call
    assert not file.with_name("a b.exe.signed").exists()


def test_a_failure_is_told_and_leaves_the_file(tools: Recorder, tmp_path: Path) -> None:
    (file := tmp_path / "a.exe").write_text("unsigned")
    given = {**tools.environ, CERTIFICATE: "c.p12", PASSWORD: "p.txt"}
    with pytest.raises(NotSigned, match="are needed"):
        sign(file, tools.environ)
    tools.plays("osslsigncode", "echo expired >&2; exit 1")
    with pytest.raises(NotSigned, match="expired"):
        sign(file, given)
    assert file.read_text() == "unsigned"
    with pytest.raises(NotSigned, match="not installed"):
        sign(file, {**given, "PATH": str(tmp_path)})
