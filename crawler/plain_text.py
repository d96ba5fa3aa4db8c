"""Text that sites wrote, for terminals and messages: one line, nothing that a terminal would obey, not too long."""

from __future__ import annotations


def one_line(text: str, longest: int = 200) -> str:
    """``text`` without control and format characters, its white space made single blanks, cut at ``longest``."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def last_line(text: str, longest: int = 200) -> str:
    """The last line of a text, which for a traceback is the one that says what happened."""
    lines = text.strip().splitlines()
    return one_line(lines[-1], longest) if lines else ""
