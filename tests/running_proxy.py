"""The proxy on a free port, as tests talk to it: over a real socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.credentials.stores import Stores
from core.paths import Paths
from core.server.app import App, Tuning
from core.server.thread import ServerThread
from core.settings import SettingsStore
from core.status import StatusBoard
from tests.simulated_claude.server import TEST_KEY

CONTROL_TOKEN = "s3cr3t-marker-of-the-lock-file"


@dataclass(frozen=True)
class RunningProxy:
    port: int
    board: StatusBoard
    server: ServerThread
    settings: SettingsStore

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def v1(self) -> str:
        return f"{self.root}/v1"


@contextmanager
def running_proxy(
    home: Path,
    upstream: str | None = None,
    *,
    tuning: Tuning | None = None,
    environ: Mapping[str, str] | None = None,
    token: str = CONTROL_TOKEN,
    **parts: Any,
) -> Iterator[RunningProxy]:
    """A proxy whose settings and files live in `home`, in front of `upstream`; without one, the demo.

    `token` and `parts` (desk, sign_ins, controls) go to the application.
    """
    variables = {
        "HOME": str(home),
        "CLIPROXYAPI_CONFIG_DIR": str(home / "config"),
        "CLIPROXYAPI_DATA_DIR": str(home / "data"),
        "CLIPROXYAPI_PORT": "0",
        "CLIPROXYAPI_ROUTE": "api-key" if upstream else "demo",
        "ANTHROPIC_API_KEY": TEST_KEY,
        **({"CLIPROXYAPI_UPSTREAM_URL": upstream} if upstream else {}),
        **(environ or {}),
    }
    paths = Paths.find(variables)
    settings = SettingsStore(paths, variables, {})
    board = StatusBoard()
    stores = Stores.open(paths, variables, lambda: settings.current)
    app = App(settings, stores, board, paths, tuning, token=token, **parts)
    server = ServerThread(app, settings.current.host, settings.current.port)
    board.post(address=settings.current.host, port=server.port)
    server.start()
    try:
        yield RunningProxy(server.port, board, server, settings)
    finally:
        server.stop()
