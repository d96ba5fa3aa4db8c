"""How a command says that it failed: one line on standard error, without secrets."""

from __future__ import annotations

import sys

from models.redaction import redacted


def print_failure(program: str, message: str) -> None:
    """Print the program (``scrapy runs``) and why it did not do its work.

    Not through the log, which may be off or in a file: the person who typed the command has to see it.
    """
    print(f"{program}: {redacted(message)}", file=sys.stderr)  # noqa: T201
