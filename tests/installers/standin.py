"""Stand-ins for the system's own tools: small programs on a `PATH` that write down how they were called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# launchd as far as one agent goes. What it knows are files beside the program: loaded.gui and loaded.user ("pid" where
# a process of it runs), draining (how often `print` still finds the agent after a bootout), disabled, no_gui, deny, and
# bootout, the code that it answers no matter what.
_LAUNCHCTL = r"""#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >> calls
if [ -e deny ]; then echo "Boot-out failed: 1: Operation not permitted" >&2; exit 1; fi
verb=$1
target=$2
case $verb in enable|print|print-disabled|bootout|bootstrap|kickstart) ;; *) exit 64 ;; esac
case $target in --*|'') exit 64 ;; esac
domain=${target%%/*}
if [ "$domain" = gui ] && [ -e no_gui ]; then
    echo "Could not switch to domain: 125: Domain does not support specified action" >&2
    exit 125
fi
loaded=loaded.$domain
case $verb in
enable) rm -f disabled ;;
print-disabled)
    echo "disabled services = {"
    echo '    "com.example.other" => disabled'
    [ ! -e disabled ] || cat disabled
    echo "}" ;;
print)
    if [ -e draining ]; then
        left=$(cat draining)
        if [ "$left" -le 0 ]; then rm -f draining "$loaded"; else echo $((left - 1)) > draining; fi
    fi
    [ -e "$loaded" ] || { echo "Could not find service in domain" >&2; exit 113; }
    echo "$target = {"
    [ "$(cat "$loaded")" != pid ] || echo "    pid = 4711"
    echo "}" ;;
bootout)
    [ ! -e bootout ] || { echo "Boot-out failed" >&2; exit "$(cat bootout)"; }
    [ ! -e draining ] || { echo "Boot-out failed: 36: Operation now in progress" >&2; exit 36; }
    [ -e "$loaded" ] || { echo "Boot-out failed: 3: No such process" >&2; exit 3; }
    echo "${DRAINING:-2}" > draining ;;
bootstrap)
    [ ! -e "$loaded" ] || { echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; }
    [ -e "$3" ] || { echo "Bootstrap failed: 2: No such file or directory" >&2; exit 2; }
    echo pid > "$loaded" ;;
kickstart)
    [ -e "$loaded" ] || { echo "Could not find service" >&2; exit 113; }
    echo pid > "$loaded" ;;
esac
"""

# The user's systemd as far as one unit goes: no_manager and no_session are files beside the program; switching on and
# off makes and removes the links that systemd would.
_SYSTEMCTL = r"""#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
[ "$1" = --user ] || exit 64
[ ! -e "$here/no_manager" ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
case $2 in
show-environment|daemon-reload|reset-failed|start) ;;
is-active) [ ! -e "$here/no_session" ] || exit 3 ;;
reenable|disable)
    rm -f "$units"/*.wants/"$3"
    [ "$2" = reenable ] || exit 0
    [ ! -e "$here/fails" ] || { echo "Failed to enable unit: it is broken" >&2; exit 1; }
    target=$(sed -n 's/^WantedBy=//p' "$units/$3")
    mkdir -p "$units/$target.wants"
    ln -s "$units/$3" "$units/$target.wants/$3" ;;
*) exit 64 ;;
esac
"""

_LOGINCTL = r"""#!/bin/sh
echo "${LINGER:-no}"
"""


@dataclass(frozen=True)
class StandIn:
    """A folder for the front of a `PATH`."""

    directory: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": f"{self.directory}:/usr/bin:/bin", "HOME": str(self.directory.parent)}

    def set(self, name: str, text: str = "") -> None:
        (self.directory / name).write_text(text)

    def has(self, name: str) -> bool:
        return (self.directory / name).exists()

    def calls(self) -> list[str]:
        """How the tools were called since this was asked last."""
        file = self.directory / "calls"
        text = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        return text.splitlines()


def launchctl(home: Path) -> StandIn:
    return _install(home, {"launchctl": _LAUNCHCTL})


def systemctl(home: Path) -> StandIn:
    return _install(home, {"systemctl": _SYSTEMCTL, "loginctl": _LOGINCTL})


def _install(home: Path, programs: dict[str, str]) -> StandIn:
    directory = home / "stand-in"
    directory.mkdir()
    for name, text in programs.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    return StandIn(directory)


def installed(home: Path, name: str = "cliproxyapi") -> Path:
    """A program that could be started."""
    program = home / "installed" / name
    program.parent.mkdir(exist_ok=True, parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program
