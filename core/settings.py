"""Settings: a TOML file, then the environment, then flags; each value knows where it came from."""

from __future__ import annotations

import difflib
import ipaddress
import logging
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from . import config_file
from .listeners import Listeners
from .paths import Paths

log = logging.getLogger("cliproxyapi.settings")

Route = Literal["auto", "direct", "claude-code", "console", "api-key", "demo"]
ROUTES: tuple[Route, ...] = ("auto", "direct", "claude-code", "console", "api-key", "demo")
ANTHROPIC_URL = "https://api.anthropic.com"
LOG_LEVELS = ("debug", "info", "warning", "error")

DEFAULT = "default"
_PREFIX = "CLIPROXYAPI_"
# Variables of ours that are no settings.
_OTHER_VARIABLES = ("CONFIG_DIR", "DATA_DIR")
# What cannot change while the server listens.
_NEEDS_RESTART = ("host", "port")
_SECRET = ("api_key",)


class SettingsError(ValueError):
    """A setting that makes no sense. The message names where it stands, its key and its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `port` 0 is any free one; `max_output_tokens` is for requests that name no limit."""

    host: str = "127.0.0.1"
    port: int = 3456
    route: Route = "auto"
    upstream_url: str = ANTHROPIC_URL
    log_level: str = "info"
    # What clients must send; None lets everybody on this machine in.
    api_key: str | None = field(default=None, repr=False)
    # Names in a `Host` header, beside those of this machine itself.
    allowed_hosts: tuple[str, ...] = ()
    # Web pages that may call this proxy.
    allowed_origins: tuple[str, ...] = ()
    max_output_tokens: int = 32_000
    prompt_cache: Literal["auto", "off"] = "auto"
    default_model: str | None = None
    model_aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    # The person agreed that the stored Claude sign-in is used directly.
    direct_consent: bool = False
    # "ignore" leaves the Claude sign-in that others stored alone.
    claude_login: Literal["auto", "ignore"] = "auto"
    # Hosts beside Anthropic's that may see that sign-in.
    trusted_upstreams: tuple[str, ...] = ()
    # The `claude` executable, where it is not found by itself.
    claude_path: str | None = None
    # How many of it may answer at the same time; each takes some 200 MB.
    claude_code_processes: int = 4
    # The same of Anthropic's `ant`.
    ant_path: str | None = None
    # The Console sign-in of `ant` that the person chose, by its name there.
    console_profile: str | None = None
    # The OAuth app of the person's own organisation: its id, where people consent, where codes become tokens, and what
    # is asked for.
    oauth_client_id: str | None = None
    oauth_authorize_url: str | None = None
    oauth_token_url: str | None = None
    oauth_scopes: tuple[str, ...] = ()
    # Ask once a day whether there is a newer version.
    check_updates: bool = False
    # What the icon tells in a corner of the screen.
    notifications: Literal["problems", "all", "off"] = "problems"
    # The menu leaves the person's e-mail address out, as others see the screen.
    mask_account: bool = False
    # Which kind of icon is shown on Linux; "none" serves without one, anywhere.
    tray: Literal["auto", "status-notifier", "xembed", "none"] = "auto"
    # By name: the path of the file, a variable, or a flag. What is not in here is the default.
    sources: Mapping[str, str] = field(default_factory=dict[str, str])

    def source(self, name: str) -> str:
        return self.sources.get(name, DEFAULT)


def load_settings(
    paths: Paths, environ: Mapping[str, str], flags: Mapping[str, Any], *, text: str | None = None
) -> tuple[Settings, list[str]]:
    """The settings, and warnings about what was not understood. `flags` maps names to values, None where not given;
    `text` stands for the file's content before it is written.

    Raises SettingsError.
    """
    warnings: list[str] = []
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, name, value in [
        *_from_file(paths, warnings, text),
        *_from_environment(environ, warnings),
        *((f"--{name.replace('_', '-')}", name, value) for name, value in flags.items() if value is not None),
    ]:
        try:
            values[name] = _READERS[name](value)
        except ValueError as error:
            shown = "" if name in _SECRET or "@" in str(value) else f" = {value!r}"
            raise SettingsError(f"{source}: {name}{shown}: {error}") from None
        sources[name] = source
    settings = Settings(**values, sources=sources)
    _check_together(settings)
    return settings, warnings


