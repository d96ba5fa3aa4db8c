"""Text of sites for terminals and messages: one line, no control characters, a limited length."""

from __future__ import annotations

import json
from typing import Any


def one_line(text: str, longest: int = 200) -> str:
    """Return the text on one line of at most ``longest`` characters, without control and format characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


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
