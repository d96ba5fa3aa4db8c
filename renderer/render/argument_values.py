"""The check of a client's JSON: whether Chromium, Lua, a header and the answer's JSON can have its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 90  # of lists and objects in an argument; a script's own values may have 100
LARGEST = float(2**1023)  # Lua has only floats, and none for larger whole numbers


def describe_fault(value: Any) -> str | None:
    """Return the fault of an argument's value in words, or None if the value is good."""
    left: list[tuple[Any, int]] = [(value, 0)]
    while left:
        one, depth = left.pop()
        if isinstance(one, str):
            if not is_text(one):
                return "has half of a character (a lone surrogate)"
        elif isinstance(one, int):
            if abs(one) > LARGEST:
                return "has a number that is too large"
        elif isinstance(one, Mapping | list | tuple):
            if depth >= MAX_DEPTH:
                return f"is nested more than {MAX_DEPTH} levels deep"
            if isinstance(one, Mapping):
                left.extend((key, depth + 1) for key in one)
                one = one.values()
            left.extend((part, depth + 1) for part in one)
    return None


def is_text(text: str) -> bool:
    """Return whether the text can be encoded: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