def _check_together(settings: Settings) -> None:
    if not is_loopback(settings.host) and not settings.api_key:
        raise SettingsError(
            f"{settings.source('host')}: host = {settings.host!r}: other machines could use your account. Set api_key "
            "(or CLIPROXYAPI_API_KEY) as well, which clients must then send, or leave the host at 127.0.0.1."
        )


class SettingsStore:
    """The settings in force. `reload` takes up what was edited, `change` edits; any thread may read `current`."""

    def __init__(
        self, paths: Paths, environ: Mapping[str, str], flags: Mapping[str, Any], *, text: str | None = None
    ) -> None:
        """`text` stands for the file's content until `reload`. Raises SettingsError."""
        self._paths = paths
        self._environ = environ
        self._flags = flags
        self._lock = threading.RLock()
        self._listeners: Listeners[Settings] = Listeners()
        self.current, self.warnings = load_settings(paths, environ, flags, text=text)
        # What cannot change while the server listens, as the file has it now.
        self.wanted = self.current
        self._warn()

    @classmethod
    def or_defaults(
        cls, paths: Paths, environ: Mapping[str, str], flags: Mapping[str, Any]
    ) -> tuple[SettingsStore, SettingsError | None]:
        """For a program that has to say what is wrong: where the settings make no sense, the defaults and the reason.
        `reload` takes the file up once it was corrected."""
        try:
            return cls(paths, environ, flags), None
        except SettingsError as error:
            store = cls(paths, {}, {}, text="")
            store._environ, store._flags = environ, flags
            return store, error

    @property
    def needs_restart(self) -> tuple[str, ...]:
        """Settings that were edited and count only when the server starts anew."""
        return tuple(name for name in _NEEDS_RESTART if getattr(self.current, name) != getattr(self.wanted, name))

    def take_up_address(self) -> None:
        """The server is about to start anew: host and port are those of the last edit from now on."""
        with self._lock:
            self.current = self.wanted

    def listen(self, listener: Callable[[Settings], None]) -> Callable[[], None]:
        """Call `listener` with the settings after each change, on the thread that made it; the returned function ends
        that."""
        return self._listeners.add(listener)

    def change(self, **values: Any) -> None:
        """Write settings into the file, None for the default, and take them up. Comments, order and unknown keys stay.

        Raises SettingsError for a bad value, and where a variable or a flag counts before the file; OSError where the
        file cannot be written. Then all stays as it was.
        """
        with self._lock:
            for name in values:
                self._check_changeable(name)
            before = self._paths.config_file
            text = config_file.edited(before, values)
            # Judged as a whole before it is written: two values can be wrong together.
            load_settings(self._paths, self._environ, self._flags, text=text)
            config_file.write(before, text)
            self.reload()

    def _check_changeable(self, name: str) -> None:
        source = self.current.source(name)
        if source in (DEFAULT, str(self._paths.config_file)):
            return
        kind = "flag" if source.startswith("--") else "variable"
        raise SettingsError(
            f"{name} is set by the {kind} {source}, which counts before the file. Start CLIProxyAPI without it to "
            "change the setting here."
        )

    def reload(self) -> None:
        """Raises SettingsError for a bad edit, and then all stays as it was."""
        with self._lock:
            edited, warnings = load_settings(self._paths, self._environ, self._flags)
            current = self.current
            kept = {name: getattr(current, name) for name in _NEEDS_RESTART}
            for name, value in kept.items():
                if getattr(edited, name) != value:
                    log.warning("%s changed: restart the proxy to take it up", name)
            sources = {**edited.sources, **{name: current.source(name) for name in _NEEDS_RESTART}}
            wanted = replace(edited, **kept, sources=sources)
            # The address that stays may need the key that the edit took away.
            _check_together(wanted)
            self.current, self.wanted, self.warnings = wanted, edited, warnings
            self._warn()
        log.info("settings taken up")
        self._listeners.tell(self.current)

    def _warn(self) -> None:
        for warning in self.warnings:
            log.warning("%s", warning)


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _from_file(paths: Paths, warnings: list[str], text: str | None) -> list[tuple[str, str, Any]]:
    path = paths.config_file
    try:
        text = path.read_bytes().decode("utf-8-sig") if text is None else text
        table = tomllib.loads(text)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not a text file in UTF-8") from None
    except RecursionError:
        raise SettingsError(f"{path} is not valid TOML: it is nested too deeply") from None
    except ValueError as error:  # of TOML, or a number of thousands of digits
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    for name in table.keys() - _READERS.keys():
        warnings.append(_unknown(f"{path}: {name}", name))
    return [(str(path), name, value) for name, value in table.items() if name in _READERS]


