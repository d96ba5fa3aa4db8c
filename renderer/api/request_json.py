"""The JSON of a request; JSON with too many values is refused, because reading it would stop all other requests."""

from __future__ import annotations

import json
import re
from typing import Any

# Reading a million values takes a tenth of a second and about 100 MB.
MAX_VALUES = 1_000_000
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def read(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        ValueError: it is not valid JSON or not an object, or it has too many values.
        RecursionError: it is nested too deep.
    """
    if may_have_more_values(body, MAX_VALUES):
        raise ValueError(f"more than {MAX_VALUES} values")
    value = json.loads(body.decode("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("an object is expected")
    return value


def may_have_more_values(body: bytes, most: int) -> bool:
    """Return whether JSON may have more values than this, by the number of its commas and opening brackets."""
    if count_separators(body) <= most:
        return False
    # A long text may have as many commas, so count again without the texts.
    rest, texts = _TEXT.subn(b"", body, count=most)
    return texts == most or count_separators(rest) > most


def count_separators(body: bytes) -> int:
    """Return the number of commas and opening brackets."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")
