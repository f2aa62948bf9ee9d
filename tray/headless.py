"""`serve`: the server without an icon, until a signal or the dashboard ends it."""

from __future__ import annotations

from collections.abc import Callable

from core.status import Status

from .exit_codes import BAD_SETTINGS, FAILED
from .program import Program, end_in_time

Announce = Callable[[str], None]


def serve(program: Program, announce: Announce) -> int:
    """Serve until somebody wants an end. The exit code. `announce` is told, line by line, what a person should know."""
    program.on_serving = lambda: announce(
        f"CLIProxyAPI serves on {program.base_url} (route: {program.settings.current.route}). Stop it with Ctrl-C."
    )
    if program.start() and program.settings.current.route == "demo":
        _show_demo(program, announce)
    return wait(program, announce)


def wait(program: Program, announce: Announce) -> int:
    """Until the end, also that of a server which cannot serve any more: nobody could start it again."""

    def look(status: Status) -> None:
        if status.server == "failed" and not program.supervisor.tries_again:
            program.quit()

    forget = program.board.listen(look)
    look(program.board.status)
    program.wait()
    forget()
    ended = program.board.status.server == "failed" and not program.supervisor.tries_again
    failure = program.board.status.failure if ended else None
    end_in_time(0 if failure is None else FAILED)
    program.close()
    if failure is None:
        return 0
    if failure.kind == "settings":
        announce(f"Cannot serve: {failure.message}")
        return BAD_SETTINGS
    if failure.kind == "port_in_use" and failure.holder is not None:
        why = failure.message[:1].lower() + failure.message[1:].removesuffix(".")
        announce(f"Cannot serve: {why}: `cliproxyapi serve --port N`.")
    else:
        announce(f"Cannot serve: {failure.message}")
    return FAILED


def _show_demo(program: Program, announce: Announce) -> None:
    """One real request through the server that just started, so that the demo is seen to work."""
    import httpx

    said, api_key = "Hello!", program.settings.current.api_key
    question = {"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": said}]}
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    with httpx.Client(trust_env=False, timeout=30) as client:
        answer = client.post(f"{program.base_url}/chat/completions", json=question, headers=headers)
    if answer.is_success:
        announce(f"  You:    {said}")
        announce(f"  Claude: {answer.json()['choices'][0]['message']['content']}")
    announce(
        f"Try it: curl {program.base_url}/chat/completions -H 'content-type: application/json' "
        """-d '{"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": "Hello!"}]}'"""
    )
