"""`cliproxyapi open`: the dashboard of the server that runs, by a link that works once."""

from __future__ import annotations

import os

import click
import httpx

from core.instance import Instance, running_instances
from core.paths import Paths

from .opening import page_opener

_SECONDS = 5.0


def open_link(paths: Paths, page: str, port: int | None, *, only_print: bool) -> None:
    """Open `page` of the server that runs (on `port`, where it is given), or print its link."""
    running = [item for item in running_instances(paths) if port in (None, item.port)]
    if not running:
        raise click.ClickException("No server of yours runs. Start it: `cliproxyapi serve`.")
    url = dashboard_link(running[0], page)
    if only_print:
        click.echo(url)
    elif page_opener(os.environ)(url):
        click.echo("The dashboard opens in your browser.")
    else:
        click.echo(f"No browser could be opened. Open this link yourself; it works once:\n{url}")


def dashboard_link(instance: Instance, page: str) -> str:
    """A fresh link from the server. Raises click's exception where it gives none."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(instance.host, instance.host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{instance.port}"
    try:
        with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
            answer = client.post(
                f"{address}/api/activate", json={"page": page}, headers={"x-cliproxyapi-token": instance.token}
            )
        return str(answer.raise_for_status().json()["url"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise click.ClickException(f"The server at {address} gives no link to its dashboard: {error}.") from None
