"""`cliproxyapi uninstall`: what the program set up outside its own folders goes, with `--purge` these too."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .quit_cli import quit_all, say_what_ended

if TYPE_CHECKING:
    from installers.uninstall import Left

    from .cli import Context


@click.command()
@click.option("--purge", is_flag=True, help="Delete settings, logs and the stored key as well.")
@click.pass_obj
def uninstall(context: Context, purge: bool) -> int:
    """Quit, do not start at login any more, and say what is left. The program itself stays: it cannot delete itself."""
    from installers.program import this_program
    from installers.uninstall import Left, how_to_remove

    still_running = _quit(context)
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


def _quit(context: Context) -> list[str]:
    """Why what runs still does."""
    ended = quit_all(context.paths)
    say_what_ended(ended)
    return [one.why_not for one in ended if one.why_not is not None]


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
