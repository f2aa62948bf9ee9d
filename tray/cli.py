"""The command line: what a person can do from a terminal.

Exit codes: 0 done, 1 failed, 64 wrong usage, 78 wrong settings (the last two as in BSD's sysexits.h).
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core import __version__
from core.dashboard.page_paths import PAGE_PATHS
from core.instance import Instance, running_instances
from core.log import last_lines, logging_to, redact
from core.paths import Paths
from core.settings import LOG_LEVELS, ROUTES, Settings, SettingsError, SettingsStore
from installers.mechanism import MARK

from .autostart_cli import autostart
from .exit_codes import BAD_SETTINGS, FAILED, INTERRUPTED, USAGE
from .opening import has_screen
from .quit_cli import quit_command
from .uninstall_cli import uninstall

if TYPE_CHECKING:
    from installers.autostart import Autostart

    from .single_instance import OnlyTray

log = logging.getLogger("cliproxyapi")

_MODEL = "claude-sonnet-4-6"


@dataclass(frozen=True, slots=True)
class Context:
    """What every command begins with."""

    paths: Paths
    debug: bool
    # The system started us: nobody is there to be asked, or to see a window.
    autostarted: bool = False

    def settings(self, **flags: Any) -> SettingsStore:
        """Raises SettingsError."""
        return SettingsStore(self.paths, os.environ, flags)


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code. Nothing that can go wrong shows a traceback, but with `--debug`."""
    debug = "--debug" in arguments
    try:
        result = cli.main(list(arguments), prog_name="cliproxyapi", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.UsageError as error:
        _complain(f"{error.format_message()} `cliproxyapi --help` shows what there is.")
        return _as_launchd_wants(USAGE, arguments)
    except click.ClickException as error:
        _complain(error.format_message())
        return FAILED
    except SettingsError as error:
        _complain(str(error))
        if MARK in arguments:
            _log_error(str(error))
        return _as_launchd_wants(BAD_SETTINGS, arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_standard_output()
        return FAILED
    except Exception as error:
        if debug:
            raise
        what = str(error) or type(error).__name__
        _complain(f"Something went wrong: {what}. Run it again as `cliproxyapi --debug …` to see more.")
        return FAILED
    return _as_launchd_wants(result, arguments) if isinstance(result, int) else 0


def _as_launchd_wants(code: int, arguments: Sequence[str]) -> int:
    """The exit code of an end that was meant. launchd starts again, for ever, what ends with another code than 0: for
    it, a busy port and bad settings are no reason, and only a crash is. systemd knows which codes are final."""
    if code == 0 or MARK not in arguments:
        return code
    from installers.launch_agent import started_by_launchd

    return 0 if started_by_launchd(os.environ) else code


def _log_error(message: str) -> None:
    """For those who were not there: what the system started has no terminal."""
    with logging_to(Paths.find(os.environ), "info"):
        log.error("%s", message)


def _complain(message: str) -> None:
    click.echo(f"cliproxyapi: {redact(message)}", err=True)


def _announce(message: str) -> None:
    """Say something that nobody has to hear: a terminal that was closed is no reason to stop serving."""
    with contextlib.suppress(OSError):
        click.echo(message)


def _forget_standard_output() -> None:
    """Nobody reads any more; without this Python complains once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cliproxyapi", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Log more, and show tracebacks.")
@click.option("--selftest", is_flag=True, help="Check that this copy of the program is whole, and change nothing.")
@click.option(MARK, is_flag=True, hidden=True, help="Started by the system: open nothing, ask nothing.")
@click.pass_context
def cli(context: click.Context, debug: bool, selftest: bool, autostarted: bool) -> int | None:
    """A local Claude proxy: OpenAI and Anthropic clients talk to Claude with your own sign-in."""
    if selftest:
        from .selftest import run as run_selftest

        context.exit(run_selftest(_announce))
    context.obj = Context(Paths.find(os.environ), debug, autostarted)
    if context.invoked_subcommand is None:
        return _start(context.obj)
    return None


cli.add_command(autostart)
cli.add_command(quit_command)
cli.add_command(uninstall)


@cli.command()
@click.option("--port", type=int, help="The port to listen on; 0 takes any free one.")
@click.option("--host", help="The address to listen on.")
@click.option("--route", help=f"How requests reach Claude: {', '.join(ROUTES)}.")
@click.option("--demo", is_flag=True, help="Answer without Claude and without an account, to try things out.")
@click.option("--debug", is_flag=True, help="Log more, and show tracebacks.")
@click.pass_obj
def serve(context: Context, port: int | None, host: str | None, route: str | None, demo: bool, debug: bool) -> int:
    """Serve until Ctrl-C."""
    if demo and route not in (None, "demo"):
        raise click.UsageError("--demo is a route of its own; leave --route out.")
    flags = {"port": port, "host": host, "route": "demo" if demo else route}
    return _serve(replace(context, debug=context.debug or debug), flags)


def _serve(context: Context, flags: dict[str, Any], *, ask: bool = False) -> int:
    """A server without an icon."""
    if context.debug:
        flags = {**flags, "log_level": LOG_LEVELS[0]}
    store = context.settings(**flags)
    if flags.get("port") is None and (running := _running_at(context, store.current.port)) is not None:
        return _second_start(context, running)
    with _logging(context, store):
        if ask and _at_terminal() and not context.autostarted:
            from .sign_in_cli import ensure_signed_in

            ensure_signed_in(context.paths, store)
        from .headless import serve
        from .program import Program, obey_signals

        program = Program(store, context.paths, os.environ, autostart=_autostart(context, headless=True))
        obey_signals(program)
        return serve(program, _announce)


def _start(context: Context) -> int:
    """The icon where there is a desktop for one, else the server alone."""
    if not has_screen(os.environ):
        return _serve(context, {}, ask=True)
    from .single_instance import only_tray

    flags = {"log_level": LOG_LEVELS[0]} if context.debug else {}
    # Wrong settings are a state to see and to correct: who starts by a click or at login sees no terminal.
    store, wrong = SettingsStore.or_defaults(context.paths, os.environ, flags)
    if store.current.tray == "none":
        return _serve(context, {}, ask=True)
    with only_tray(context.paths) as only:
        if only is None:
            return _second_icon(context)
        if (running := _running_at(context, store.current.port)) is not None:
            return _second_start(context, running)
        with _logging(context, store):
            if wrong is not None:
                _complain(str(wrong))
                log.error("%s", wrong)
            elif _at_terminal() and not context.autostarted:
                from .sign_in_cli import ensure_signed_in

                ensure_signed_in(context.paths, store)
            return _show_icon(context, store, wrong, only)


def _show_icon(context: Context, store: SettingsStore, wrong: SettingsError | None, only: OnlyTray) -> int:
    from .desktop import DesktopApp
    from .program import Program, obey_signals

    autostart = _autostart(context)
    program = Program(store, context.paths, os.environ, autostart=autostart, wrong_settings=wrong)
    obey_signals(program)
    return DesktopApp(program, autostart, _announce, interactive=not context.autostarted).run(only)


@contextlib.contextmanager
def _logging(context: Context, store: SettingsStore) -> Generator[None]:
    """Into the file, what ends the program included."""
    with logging_to(context.paths, store.current.log_level, console=context.debug) as problem:
        for warning in [*store.warnings, *([problem] if problem else [])]:
            _complain(warning)
        # A long conversation is thousands of small objects without a cycle among them: looking for cycles after every
        # 700 of them, as Python does by itself, costs more than reading it.
        gc.set_threshold(20_000, 20, 20)
        try:
            yield
        except Exception:
            log.exception("the program ended")
            raise


def _autostart(context: Context, *, headless: bool = False) -> Autostart:
    from installers.autostart import Autostart

    return Autostart.of_this_system(context.paths, os.environ, headless=headless)


# A second start


def _running_at(context: Context, port: int) -> Instance | None:
    return next((instance for instance in running_instances(context.paths) if instance.port == port), None)


def _second_icon(context: Context) -> int:
    """Another process shows the icon: it shows its dashboard, or a terminal tells how it stands."""
    from .single_instance import activate_first

    if context.autostarted:
        return 0
    running = running_instances(context.paths)
    if running and _at_terminal():
        return _second_start(context, running[0])
    if activate_first(context.paths):
        _announce("CLIProxyAPI runs already, and opens its dashboard.")
        return 0
    _complain("CLIProxyAPI runs already and does not answer. End it, for instance by logging out, and start it again.")
    return FAILED


def _second_start(context: Context, running: Instance) -> int:
    """A server of the person's has the port already."""
    from .client import LocalProxy, address_of
    from .open_cli import open_link
    from .status_lines import status_lines

    if context.autostarted:
        return 0
    _announce(f"CLIProxyAPI runs already, as process {running.pid}.")
    if _at_terminal() or not has_screen(os.environ):
        settings, _ = SettingsStore.or_defaults(context.paths, os.environ, {})
        here = replace(settings.current, host=running.host, port=running.port)
        with LocalProxy(here, running.token) as proxy:
            _announce("\n".join(status_lines(proxy.status())))
        _announce(f"Its dashboard is at {address_of(running.host, running.port)}/: `cliproxyapi open` opens it.")
    else:
        open_link(context.paths, "overview", running.port, only_print=False)
    return 0


def _at_terminal() -> bool:
    """Whether somebody can be asked. A program for windows has no standard input at all."""
    return sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison]


def _where_it_runs(context: Context, port: int | None) -> Settings:
    """The settings, with the address of the server that runs, whatever port it was started on."""
    settings = context.settings(port=port).current
    running = running_instances(context.paths)
    if port is not None or not running or any(instance.port == settings.port for instance in running):
        return settings
    return replace(settings, host=running[0].host, port=running[0].port)


@cli.command()
@click.argument("text")
@click.option("--model", help=f"The model to ask; {_MODEL} unless the settings name a default.")
@click.option("--port", type=int, help="Where the proxy listens, if not where the settings say.")
@click.pass_obj
def chat(context: Context, text: str, model: str | None, port: int | None) -> int:
    """Say TEXT to Claude through the proxy that runs."""
    from .client import LocalProxy

    settings = _where_it_runs(context, port)
    model = model or settings.default_model or _MODEL
    with LocalProxy(settings) as proxy:
        proxy.chat(text, model, lambda part: click.echo(part, nl=False))
    click.echo()
    return 0


@cli.command("open")
@click.option("--print", "only_print", is_flag=True, help="Print the link instead of opening a browser.")
@click.option("--page", type=click.Choice(list(PAGE_PATHS)), default="overview", show_default=True, help="Which page.")
@click.option("--port", type=int, help="Of the server on this port, where several run.")
@click.pass_obj
def open_dashboard(context: Context, only_print: bool, page: str, port: int | None) -> int:
    """Open the dashboard in a browser, with a link that works once, for two minutes."""
    from .open_cli import open_link

    open_link(context.paths, page, port, only_print=only_print)
    return 0


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--port", type=int, help="Where the proxy listens, if not where the settings say.")
@click.pass_obj
def status(context: Context, as_json: bool, port: int | None) -> int:
    """Say whether the proxy runs, and how it reaches Claude. Exits with 1 where it does not run."""
    from .client import LocalProxy
    from .status_lines import status_lines

    settings = _where_it_runs(context, port)
    running = _running_at(context, settings.port)
    with LocalProxy(settings, running.token if running is not None else None) as proxy:
        state = proxy.status()
    if as_json:
        from core import json_codec

        click.echo(json_codec.encode_text(state))
    else:
        click.echo("\n".join(status_lines(state)))
    return 0 if state["running"] else FAILED


@cli.command()
@click.option("--port", type=int, help="Where the proxy listens, if not where the settings say.")
@click.pass_obj
def models(context: Context, port: int | None) -> int:
    """List the models that the proxy offers."""
    from .client import LocalProxy

    with LocalProxy(_where_it_runs(context, port)) as proxy:
        for model_id, name in proxy.models():
            click.echo(f"{model_id:<32} {name}")
    return 0


@cli.command()
@click.option("--text", "whole", is_flag=True, help="Show the licences themselves, in full.")
def licences(whole: bool) -> int:
    """Name the packages that this program is made of, and their licences."""
    from core.licences import packages, text

    if whole:
        click.echo(text())
        return 0
    for package in packages():
        click.echo(f"{package.name:<24} {package.version:<16} {package.licence}")
    return 0


@cli.command()
@click.option("-f", "--follow", is_flag=True, help="Go on as more is written, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=40, show_default=True, help="How many of the last lines."
)
@click.pass_obj
def logs(context: Context, follow: bool, lines: int) -> int:
    """Show the log. It holds no message of yours, and no key."""
    from .logs import follow_lines

    path = context.paths.log_file
    if not path.exists() and not follow:
        raise click.ClickException(f"There is no log yet at {path}.")
    for line in last_lines(path, lines):
        click.echo(line)
    if follow:
        for line in follow_lines(path):
            click.echo(line)
    return 0


@cli.command()
@click.option("--claude", is_flag=True, help="With your Claude plan, through Claude Code.")
@click.option("--console", is_flag=True, help="To the Console, through Anthropic's `ant`.")
@click.option("--api-key", is_flag=True, help="Store an API key of the Console (platform.claude.com).")
@click.option("--oauth", is_flag=True, help="With the OAuth app of your own organisation, which the settings name.")
@click.option("--no-browser", is_flag=True, help="With --oauth: show the address, and take a pasted code.")
@click.pass_obj
def login(context: Context, no_browser: bool, **ways: bool) -> int:
    """Sign in. A key or a code is read from a prompt or from standard input, never from the command line."""
    from .sign_in_cli import WAYS, SignInDialog

    named = [way.flag for way in WAYS if ways[way.flag.replace("-", "_")]]
    if len(named) > 1 or (no_browser and named != ["oauth"]) or not (named or _at_terminal()):
        flags = ", ".join(f"--{way.flag}" for way in WAYS)
        raise click.UsageError(f"Choose how to sign in: one of {flags}. --no-browser goes with --oauth.")
    dialog = SignInDialog(context.paths, context.settings(), browser=not no_browser)
    way = named[0] if named else dialog.choose()
    if way is not None:
        dialog.sign_in(way)
    return 0


@cli.command()
@click.pass_obj
def logout(context: Context) -> int:
    """Forget what was stored here, and leave the sign-in of Claude Code alone until you sign in here again."""
    from .sign_in_cli import SignInDialog

    SignInDialog(context.paths, context.settings()).sign_out()
    return 0


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a report without secrets (zip).")
@click.pass_obj
def doctor(context: Context, as_json: bool, report: Path | None) -> int:
    """Look at sign-ins, the network, the port and the programs beside, and say what to do. Exits with 1 where there is
    a problem."""
    from .doctor_cli import run_doctor

    return run_doctor(context.paths, context.settings(), as_json=as_json, report=report)
