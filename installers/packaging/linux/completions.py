"""What the Tab key says in a shell: the scripts that click has for it. They ask the program itself, and so are never
behind it. https://click.palletsprojects.com/en/stable/shell-completion/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

import click
from click.shell_completion import get_completion_class

# Where each shell looks, below `share`. zsh does so for packages alone: other folders have to be named in its `fpath`.
PLACES: Mapping[str, PurePosixPath] = {
    "bash": PurePosixPath("bash-completion/completions/cliproxyapi"),
    "zsh": PurePosixPath("zsh/vendor-completions/_cliproxyapi"),
    "fish": PurePosixPath("fish/vendor_completions.d/cliproxyapi.fish"),
}


def render(program: click.Command, shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None
    # What click writes asks the shell's version first, and there is none where packages are built.
    completion = kind(program, {}, "cliproxyapi", "_CLIPROXYAPI_COMPLETE")
    return completion.source_template % completion.source_vars()