def _from_environment(environ: Mapping[str, str], warnings: list[str]) -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []
    for variable, text in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or not text:
            continue
        suffix = variable.removeprefix(_PREFIX)
        name = suffix.lower()
        if name in _READERS:
            found.append((variable, name, _from_text(variable, name, text)))
        elif suffix not in _OTHER_VARIABLES:
            warnings.append(_unknown(variable, name))
    return found


def _from_text(variable: str, name: str, text: str) -> Any:
    """A variable's text as the kind of value that the file would hold."""
    if name in ("port", "max_output_tokens", "claude_code_processes"):
        try:
            return int(text)
        except ValueError:
            return text
    if name in ("direct_consent", "check_updates"):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    if name == "oauth_scopes":
        return text.replace(",", " ").split()
    if name in ("allowed_hosts", "allowed_origins", "trusted_upstreams"):
        return _items(text)
    if name == "model_aliases":
        pairs = [item.partition("=") for item in _items(text)]
        if not all(separator for _, separator, _ in pairs):
            raise SettingsError(f"{variable}: write aliases as name=model,name=model")
        return {alias.strip(): model.strip() for alias, _, model in pairs}
    return text


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _unknown(where: str, name: str) -> str:
    meant = difflib.get_close_matches(name, _READERS, n=1)
    return f"{where} is no setting" + (f"; did you mean {meant[0]}?" if meant else "")


# One reader for each setting: the value as TOML gives it → the value, or a ValueError that says what is expected.


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text is expected")
    return value.strip()


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return value

    return read


def _number(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most} is expected")
        return value

    return read


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("a list of texts is expected")
    return tuple(_text(item).lower().rstrip("/") for item in cast("list[Any]", value))


def _aliases(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("a table of names and models is expected")
    return {_text(alias): _text(model) for alias, model in cast("dict[Any, Any]", value).items()}


def _profile(value: Any) -> str:
    name = _text(value)
    if name.startswith(".") or any(character in name for character in "/\\\0"):
        raise ValueError("the name of a profile is expected, as `ant auth status` shows it")
    return name


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def _host(value: Any) -> str:
    host = _text(value).removeprefix("[").removesuffix("]")
    if "://" in host or "/" in host or " " in host or (":" in host and not _is_address(host)):
        raise ValueError("an address like 127.0.0.1 is expected; the port is a setting of its own")
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _key(value: Any) -> str:
    key = _text(value)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("letters, digits and punctuation of ASCII only, without spaces")
    return key


def _url(value: Any) -> str:
    url = _endpoint(value, "https://api.anthropic.com").rstrip("/")
    if "?" in url:
        raise ValueError("an address like https://api.anthropic.com is expected")
    return url


def _endpoint(value: Any, example: str = "https://platform.claude.com/oauth/authorize") -> str:
    """An address as it was written: a provider may insist on each of its characters."""
    url = _text(value)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not host or parts.scheme not in ("http", "https") or "#" in url or "@" in parts.netloc or not is_plain:
        raise ValueError(f"an address like {example} is expected")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("https is needed: your key would travel in the clear")
    return url


def _scopes(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, (list, tuple)):
        raise ValueError("a list of texts is expected")
    return tuple(_key(item) for item in cast("list[Any]", value))


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "host": _host,
    "port": _number(0, 65535),
    "route": _one_of(*ROUTES),
    "upstream_url": _url,
    "log_level": _one_of(*LOG_LEVELS),
    "api_key": _key,
    "allowed_hosts": _texts,
    "allowed_origins": _texts,
    "max_output_tokens": _number(1, 10_000_000),
    "prompt_cache": _one_of("auto", "off"),
    "default_model": _text,
    "model_aliases": _aliases,
    "direct_consent": _yes_or_no,
    "claude_login": _one_of("auto", "ignore"),
    "trusted_upstreams": _texts,
    "claude_path": _text,
    "claude_code_processes": _number(1, 64),
    "ant_path": _text,
    "console_profile": _profile,
    "oauth_client_id": _key,
    "oauth_authorize_url": _endpoint,
    "oauth_token_url": _endpoint,
    "oauth_scopes": _scopes,
    "check_updates": _yes_or_no,
    "notifications": _one_of("problems", "all", "off"),
    "mask_account": _yes_or_no,
    "tray": _one_of("auto", "status-notifier", "xembed", "none"),
}

assert set(_READERS) == {item.name for item in fields(Settings)} - {"sources"}
