"""Text that every database can store."""

from __future__ import annotations


def storable(text: str | None) -> str | None:
    """The text with what no database takes, NUL and lone surrogates, written as ``\\x00`` and ``\\ud800``."""
    if text is None or (text.isascii() and "\x00" not in text):
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
