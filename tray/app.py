"""Where the parts meet: nothing else constructs a server, a gateway or a board."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from core.credentials.desk import SignInDesk
from core.credentials.stores import Stores
from core.dashboard.sign_ins import OfferedSignIns
from core.instance import announced, new_token
from core.paths import Paths
from core.server.app import App
from core.server.thread import PortUnavailable, ServerThread
from core.settings import SettingsError, SettingsStore
from core.status import StatusBoard

from .headless import HeadlessControls
from .opening import page_opener

log = logging.getLogger("cliproxyapi")


def run_server(store: SettingsStore, paths: Paths, *, announce: Callable[[str], None]) -> int:
    """Serve until SIGINT or SIGTERM; SIGHUP takes up an edited settings file. Returns the exit code.

    `announce` is told, line by line, what a person should know.
    """
    controls, board, desk, token = HeadlessControls(), StatusBoard(), SignInDesk(), new_token()
    stores = Stores.open(paths, os.environ, lambda: store.current)
    sign_ins = OfferedSignIns(desk, stores, store, os.environ, page_opener(os.environ))
    app = App(store, stores, board, paths, token=token, desk=desk, sign_ins=sign_ins, controls=controls)
    # A long conversation is thousands of small objects without a cycle among them: looking for cycles after every 700
    # of them, as Python does by itself, costs more than reading it.
    gc.set_threshold(20_000, 20, 20)
    _on_signals(store, controls)
    port = store.current.port
    while True:
        settings = store.current
        try:
            server = ServerThread(app, settings.host, settings.port or port)
        except PortUnavailable as error:
            log.error("cannot start: %s", error.strerror)
            announce(f"Cannot start: {error.strerror}.")
            return 1
        port = server.port  # a restart keeps one that was any free one
        board.post(address=settings.host, port=port)
        with announced(paths, settings.host, server.port, token):
            _serve(server, store, controls, announce)
        if not controls.again:
            return 0
        controls.wanted.clear()
        controls.again = False
        store.take_up_address()


def _serve(
    server: ServerThread, store: SettingsStore, controls: HeadlessControls, announce: Callable[[str], None]
) -> None:
    settings = store.current
    server.start()
    base_url = f"http://{settings.host if ':' not in settings.host else f'[{settings.host}]'}:{server.port}/v1"
    log.info("serving on %s, route %s", base_url, settings.route)
    announce(f"CLIProxyAPI serves on {base_url} (route: {settings.route}). Stop it with Ctrl-C.")
    if settings.route == "demo":
        _show_demo(base_url, settings.api_key, announce)
    _wait(controls.wanted)
    server.stop()
    log.info("stopped")


def _on_signals(store: SettingsStore, controls: HeadlessControls) -> None:
    def reload(*_: object) -> None:
        # The signal arrives between two instructions of the main thread, which may hold the log's lock.
        threading.Thread(target=_reload, args=(store,), daemon=True).start()

    def stop(*_: object) -> None:
        controls.quit()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, reload)


def _reload(store: SettingsStore) -> None:
    try:
        store.reload()
        logging.getLogger("cliproxyapi").setLevel(store.current.log_level.upper())
    except SettingsError as error:
        log.error("settings not taken up: %s", error)


def _wait(leave: threading.Event) -> None:
    if sys.platform == "win32":
        # There a wait without a limit cannot be interrupted by Ctrl-C.
        while not leave.wait(1):
            pass
    else:
        leave.wait()


def _show_demo(base_url: str, api_key: str | None, announce: Callable[[str], None]) -> None:
    """One real request through the server that just started, so that the demo is seen to work."""
    import httpx

    said = "Hello!"
    question = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": said}]}
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    with httpx.Client(trust_env=False, timeout=30) as client:
        answer = client.post(f"{base_url}/chat/completions", json=question, headers=headers)
    if answer.is_success:
        announce(f"  You:    {said}")
        announce(f"  Claude: {answer.json()['choices'][0]['message']['content']}")
    announce(
        f"Try it: curl {base_url}/chat/completions -H 'content-type: application/json' "
        """-d '{"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hello!"}]}'"""
    )
