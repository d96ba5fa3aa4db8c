"""The program that the user typed, ``splashdown`` or ``scrapy``, for messages that name a command."""

from __future__ import annotations

import sys
from pathlib import Path

OURS, SCRAPY = "splashdown", "scrapy"


def program() -> str:
    """Return ``splashdown`` if the user started that program, else ``scrapy``."""
    started = Path(sys.argv[0] if sys.argv else "")
    name = started.parent.name if started.name == "__main__.py" else started.stem
    return OURS if name == OURS else SCRAPY


def command(line: str) -> str:
    """Return a command as the user types it: ``splashdown migrate --new``."""
    return f"{program()} {line}"
