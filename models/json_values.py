"""Column values as JSON and back, for the history, events and rejected items."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum as PythonEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    Date,
    DateTime,
    Enum,
    Float,
    Interval,
    LargeBinary,
    Numeric,
    Time,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.types import TypeEngine

BYTES = "data:;base64,"  # RFC 2397: a text that begins so is bytes

DURATION = re.compile(r"(-?)P(\d+)DT(\d+)\.(\d{6})S")


def to_json_value(value: Any) -> Any:
    """Return the value as JSON; a value of an unknown type becomes its text.

    Decimals become text with all their digits. Dates, times and datetimes become ISO 8601, and so does a duration, in
    days and seconds. Bytes become a ``data:`` URL. A member of an enumeration becomes its name.
    """
    kind = type(value)
    if kind in UNCHANGED_TYPES:
        return value
    if kind in ENCODERS:
        return ENCODERS[kind](value)
    if isinstance(value, PythonEnum):
        return value.name
    for known, encode in ENCODERS.items():
        if isinstance(value, known):
            return encode(value)
    if isinstance(value, Mapping):
        return {str(name): to_json_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((to_json_value(part) for part in value), key=repr)
    return str(value)


def from_json_value(value: Any, type_: TypeEngine[Any]) -> Any:
    """Return the value of a column of this type from what ``to_json_value`` returned for it.

    Raises:
        ValueError: ``to_json_value`` returns no such value for this type.
    """
    kind = (
        type_.impl_instance if isinstance(type_, TypeDecorator) and not isinstance(type_, Interval) else type_
    )
    if isinstance(kind, ARRAY) and isinstance(value, list):
        return [from_json_value(one, type_ if isinstance(one, list) else kind.item_type) for one in value]
    if isinstance(value, str) and not isinstance(kind, JSON):
        for known, read in DECODERS:
            if isinstance(kind, known):
                return read(value, kind)
    return value


def duration_text(value: timedelta) -> str:
    """Return the duration as ISO 8601, in days and seconds."""
    sign, value = ("-", -value) if value < timedelta() else ("", value)
    return f"{sign}P{value.days}DT{value.seconds}.{value.microseconds:06d}S"


def duration_from_text(text: str) -> timedelta:
    """Return the duration of a text that ``duration_text`` wrote.

    Raises:
        ValueError: the text has another form.
    """
    parts = DURATION.fullmatch(text)
    if parts is None:
        raise ValueError(f"not a duration: {text!r}")
    sign, days, seconds, microseconds = parts.groups()
    value = timedelta(days=int(days), seconds=int(seconds), microseconds=int(microseconds))
    return -value if sign else value


def bytes_text(value: bytes | bytearray | memoryview) -> str:
    """Return the bytes as a ``data:`` URL."""
    return BYTES + base64.b64encode(value).decode()


def bytes_from_text(text: str) -> bytes:
    """Return the bytes of a text that ``bytes_text`` wrote.

    Raises:
        ValueError: the text has another form.
    """
    if not text.startswith(BYTES):
        raise ValueError("not a data: URL")
    return base64.b64decode(text[len(BYTES) :], validate=True)


UNCHANGED_TYPES = frozenset({str, int, bool, type(None)})

# The order matters for a value of a derived class: bool comes before int, and datetime before date.
ENCODERS: dict[type, Callable[[Any], Any]] = {
    bool: bool,
    float: lambda value: float(value) if math.isfinite(value) else repr(float(value)),
    Decimal: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: duration_text,
    UUID: str,
    bytes: bytes_text,
    bytearray: bytes_text,
    memoryview: bytes_text,
    int: int,
    str: lambda value: str.__str__(value),
}


DECODERS: list[tuple[type[TypeEngine[Any]], Callable[[str, Any], Any]]] = [
    (Enum, lambda text, _: text),  # of an Enum class too: models.types.Choice
    (Float, lambda text, _: float(text)),
    (Numeric, lambda text, _: Decimal(text)),
    (DateTime, lambda text, _: datetime.fromisoformat(text)),
    (Date, lambda text, _: date.fromisoformat(text)),
    (Time, lambda text, _: time.fromisoformat(text)),
    (Interval, lambda text, _: duration_from_text(text)),
    (Uuid, lambda text, kind: UUID(text) if kind.as_uuid else text),
    (LargeBinary, lambda text, _: bytes_from_text(text)),
]
