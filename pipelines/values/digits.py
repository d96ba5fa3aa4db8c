"""Normalizing the digits, signs and spaces of all scripts before a text is read as a number or a date."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# A space other than U+0020 does not end a word: it is inside a number, or between a number and its unit.
HARD_SPACE = "\u00a0"
MINUS = "−"

_ONE_WAY = {
    "’": "'", "‘": "'", "ʼ": "'", "＇": "'", "´": "'", "`": "'",
    "－": "-", "﹣": "-", "‐": "-", "‑": "-",
    "—": "–", "―": "–",
    "＋": "+", "．": ".", "％": "%", "٪": "%", "（": "(", "）": ")",
}  # fmt: skip


def normalize_characters(text: str) -> str:
    """Return the text with ASCII digits, one kind of apostrophe, hyphen, dash and hard space."""
    return text if text.isascii() else "".join(map(_one, text))


@lru_cache(maxsize=4096)
def _one(character: str) -> str:
    if character in _ONE_WAY:
        return _ONE_WAY[character]
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return HARD_SPACE if category == "Zs" and character != " " else character
