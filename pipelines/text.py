"""Text that every database can store."""

from __future__ import annotations

from typing import Any


def storable(value: Any) -> Any:
    """The value with what no database takes in a text, NUL and lone surrogates, written as ``\\x00``, ``\\ud800``."""
    if isinstance(value, str):
        if value.isascii() and "\x00" not in value:
            return value
        return value.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {storable(name): storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable(part) for part in value]
    return value
