"""`python -m benchmarks.idle`: how often the app with its icon wakes up while nobody asks anything of it (Linux).

The whole program on a session bus of its own, with a stand-in for the panel, and the demo route. After it has settled,
the voluntary context switches of each thread are counted over a minute: a thread that sleeps has none.

    python -m benchmarks.idle [SECONDS]
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

from tests.tray.linux.session import Panel, session_bus
from tests.tray.tray_app import Machine

_SECONDS = 60.0
# What a start leaves to be done, such as looking for programs, is over by then.
_SETTLING_SECONDS = 10.0


def main(seconds: float = _SECONDS) -> None:
    with tempfile.TemporaryDirectory() as folder, session_bus(Path(folder)) as bus, Panel(bus.address) as panel:
        panel.appear()
        screen = {"WAYLAND_DISPLAY": "wayland-of-a-benchmark", "XDG_RUNTIME_DIR": folder}
        with Machine(Path(folder) / "home", {**screen, **bus.environment}) as machine:
            app = machine.start("--autostarted", CLIPROXYAPI_ROUTE="demo")
            app.address()
            panel.wait_for_icon()
            time.sleep(_SETTLING_SECONDS)
            before = _switches(app.process.pid)
            time.sleep(seconds)
            after = _switches(app.process.pid)
    total = 0
    print(f"wake-ups in {seconds:.0f} s, by thread:")
    for thread, (name, count) in after.items():
        woke = count - before.get(thread, (name, 0))[1]
        total += woke
        print(f"  {name:<16} {woke:>5}")
    print(f"  {'all':<16} {total:>5}   {total / seconds:.2f} a second")


def _switches(pid: int) -> dict[str, tuple[str, int]]:
    """By thread: its name, and how often it has gone to sleep."""
    found: dict[str, tuple[str, int]] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text()
        count = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)
        assert count is not None
        found[task.name] = ((task / "comm").read_text().strip(), int(count[1]))
    return found


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
