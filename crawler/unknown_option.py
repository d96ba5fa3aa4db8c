"""Options that a command does not have: Scrapy passes them on to the command as arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches


def unknown_option(args: Sequence[str], parser: argparse.ArgumentParser) -> str | None:
    """Return what to say about the first option in the arguments, with the most similar option; None without one."""
    word = next((word for word in args if word.startswith("-")), None)
    if word is None:
        return None
    options = re.findall(r"--[a-z][a-z-]*", parser.format_help())
    similar = get_close_matches(word.partition("=")[0], options, n=1)
    return f"there is no option {word}" + (f" (did you mean {similar[0]}?)" if similar else "")
