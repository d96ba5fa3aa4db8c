"""Values of the sites' columns from texts: what people type into a filter, and the parts of keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from console.queries.site_types import (
    BINARY,
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    FLOAT,
    INTEGER,
    JSON_TEXT,
    MOST_INTEGER,
    OTHER,
    TEXT,
    TEXTS,
    TIME,
    UUID_TEXT,
    SiteColumn,
)
from models.json_values import BYTES, bytes_from_text
from models.text import storable

HEX_UUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class WrongValue(ValueError):
    """A person has typed a value that its column cannot have; the message says what it can have."""


def parse_value(column: SiteColumn, text: str) -> Any:
    """Return the value that a person means in a filter on the column.

    Raises:
        WrongValue: the column cannot have such a value.
    """
    if not is_storable(text):
        raise WrongValue("a text with a character that no database stores")
    try:
        return PARSERS[column.kind](text)
    except (ValueError, ArithmeticError, TypeError):
        raise WrongValue(f"{column.name}: {text[:50]!r} is not {WORDS[column.kind]}") from None


def _integer(text: str) -> int:
    value = int(text.strip()) if len(text) < 40 else MOST_INTEGER
    if not -MOST_INTEGER <= value < MOST_INTEGER:
        raise ValueError
    return value


def _decimal(text: str) -> Decimal:
    value = Decimal(text.strip())
    if not value.is_finite() or len(text) > 100 or abs(value.adjusted()) > 100:
        raise InvalidOperation
    return value


def _float(text: str) -> float:
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _boolean(text: str) -> bool:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if (value := known.get(text.strip().lower())) is None:
        raise ValueError
    return value


def utc_datetime(text: str) -> datetime:
    """Return the time of a text; without a zone it is UTC.

    Raises:
        ValueError, OverflowError: it is no time.
    """
    value = datetime.fromisoformat(text.strip())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _bytes(text: str) -> bytes:
    return bytes_from_text(text) if text.startswith(BYTES) else bytes.fromhex(text)


PARSERS: dict[str, Callable[[str], Any]] = {
    TEXT: str,
    JSON_TEXT: str,
    OTHER: str,
    UUID_TEXT: lambda text: str(UUID(text.strip())),
    INTEGER: _integer,
    DECIMAL: _decimal,
    FLOAT: _float,
    BOOLEAN: _boolean,
    DATETIME: utc_datetime,
    DATE: lambda text: date.fromisoformat(text.strip()),
    TIME: lambda text: time.fromisoformat(text.strip()),
    BINARY: _bytes,
}
WORDS = {
    TEXT: "a text",
    JSON_TEXT: "a text",
    OTHER: "a text",
    UUID_TEXT: "a UUID",
    INTEGER: "a whole number",
    DECIMAL: "a number",
    FLOAT: "a number",
    BOOLEAN: "yes or no",
    DATETIME: "a time such as 2026-11-30T08:00",
    DATE: "a date such as 2026-11-30",
    TIME: "a time of day such as 08:00",
    BINARY: "bytes in hexadecimal",
}


def is_storable(value: Any) -> bool:
    """Return whether every database can have the value in a query."""
    if isinstance(value, str):
        return storable(value) == value
    return isinstance(value, float) or (isinstance(value, int) and -MOST_INTEGER <= value < MOST_INTEGER)


def value_of_json(column: SiteColumn, part: Any) -> Any:
    """Return the value of a column from a part of a key as JSON.

    Raises:
        WrongValue: the column cannot have such a value.
    """
    if isinstance(part, list | dict):
        raise WrongValue(f"{column.name}: a key has no such part")
    if isinstance(part, str):
        return parse_value(column, part)
    if isinstance(part, bool) and column.kind == BOOLEAN:
        return part
    if isinstance(part, int | float) and column.is_number and not isinstance(part, bool):
        return parse_value(column, str(part))
    if column.kind in TEXTS:
        return parse_value(column, str(part))
    raise WrongValue(f"{column.name}: {str(part)[:50]!r} is not {WORDS[column.kind]}")


def spellings(value: Any) -> list[Any]:
    """Return the forms in which a part of a key may be stored: a UUID with and without its hyphens."""
    if isinstance(value, UUID):
        return [str(value), value.hex]
    if isinstance(value, str) and HEX_UUID.fullmatch(value):
        one = UUID(value)
        return [str(one), one.hex]
    return [value]
