"""The columns of a new site as Python text: their types, with room for longer texts than those of the first page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crawler.suggestion.suggestion import Field

LENGTHS = (255, 500, 1000)  # of columns for text; longer ones are LongText
KEY_LENGTHS = (255, 350, 500)
ROOM = 2  # times the longest text of the first page
LONGEST_KEY = 700  # characters of the texts of a natural key: MySQL's indexes have at most 3072 bytes
PYTHON_TYPES = {
    "str": "str",
    "int": "int",
    "Decimal": "Decimal",
    "date": "date",
    "datetime": "datetime",
    "bool": "bool",
}
LINKS = ("@href", "@src", "@data-src")


def column(field: Field, key: Sequence[str], url_length: int, *, is_optional: bool = False) -> str:
    """Return the definition of a field's column as Python text.

    Args:
        url_length: the characters of the page's URL, which a relative link gets before it.
        is_optional: a row may have no value, although all records of the page have one.
    """
    is_key = field.name in key
    hint = PYTHON_TYPES[field.type] + (
        "" if is_key or (field.filled == 1.0 and not is_optional) else " | None"
    )
    longest = field.max_length + (url_length if field.xpath.endswith(LINKS) else 0)
    column_type = (
        _text_type(longest, len(key) if is_key else 0) if field.type == "str" else _other_type(field)
    )
    arguments = [column_type] if column_type else []
    if is_key:
        arguments.append("primary_key=True")
    if is_key and field.type == "int" and len(key) == 1:
        arguments.append("autoincrement=False")
    if field.is_relative_time and not is_key:
        arguments.append('info={"tracked": False}')
    if field.language is not None:
        arguments.append(f'info={{"languages": ["{field.language}"]}}')
    return f"{field.name}: Mapped[{hint}]" + (
        f" = mapped_column({', '.join(arguments)})" if arguments else ""
    )


def _text_type(longest: int, key_fields: int) -> str:
    """Return the type of a column for text of up to ``longest`` characters, with room for longer ones.

    Args:
        key_fields: of the natural key that the column belongs to; 0 if it belongs to none.
    """
    if key_fields:
        return f"ExactString({key_length(longest, key_fields)})"
    length = next((length for length in LENGTHS if length >= ROOM * longest), None)
    return f"ExactString({length})" if length is not None else "LongText()"


def key_length(longest: int, key_fields: int = 1) -> int:
    """Return the length of a key's column for texts of up to ``longest`` characters, with room for longer ones.

    Args:
        key_fields: of the natural key, which share the longest key of MySQL.
    """
    length = next((length for length in KEY_LENGTHS if length >= ROOM * longest), LONGEST_KEY)
    return min(length, LONGEST_KEY // key_fields)


def _other_type(field: Field) -> str:
    """Return the column's type as text, or "" if SQLAlchemy knows it from the hint."""
    if field.type == "Decimal":
        digits, scale = digits_and_scale(field)
        return f"ExactNumeric({digits}, {scale})"
    if field.type == "datetime":
        return "UtcDateTime"
    return "BigInteger" if field.type == "int" and field.max_length > 8 else ""


def digits_and_scale(field: Field) -> tuple[int, int]:
    """Return the digits of a decimal column, and how many of them are after the point."""
    scale = max([2, *(_decimals(sample) for sample in field.samples)])
    return min(max(12, field.max_length + 2, scale + 10), 38), scale


def _decimals(text: str) -> int:
    """Return the digits after the last mark of a number, at most 12."""
    found = re.search(r"[.,](\d{1,12})\D*$", text)
    return len(found[1]) if found else 0
