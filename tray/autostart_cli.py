"""`cliproxyapi autostart`: start at login, from a terminal."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from installers.autostart import Autostart

    from .cli import Context

_headless = click.option("--headless", is_flag=True, help="A server without a tray, for a machine without a screen.")


@click.group()
def autostart() -> None:
    """Start at login: switch it on or off, and read what the system will do."""


@autostart.command()
@_headless
@click.option("--now", is_flag=True, help="Start it now as well, where systemd or launchd does it.")
@click.option("--replace", is_flag=True, help="Replace what another program of the same name has set up.")
@click.pass_obj
def enable(context: Context, headless: bool, now: bool, replace: bool) -> int:
    """Start CLIProxyAPI at login, this very program. It also repairs a start at login that leads nowhere."""
    from core.instance import running_instances
    from installers.mechanism import AutostartError, ForeignAutostart

    switch = _switch(context, headless=headless)
    try:
        try:
            switch.enable(replace_foreign=replace)
        except ForeignAutostart as error:
            if not sys.stdin.isatty():
                raise click.ClickException(f"{error} (--replace)") from None
            click.confirm(f"{error} Replace it?", abort=True)
            switch.enable(replace_foreign=True)
        state, advice = switch.state(), switch.advice()
        click.echo(state.sentence)
        for line in [advice, _not_taken_along()]:
            if line:
                click.echo(line)
        if now and running_instances(context.paths):
            click.echo("It runs already, so nothing more is started now.")
        elif now:
            switch.start()
            click.echo("It is started.")
    except AutostartError as error:
        raise click.ClickException(str(error)) from None
    return 0 if state.condition == "on" else 1


def _not_taken_along() -> str | None:
    names = sorted(name for name in os.environ if name.startswith("CLIPROXYAPI_"))
    if not names:
        return None
    return f"What starts at login does not see {', '.join(names)} of this terminal: put it into config.toml instead."


@autostart.command()
@click.pass_obj
def disable(context: Context) -> int:
    """Do not start at login any more. What runs goes on."""
    from installers.mechanism import AutostartError

    switch = _switch(context)
    try:
        switch.disable()
        state = switch.state()
    except AutostartError as error:
        raise click.ClickException(str(error)) from None
    click.echo(state.sentence)
    return 0


@autostart.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def status(context: Context, as_json: bool) -> int:
    """Say what the system will do at the next login, and where that is written."""
    from installers.mechanism import AutostartError

    try:
        state = _switch(context).state()
    except AutostartError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        from core import json_codec

        click.echo(json_codec.encode_text({**dataclasses.asdict(state), "sentence": state.sentence}))
        return 0
    click.echo(state.sentence)
    if state.condition in ("moved", "switched_off"):
        click.echo(f"`cliproxyapi autostart enable{' --headless' if state.headless else ''}` sets it right.")
    return 0


@autostart.command("print")
@_headless
@click.option("--system", is_flag=True, help="A unit for /etc/systemd/system, which runs from boot on.")
@click.option("--user", metavar="NAME", help="Whose server it is; needed with --system.")
@click.pass_obj
def print_(context: Context, headless: bool, system: bool, user: str | None) -> int:
    """Show what `enable` would write, and write nothing. Where it goes is said on standard error."""
    from installers.mechanism import AutostartError

    if system != (user is not None):
        raise click.UsageError("--system and --user NAME belong together.")
    try:
        text, place = _system_unit(user) if user is not None else _switch(context, headless=headless).preview()
    except (AutostartError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(text.rstrip("\n"))
    click.echo(f"This goes to {place}.", err=True)
    return 0


def _system_unit(user: str) -> tuple[str, str]:
    """Its text and its place."""
    from installers.program import this_program
    from installers.systemd_unit import render_system_unit

    if sys.platform in ("win32", "darwin"):
        raise click.ClickException("--system is for systemd, which this system does not have.")
    program = this_program(os.environ)
    if program is None:
        raise click.ClickException("No installed program is found that a unit could start: install CLIProxyAPI first.")
    return render_system_unit(program, user), "/etc/systemd/system/cliproxyapi.service"


def _switch(context: Context, *, headless: bool = False) -> Autostart:
    from installers.autostart import Autostart

    return Autostart.of_this_system(context.paths, os.environ, headless=headless)
