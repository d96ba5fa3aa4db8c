"""Making text that every database can store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CUT = " … "


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates, which no database accepts, as ``\\x00`` and ``\\ud800``."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def fitted(text: str, longest: int) -> str:
    """Return the storable text in at most ``longest`` characters: of a longer text its beginning and its end."""
    text = storable(text)
    if len(text) <= longest:
        return text
    begin = (longest - len(CUT)) // 2
    return f"{text[:begin]}{CUT}{text[begin + len(CUT) - longest :]}"


def storable_parts(value: Any) -> Any:
    """Return the JSON value with all its texts and names made storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): storable_parts(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable_parts(part) for part in value]
    return value


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_text(value: Any) -> str:
    """Return the value as JSON on one line; only text that UTF-8 cannot encode is escaped."""
    text = _json(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can escape
        return json.dumps(value, separators=(",", ":"))
    return text
