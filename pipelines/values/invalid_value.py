"""InvalidValue: the error for a value that its column cannot store, and how a message quotes values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Reader = Callable[[Any], Any]
Hints = Mapping[str, Any]  # a column's ``info``: models/column_hints.py has its keys


class InvalidValue(Exception):
    """The column cannot store the value; the message says why."""


def quoted(value: Any) -> str:
    """Return the value for a message, on one line and in at most 80 characters."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def hint_text(**hint: Any) -> str:
    """Return the hint as it is written in a model: ``info={"decimal": ","}``."""
    entries = ", ".join(f'"{key}": {_literal(value)}' for key, value in hint.items())
    return f"info={{{entries}}}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        text = " ".join(value.split()) or value
        return json.dumps(text, ensure_ascii=not text.isprintable())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(one)}" for key, one in value.items()) + "}"
    return "..." if value is ... else repr(value)
