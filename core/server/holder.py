"""Who has a port that we wanted: another copy of ours, another proxy, or whatever program it is."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from .. import json_codec
from ..json_codec import object_or_empty

_SECONDS = 1.0
_LISTENING = "0A"

# Other programs that like this port, by a field of what they answer at /health.
_KNOWN = {
    ("provider", "claude-code-cli"): "claude-max-api-proxy",
    ("service", "ccproxy"): "ccproxy-api",
}


def who_holds(host: str, port: int) -> str | None:
    """The holder of `host`:`port`, in words; None where that cannot be told."""
    name = _by_health(host, port)
    process = _process(port)
    if name and process:
        return f"{name} ({process})"
    return name or process


def _by_health(host: str, port: int) -> str | None:
    """What it says of itself. It is asked without a credential, and without a proxy in between."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/health"
    try:
        request = Request(url, headers={"accept": "application/json"})  # http, to this machine
        with build_opener(ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
            health = object_or_empty(json_codec.decode(answer.read(65536)))
    except Exception:  # whatever it speaks, it is not what we look for
        return None
    if health.get("service") == "cliproxyapi":
        return f"another CLIProxyAPI (version {str(health.get('version'))[:20]})"
    return next((name for (field, value), name in _KNOWN.items() if health.get(field) == value), None)


def _process(port: int) -> str | None:
    """The program and its process id, as far as this user may see it."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "linux":
            return _from_proc(port)
        if sys.platform == "darwin":
            return _from_lsof(port)
        if sys.platform == "win32":
            return _from_netstat(port)
    return None


def _from_proc(port: int) -> str | None:
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening_inodes(Path("/proc/net") / table, port)}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                match = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
                if match and match[1] in inodes:
                    return f"{(process / 'comm').read_text().strip()}, process {process.name}"
    return None


def _listening_inodes(table: Path, port: int) -> list[str]:
    lines = table.read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port]


def _from_lsof(port: int) -> str | None:
    command = ["/usr/sbin/lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=3, check=False).stdout
    fields = {line[0]: line[1:] for line in reversed(output.splitlines()) if line}
    return f"{fields['c']}, process {fields['p']}" if {"c", "p"} <= fields.keys() else None


def _from_netstat(port: int) -> str | None:
    output = subprocess.run(
        ["netstat", "-ano", "-p", "TCP"],  # noqa: S607  # where it lies differs between systems
        capture_output=True,
        text=True,
        timeout=_SECONDS * 5,
        check=False,
    ).stdout
    for line in output.splitlines():
        fields = line.split()
        if len(fields) == 5 and fields[0] == "TCP" and fields[1].endswith(f":{port}") and fields[2].endswith(":0"):
            return f"process {fields[4]}"
    return None
