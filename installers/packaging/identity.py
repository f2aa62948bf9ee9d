"""Who publishes this program, and by which names systems and stores know it: the one place for all packages.

The label of the start at login on macOS is not among them: it stays what people have there (`launch_agent.py`).
"""

from __future__ import annotations

from core.updates import REPOSITORY

NAME = "CLIProxyAPI"
SUMMARY = "A local Claude proxy: OpenAI and Anthropic clients talk to Claude with your own sign-in"
PUBLISHER = "CLIProxyAPI contributors"
HOMEPAGE = f"https://github.com/{REPOSITORY}"
# An address that takes no mail: Debian's packages must name one, and problems belong on the page of the project.
ADDRESS = f"{REPOSITORY.partition('/')[0]}@users.noreply.github.com"
LICENSE = "MIT"

# macOS's bundle, AppStream, and the desktop entry where a store names it.
APPLICATION_ID = "io.github.cliproxyapi.CLIProxyAPI"
# Homebrew's formula `cliproxyapi` is another program: a cask of our own tap is named in full.
CASK = "cliproxyapi-tray"
