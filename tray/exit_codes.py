"""What the program's end tells: 0 done, 1 failed, and as in BSD's sysexits.h wrong usage and wrong settings."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
USAGE: Final = 64
BAD_SETTINGS: Final = 78
INTERRUPTED: Final = 130
