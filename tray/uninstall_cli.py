"""`cliproxyapi uninstall`: what the program set up outside its own folders goes, with `--purge` these too."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.instance import Instance, running_instances

if TYPE_CHECKING:
    from installers.uninstall import Left

    from .cli import Context

# A server has three seconds to say goodbye to its clients.
_QUIT_SECONDS, _LOOK_SECONDS = 10.0, 0.1


@click.command()
@click.option("--purge", is_flag=True, help="Delete settings, logs and the stored key as well.")
@click.pass_obj
def uninstall(context: Context, purge: bool) -> int:
    """Quit, do not start at login any more, and say what is left. The program itself stays: it cannot delete itself."""
    from installers.program import this_program
    from installers.uninstall import Left, how_to_remove

    still_running = _quit_all(context)
    left = [Left("the program that runs", reason) for reason in still_running]
    left += _switch_off(context)
    if purge and not still_running:
        locked = _forget_key(context)
        # Where the keyring keeps the key, the file that says so stays, so that it can be tried again.
        left += [*locked, *_delete_files(context, keep=[context.paths.api_key_file] if locked else [])]
    else:
        folders = ", ".join(sorted(str(path) for path in context.paths.directories() if path.is_dir()))
        why = "it is still in use" if purge else "`cliproxyapi uninstall --purge` deletes what the program wrote there"
        if folders:
            click.echo(f"Left: {folders}: {why}.")
    for thing in left:
        click.echo(f"Left: {thing.what}: {thing.why}.")
    click.echo(f"To remove the program itself: {how_to_remove(this_program(os.environ), os.environ)}.")
    return int(any(thing.failed for thing in left))


def _quit_all(context: Context) -> list[str]:
    """Ask every server of this person to quit; why one still runs."""
    refused = {instance: _ask_to_quit(instance) for instance in running_instances(context.paths)}
    ending = [instance for instance, refusal in refused.items() if refusal is None]
    until = time.monotonic() + _QUIT_SECONDS
    while (running := running_instances(context.paths)) and time.monotonic() < until:
        if not any(instance in running for instance in ending):
            break
        time.sleep(_LOOK_SECONDS)
    reasons: list[str] = []
    for instance, refusal in refused.items():
        if instance in running:
            why = refusal or "it was asked to quit and goes on"
            reasons.append(f"{why} (process {instance.pid}, port {instance.port}); end it, and run this again")
        else:
            click.echo(f"The server on port {instance.port} has quit.")
    return reasons


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


def _switch_off(context: Context) -> list[Left]:
    from installers.autostart import Autostart
    from installers.mechanism import AutostartError
    from installers.uninstall import Left

    switch = Autostart.of_this_system(context.paths, os.environ)
    try:
        before = switch.state()
        switch.disable()
        after = switch.state()
    except AutostartError as error:
        return [Left("start at login", str(error).rstrip("."))]
    if before.condition not in ("off", "foreign"):
        click.echo(f"Start at login is off; {before.place} is gone.")
    if after.condition == "foreign":
        click.echo(f"Left: {after.place}: it belongs to another program.")
    return []


def _forget_key(context: Context) -> list[Left]:
    """The keyring forgets the secrets before the files go that say that they are there."""
    from core.credentials.stores import Stores
    from core.errors import CredentialLocked
    from installers.uninstall import Left

    settings = context.settings().current
    stores = Stores.open(context.paths, os.environ, lambda: settings)
    left: list[Left] = []
    for what, forget in (
        ("the stored API key", stores.api_keys.delete),
        ("the sign-in of your own OAuth app", stores.own_oauth.forget),
    ):
        try:
            forget()
        except (CredentialLocked, OSError) as error:
            left.append(Left(what, str(error).rstrip(".")))
    return left


def _delete_files(context: Context, keep: Sequence[Path]) -> list[Left]:
    from installers.uninstall import purge

    left = purge(context.paths, Path.home(), keep=keep)
    click.echo("The files that the program wrote are deleted.")
    return left
