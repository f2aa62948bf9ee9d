"""`cliproxyapi quit`: every proxy of this person is asked to end, and waited for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from core.instance import Instance, running_instances
from core.paths import Paths

if TYPE_CHECKING:
    from .cli import Context

# A server has three seconds to say goodbye to its clients.
_QUIT_SECONDS, _LOOK_SECONDS = 10.0, 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a proxy that was asked to quit. `why_not` is a part of a sentence, None where it has ended."""

    instance: Instance
    why_not: str | None = None


@click.command("quit")
@click.pass_obj
def quit_command(context: Context) -> int:
    """Quit the program that runs, tray and server. Exits with 1 where it goes on."""
    ended = quit_all(context.paths)
    if not ended:
        click.echo("Nothing runs.")
    return int(not told(ended))


def quit_all(paths: Paths) -> list[Ended]:
    """Ask each proxy of this person to quit, and wait until it did."""
    refused = {instance: _ask_to_quit(instance) for instance in running_instances(paths)}
    ending = [instance for instance, refusal in refused.items() if refusal is None]
    until = time.monotonic() + _QUIT_SECONDS
    while (running := running_instances(paths)) and time.monotonic() < until:
        if not any(instance in running for instance in ending):
            break
        time.sleep(_LOOK_SECONDS)
    return [
        Ended(instance, (refusal or "it was asked to quit and goes on") if instance in running else None)
        for instance, refusal in refused.items()
    ]


def told(ended: Sequence[Ended]) -> bool:
    """Say what became of each; whether all have ended."""
    for one in ended:
        if one.why_not is None:
            click.echo(f"The server on port {one.instance.port} has quit.")
        else:
            click.echo(f"The program that runs: {still_runs(one)}.")
    return all(one.why_not is None for one in ended)


def still_runs(one: Ended) -> str:
    """Why it does, and what to do."""
    instance = one.instance
    return f"{one.why_not} (process {instance.pid}, port {instance.port}); end it, and run this again"


def _ask_to_quit(instance: Instance) -> str | None:
    """Why it does not quit, None where it said that it will."""
    import httpx

    from .client import address_of

    try:
        answer = httpx.post(
            f"{address_of(instance.host, instance.port)}/api/quit",
            headers={"x-cliproxyapi-token": instance.token},
            json={},
            timeout=5,
            trust_env=False,
        )
    except httpx.HTTPError:
        return "it does not answer"
    return None if answer.is_success else "it cannot be asked to quit"
