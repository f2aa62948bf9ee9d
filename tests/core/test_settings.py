"""Settings: where each value comes from, and what is said about those that make no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.paths import Paths
from core.settings import Settings, SettingsError, SettingsStore, load_settings


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "config", tmp_path / "data", tmp_path / "log", tmp_path / "run")


def write(paths: Paths, text: str | bytes) -> None:
    paths.config_dir.mkdir(exist_ok=True)
    paths.config_file.write_bytes(text if isinstance(text, bytes) else text.encode())


def load(paths: Paths, environ: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load_settings(paths, environ or {}, flags)[0]


def test_without_anything_the_defaults_hold(paths: Paths) -> None:
    settings = load(paths)
    assert (settings.host, settings.port, settings.route) == ("127.0.0.1", 3456, "auto")
    assert settings.upstream_url == "https://api.anthropic.com"
    assert settings.source("port") == "default"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(paths: Paths) -> None:
    write(paths, 'port = 1000\nroute = "demo"\nmax_output_tokens = 5')
    environ = {"CLIPROXYAPI_PORT": "2000", "CLIPROXYAPI_ROUTE": "api-key", "CLIPROXYAPI_HOST": ""}
    settings = load(paths, environ, port=3000, route=None)
    assert (settings.port, settings.route, settings.max_output_tokens) == (3000, "api-key", 5)
    assert settings.source("port") == "--port"
    assert settings.source("route") == "CLIPROXYAPI_ROUTE"
    assert settings.source("max_output_tokens") == str(paths.config_file)


def test_every_setting_can_come_from_the_file(paths: Paths) -> None:
    write(
        paths,
        '\ufeffhost = "::1"\nport = 0\nroute = "api-key"\nupstream_url = "http://127.0.0.1:9/"\nlog_level = "debug"\n'
        'api_key = "local"\nallowed_hosts = ["Box.Local"]\nallowed_origins = ["https://chat.example/"]\n'
        'max_output_tokens = 1\nprompt_cache = "off"\ndefault_model = "claude-x"\n'
        '[model_aliases]\n"gpt-4o" = "claude-y"\n',
    )
    assert load(paths) == Settings(
        host="::1",
        port=0,
        route="api-key",
        upstream_url="http://127.0.0.1:9",
        log_level="debug",
        api_key="local",
        allowed_hosts=("box.local",),
        allowed_origins=("https://chat.example",),
        max_output_tokens=1,
        prompt_cache="off",
        default_model="claude-x",
        model_aliases={"gpt-4o": "claude-y"},
        sources=load(paths).sources,
    )


def test_lists_and_tables_can_come_from_the_environment(paths: Paths) -> None:
    settings = load(
        paths,
        {
            "CLIPROXYAPI_ALLOWED_HOSTS": "a.local, b.local",
            "CLIPROXYAPI_MODEL_ALIASES": "gpt-4o=claude-x, o3 = claude-y",
        },
    )
    assert settings.allowed_hosts == ("a.local", "b.local")
    assert settings.model_aliases == {"gpt-4o": "claude-x", "o3": "claude-y"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('port = "3456"', "port = '3456': a whole number"),
        ("port = true", "port"),
        ("port = 70000", "70000"),
        ('route = "teleport"', "api-key"),
        ('log_level = "loud"', "debug"),
        ('host = ""', "host"),
        ('host = "http://x"', "the port is a setting of its own"),
        ('host = "127.0.0.1:80"', "the port is a setting of its own"),
        ('host = "0.0.0.0"', "api_key"),
        ('host = "my-computer"', "api_key"),
        ('upstream_url = "api.anthropic.com"', "https://api.anthropic.com"),
        ('upstream_url = "http://example.com"', "in the clear"),
        ('upstream_url = "https://user:secret@example.com"', "https://api.anthropic.com"),
        ('upstream_url = "https://[::1"', "https://api.anthropic.com"),
        ('upstream_url = "https://:secret@example.com"', "https://api.anthropic.com"),
        ("port = " + "1" * 5000, "TOML"),
        ("a = " + "[" * 5000, "TOML"),
        ('allowed_hosts = "x"', "a list"),
        ("allowed_origins = [1]", "text"),
        ("max_output_tokens = 0", "from 1"),
        ('prompt_cache = "on"', "auto, off"),
        ("model_aliases = []", "table"),
        ("port = ", "TOML"),
        ("port = 1\nport = 2", "TOML"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_bad_value_is_named_with_its_file_and_its_key(paths: Paths, line: str | bytes, expected: str) -> None:
    write(paths, line)
    with pytest.raises(SettingsError) as caught:
        load(paths)
    assert str(paths.config_file) in str(caught.value)
    assert expected in str(caught.value)


def test_a_secret_is_never_shown(paths: Paths) -> None:
    write(paths, 'api_key = "two words"')
    with pytest.raises(SettingsError) as caught:
        load(paths)
    assert "two words" not in str(caught.value)
    assert "hidden" not in repr(load(paths.__class__(*([paths.data_dir] * 4)), {"CLIPROXYAPI_API_KEY": "hidden"}))


def test_a_variable_is_named_by_its_own_name(paths: Paths) -> None:
    with pytest.raises(SettingsError, match=r"^CLIPROXYAPI_PORT: port = 'x'"):
        load(paths, {"CLIPROXYAPI_PORT": "x"})
    with pytest.raises(SettingsError, match="CLIPROXYAPI_MODEL_ALIASES"):
        load(paths, {"CLIPROXYAPI_MODEL_ALIASES": "x"})


def test_unknown_settings_are_warned_about_by_name(paths: Paths) -> None:
    write(paths, "prot = 1\n[other]\na = 1")
    _, warnings = load_settings(paths, {"CLIPROXYAPI_RUOTE": "x", "CLIPROXYAPI_CONFIG_DIR": "y"}, {})
    assert len(warnings) == 3
    assert "did you mean port?" in "\n".join(warnings)
    assert "did you mean route?" in "\n".join(warnings)


def test_another_host_is_fine_with_a_key(paths: Paths) -> None:
    assert load(paths, {"CLIPROXYAPI_HOST": "0.0.0.0", "CLIPROXYAPI_API_KEY": "k"}).host == "0.0.0.0"


def test_an_unreadable_file_is_an_error_and_not_a_surprise(paths: Paths) -> None:
    paths.config_file.mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be read"):
        load(paths)


def test_a_reload_takes_up_what_was_edited_but_not_the_address(paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    write(paths, 'default_model = "claude-x"')
    store = SettingsStore(paths, {}, {})
    write(paths, 'default_model = "claude-y"\nport = 5000')
    store.reload()
    assert (store.current.default_model, store.current.port) == ("claude-y", 3456)
    assert "port changed: restart" in caplog.text


def test_an_edit_cannot_open_a_server_to_everybody(paths: Paths) -> None:
    """The address stays until a restart; the key that it needs stays with it."""
    write(paths, 'host = "0.0.0.0"\napi_key = "k"')
    store = SettingsStore(paths, {}, {})
    write(paths, "")
    with pytest.raises(SettingsError, match="api_key"):
        store.reload()
    assert store.current.api_key == "k"
    assert store.current.source("host") == str(paths.config_file)


def test_a_bad_edit_keeps_the_old_values(paths: Paths) -> None:
    store = SettingsStore(paths, {}, {})
    before = store.current
    write(paths, "port = ")
    with pytest.raises(SettingsError):
        store.reload()
    assert store.current is before
