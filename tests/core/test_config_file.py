"""Changing settings for the person: what they wrote stays, and what cannot count is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from core.paths import Paths
from core.settings import Settings, SettingsError, SettingsStore

MINE = """\
# my proxy
port = 4000  # not the usual one
something_new = "from a later version"

[model_aliases]
"gpt-4o" = "claude-sonnet-4-6"
"""


def store_at(home: Path, environ: dict[str, str] | None = None, **flags: object) -> SettingsStore:
    variables = {"CLIPROXYAPI_CONFIG_DIR": str(home), "CLIPROXYAPI_DATA_DIR": str(home), **(environ or {})}
    return SettingsStore(Paths.find(variables), variables, flags)


def test_comments_order_and_unknown_keys_stay(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(MINE)
    store = store_at(tmp_path)
    store.change(route="direct", direct_consent=True)
    text = file.read_text()
    assert text.startswith("# my proxy\nport = 4000  # not the usual one\nsomething_new")
    assert (store.current.route, store.current.direct_consent) == ("direct", True)
    assert store.current.model_aliases == {"gpt-4o": "claude-sonnet-4-6"}
    store.change(route=None, direct_consent=None)
    assert store_at(tmp_path).current.route == "auto"
    assert file.read_text() == MINE


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "new"
    store = store_at(home)
    heard: list[Settings] = []
    store.listen(heard.append)
    store.change(allowed_hosts=("box.local",), model_aliases={"best": "claude-opus-4-6"})
    assert store_at(home).current.model_aliases == {"best": "claude-opus-4-6"}
    assert heard[-1].allowed_hosts == ("box.local",)
    if os.name != "nt":
        assert stat.S_IMODE((home / "config.toml").stat().st_mode) == 0o600


def test_a_link_stays_a_link_and_rights_stay_as_they_are(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("port = 4000\n")
    real.chmod(0o644)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").symlink_to(real)
    store_at(tmp_path / "config").change(route="demo")
    assert (tmp_path / "config" / "config.toml").is_symlink()
    assert 'route = "demo"' in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o644


@pytest.mark.parametrize("values", [{"route": "teleport"}, {"port": 70_000}, {"host": "0.0.0.0"}])
def test_a_bad_value_changes_nothing(tmp_path: Path, values: dict[str, object]) -> None:
    (tmp_path / "config.toml").write_text(MINE)
    store = store_at(tmp_path)
    with pytest.raises(SettingsError):
        store.change(**values)
    assert (tmp_path / "config.toml").read_text() == MINE
    assert store.current.port == 4000


def test_what_a_variable_or_a_flag_decides_cannot_be_changed_here(tmp_path: Path) -> None:
    store = store_at(tmp_path, {"CLIPROXYAPI_ROUTE": "demo"}, port=4001)
    with pytest.raises(SettingsError, match="CLIPROXYAPI_ROUTE"):
        store.change(route="direct")
    with pytest.raises(SettingsError, match="--port"):
        store.change(port=4002)
    assert not (tmp_path / "config.toml").exists()


def test_a_new_port_waits_for_the_next_start(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    store.change(port=4005)
    assert (store.current.port, store.needs_restart) == (3456, ("port",))
    store.take_up_address()
    assert (store.current.port, store.needs_restart) == (4005, ())


def test_a_folder_that_cannot_be_written_says_so_and_changes_nothing(tmp_path: Path) -> None:
    in_the_way = tmp_path / "home"
    in_the_way.write_text("a file where the folder should be")
    store = store_at(tmp_path / "other")
    (tmp_path / "other").write_text("")
    with pytest.raises((OSError, SettingsError)):
        store.change(route="demo")
    assert store.current.route == "auto"
