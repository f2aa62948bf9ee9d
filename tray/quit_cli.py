"""`cliproxyapi quit`: what runs of this person's is asked to end, and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from core.instance import Instance, running_instances
from core.paths import Paths

from .single_instance import icon_is_shown, quit_first

if TYPE_CHECKING:
    from .cli import Context

# A server has three seconds to say goodbye to its clients.
_QUIT_SECONDS, _LOOK_SECONDS = 10.0, 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of something that was asked to quit. `why_not` is a part of a sentence, None where it has ended."""

    what: str
    why_not: str | None = None


@click.command("quit")
@click.pass_obj
def quit_command(context: Context) -> int:
    """Quit the program that runs, icon and server. Exits with 1 where it goes on."""
    ended = quit_all(context.paths)
    if not ended:
        click.echo("Nothing runs.")
    say_what_ended(ended)
    running = [one for one in ended if one.why_not is not None]
    for one in running:
        click.echo(f"{one.what} still runs: {one.why_not}.")
    return int(bool(running))


def say_what_ended(ended: Sequence[Ended]) -> None:
    for one in ended:
        if one.why_not is None:
            click.echo(f"{one.what} has quit.")


def quit_all(paths: Paths) -> list[Ended]:
    """Ask each server and the icon of this person to quit, and wait until they did."""
    icon = icon_is_shown(paths)
    servers = _quit_servers(paths)
    return [*servers, _quit_icon(paths)] if icon else servers


def _quit_servers(paths: Paths) -> list[Ended]:
    refused = {instance: _ask_to_quit(instance) for instance in running_instances(paths)}
    ending = [instance for instance, refusal in refused.items() if refusal is None]
    _wait_until(lambda: not any(instance in running_instances(paths) for instance in ending))
    running = running_instances(paths)
    ended: list[Ended] = []
    for instance, refusal in refused.items():
        why = refusal or "it was asked to quit and goes on"
        todo = f"{why} (process {instance.pid}, port {instance.port}); end it, and run this again"
        ended.append(Ended(f"The server on port {instance.port}", todo if instance in running else None))
    return ended


def _quit_icon(paths: Paths) -> Ended:
    """Its server may be stopped, or has just been asked: then the process is on its way out."""
    answered = quit_first(paths)
    if _wait_until(lambda: not icon_is_shown(paths)):
        return Ended("The icon")
    why = "it was asked to quit and goes on" if answered else "it does not answer"
    return Ended("The icon", f"{why}; choose Quit in its menu, or end its process, and run this again")


def _wait_until(happened: Callable[[], bool]) -> bool:
    """Whether it did, in time."""
    until = time.monotonic() + _QUIT_SECONDS
    while not happened():
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


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
