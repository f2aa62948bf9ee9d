"""Where our files live, and how a file with a secret in it is written."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import platformdirs

_NAME = "cliproxyapi"

# How many old logs are kept, as `cliproxyapi.log.1` and so on.
OLD_LOGS = 3

LAUNCHER = "launcher"


@dataclass(frozen=True, slots=True)
class Paths:
    """The program's directories. Nothing is created before something is written."""

    config_dir: Path
    data_dir: Path
    log_dir: Path
    # What is true only while a server of ours runs.
    run_dir: Path

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> Paths:
        """The platform's directories, or those that CLIPROXYAPI_CONFIG_DIR and CLIPROXYAPI_DATA_DIR name."""
        config = environ.get("CLIPROXYAPI_CONFIG_DIR")
        data = environ.get("CLIPROXYAPI_DATA_DIR")
        # Absolute, so that a later change of the working directory moves nothing.
        data_dir = Path(data).expanduser().absolute() if data else platformdirs.user_data_path(_NAME, appauthor=False)
        return cls(
            config_dir=Path(config).expanduser().absolute()
            if config
            else platformdirs.user_config_path(_NAME, appauthor=False),
            data_dir=data_dir,
            run_dir=_run_dir(environ, data_dir, is_own=bool(data)),
            log_dir=data_dir / "log" if data else platformdirs.user_log_path(_NAME, appauthor=False),
        )

    @property
    def config_file(self) -> Path:
        return self.config_dir / "config.toml"

    @property
    def log_file(self) -> Path:
        return self.log_dir / "cliproxyapi.log"

    @property
    def agent_log_file(self) -> Path:
        """What the program prints when macOS started it; launchd writes it."""
        return self.log_dir / "launchd.log"

    @property
    def models_file(self) -> Path:
        return self.data_dir / "models.json"

    @property
    def updates_file(self) -> Path:
        """What the releases feed said last, and when."""
        return self.data_dir / "updates.json"

    @property
    def api_key_file(self) -> Path:
        return self.data_dir / "api_key.json"

    @property
    def oauth_file(self) -> Path:
        return self.data_dir / "oauth.json"

    @property
    def claude_code_dir(self) -> Path:
        """What is known of the installed Claude Code, and the empty folder in which it is run."""
        return self.data_dir / "claude-code"

    @property
    def launcher(self) -> Path:
        """A link to the program, for a start at login that cannot carry the program's own path."""
        return self.data_dir / LAUNCHER

    @property
    def welcomed_file(self) -> Path:
        """There once a person was shown around."""
        return self.data_dir / "welcomed"

    @property
    def tray_file(self) -> Path:
        """Locked by the one process that shows the icon."""
        return self.run_dir / "tray.json"

    def server_file(self, port: int) -> Path:
        return self.run_dir / f"server-{port}.json"

    def written_files(self) -> Iterator[Path]:
        """Every file that is there and that this program writes, by its name; so also what a crash left of a file that
        was being written. Whatever else lies in its folders belongs to somebody else."""
        ours = re.compile("|".join(map(_as_expression, self.written_names())))
        for directory in self.directories():
            with contextlib.suppress(OSError):
                yield from (path for path in sorted(directory.iterdir()) if ours.fullmatch(str(path)))

    def written_names(self) -> list[Path]:
        """The files that this program may write. A `*` in the last part stands for a port, or for what the name of a
        file that is being written has by chance."""
        logs = [self.log_file, *(self.log_file.with_name(f"{self.log_file.name}.{n + 1}") for n in range(OLD_LOGS))]
        replaced = [
            self.config_file,
            self.models_file,
            self.updates_file,
            self.api_key_file,
            self.oauth_file,
            self.oauth_file.with_suffix(".lock"),
            self.launcher,
            self.welcomed_file,
            self.claude_code_dir / "versions.json",
        ]
        unfinished = [path.with_name(f".{path.name}.*.tmp") for path in replaced]
        return [
            *logs,
            self.agent_log_file,
            *replaced,
            *unfinished,
            self.tray_file,
            self.run_dir / "server-*.json",
        ]

    def directories(self) -> list[Path]:
        """The folders, each once, and a folder before the one that it lies in."""
        claude_code = self.claude_code_dir
        ours = {self.config_dir, self.data_dir, self.log_dir, self.run_dir, claude_code, claude_code / "empty"}
        return sorted(ours, key=lambda path: (-len(path.parts), path))


def _as_expression(name: Path) -> str:
    return re.escape(f"{name.parent}{os.sep}") + re.escape(name.name).replace(r"\*", "[a-z0-9_]+")


def _run_dir(environ: Mapping[str, str], data_dir: Path, *, is_own: bool) -> Path:
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / _NAME if runtime and not is_own else data_dir / "run"


@overload
def without_home(text: str) -> str: ...
@overload
def without_home(text: str | None) -> str | None: ...
def without_home(text: str | None) -> str | None:
    """`text` with ~ for the home of the person, whose name stands in its path."""
    home = str(Path.home())
    return text.replace(home, "~") if text and len(home) > 1 else text


def make_private_directory(path: Path) -> None:
    """Create `path` for its owner alone. A directory that is there already keeps its rights: it may be the home."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `data`, readable by its owner alone from the first moment on, unless `mode` says otherwise.

    A reader sees the old file or the new one, never a part. Raises OSError and then leaves everything as it was.
    """
    make_private_directory(path.parent)
    # mkstemp creates the file with 0600 and never follows a link that lies in wait.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode != 0o600:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
