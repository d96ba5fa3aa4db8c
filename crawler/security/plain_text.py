"""Text of sites for terminals and messages: one line, no control characters, a limited length."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import category

CONTROLS = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # controls, formats, surrogates, separators of lines
JOINERS = "\u200c\u200d"  # formats that Persian, Indic scripts and emoji need; they turn no text


def one_line(text: str, longest: int = 200) -> str:
    """Return the text on one line of at most ``longest`` characters, without control and format characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def without_controls(text: str, allowed: str = "") -> str:
    """Return the text with a space in place of each control character, override of direction and line separator.

    Args:
        allowed: control characters that stay.
    """
    if text.isprintable():
        return text
    allowed += JOINERS
    return "".join(c if c in allowed or category(c) not in CONTROLS else " " for c in text)


def json_line(value: Any) -> str:
    """Return the value as JSON on one line for standard output. Characters that UTF-8 cannot encode are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(value)
    return text


def last_line(text: str, longest: int = 200) -> str:
    """Return the last line of the text: in a traceback it has the error."""
    lines = text.strip().splitlines()
    return one_line(lines[-1], longest) if lines else ""
