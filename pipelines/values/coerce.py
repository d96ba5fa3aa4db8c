"""Converting an item's value to its column's value: "£1,051.77" to a Decimal, "3 May 2019" to a date.

``READERS`` has a function for each kind of column that returns a reader. A reader takes the scraped value and returns
the column's value, or raises InvalidValue with a reason that says what to do. Readers cut, round and guess nothing: an
invalid or ambiguous value is refused here, the same on every database, before MySQL changes it. docs/values.md has the
rules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Time,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.types import TypeEngine

from pipelines.values.choices import boolean_reader, choice_reader
from pipelines.values.dates import date_reader, datetime_reader
from pipelines.values.invalid_value import Hints, InvalidValue, Reader, quoted
from pipelines.values.numbers import decimal_reader, float_reader, integer_reader
from pipelines.values.objects import array_reader, binary_reader, json_reader, uuid_reader
from pipelines.values.times import interval_reader, time_reader
from pipelines.values.type_decorators import decorator_reader, is_user_type
from pipelines.values.words import folded, texts_without_value


def coerce(value: Any, column: Column[Any]) -> Any:
    """Return the value as ``column`` stores it, or None for blank text and a text that is None in ``words``.

    The hints of a column are in its ``info``: docs/values.md and models/column_hints.py list them.

    Raises:
        InvalidValue: the value is missing and the column is not nullable, or the column's type cannot store it.
    """
    return reader(column)(value)


@lru_cache(maxsize=4096)
def reader(column: Column[Any]) -> Reader:
    """Return the reader of a column. Its type, limits and hints are looked up once, not for every value."""
    type_ = base_type(column.type)
    missing = texts_without_value(column.info)
    read = type_reader(type_, column.info)
    if is_user_type(column.type):
        read = decorator_reader(column.type, read)
    nullable = bool(column.nullable)

    def read_value(value: Any) -> Any:
        if isinstance(value, str):
            value = strip_text(value) or None
            if missing and folded(value) in missing:
                value = None
        if value is None:
            if nullable:
                return None
            raise InvalidValue("is missing")
        return value if read is None else read(value)

    if is_user_type(column.type):
        return read_value
    fast = next((make for kind, make in FAST_READERS if isinstance(type_, kind)), None)
    return read_value if fast is None else fast(read_value, type_)


def base_type(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the SQLAlchemy type that a decorator such as ExactNumeric is based on."""
    # Interval is a decorator of DateTime, for databases without INTERVAL.
    return (
        type_.impl_instance if isinstance(type_, TypeDecorator) and not isinstance(type_, Interval) else type_
    )


def type_reader(type_: TypeEngine[Any], hints: Hints) -> Reader | None:
    """Return a reader for the type; None if every value is left unchanged."""
    if isinstance(type_, ARRAY):
        read_item = type_reader(base_type(type_.item_type), hints)
        missing = texts_without_value(hints)

        def read_one(value: Any) -> Any:
            value = strip_text(value) if isinstance(value, str) else value
            if missing and isinstance(value, str) and folded(value) in missing:
                return None
            return value if read_item is None else read_item(value)

        return array_reader(read_one, type_.dimensions)
    return next((make(type_, hints) for kind, make in READERS if isinstance(type_, kind)), None)


def strip_text(text: str) -> str:
    """Return the text without white space around it.

    Raises:
        InvalidValue: the text has a character that a database cannot store.
    """
    if "\x00" in text:
        raise InvalidValue("has a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidValue("has a lone surrogate, half of a character") from None
    return text.strip()


def text_reader(type_: String, _hints: Hints) -> Reader:
    """Return a reader for text of at most the column's length."""

    length = type_.length

    def read(value: Any) -> str:
        if type(value) is not str:
            if isinstance(value, bool | bytes) or not isinstance(value, str | int | float | Decimal | date):
                raise InvalidValue(f"is {type(value).__name__}, not text: {quoted(value)}")
            value = str(value)
        if length is not None and len(value) > length:
            raise InvalidValue(
                f"is {len(value)} characters long, the column has at most {length}: {quoted(value)}"
            )
        return value  # type: ignore[no-any-return]

    return read


def fast_text_reader(read: Reader, type_: String) -> Reader:
    """Return a reader that returns ASCII text at once and gives other values to ``read``."""
    length = type_.length if type_.length is not None else sys.maxsize

    def read_text(value: Any) -> Any:
        if type(value) is str and value.isascii() and "\x00" not in value:
            text = value.strip()
            if 0 < len(text) <= length:
                return text
        return read(value)

    return read_text


def cached_reader(read: Reader, _type: TypeEngine[Any]) -> Reader:
    """Return a reader that caches the values of short texts: a site repeats its prices and dates."""
    remembered = lru_cache(maxsize=1024)(read)

    def read_or_recall(value: Any) -> Any:
        # Only str: True is equal to 1, and would get its cached value.
        return remembered(value) if type(value) is str and len(value) <= 40 else read(value)

    return read_or_recall


# Faster readers with the same results. In the order of READERS.
FAST_READERS: list[tuple[type[TypeEngine[Any]], Callable[..., Reader] | None]] = [
    (Enum, None),
    (String, fast_text_reader),
    (Boolean, None),
    (Integer, cached_reader),
    (Numeric, cached_reader),
    (DateTime, cached_reader),
    (Date, cached_reader),
]

# The order matters: Enum is a String, Float is a Numeric, DateTime comes before Date.
READERS: list[tuple[type[TypeEngine[Any]], Callable[..., Reader]]] = [
    (Enum, choice_reader),
    (String, text_reader),
    (Boolean, boolean_reader),
    (Integer, integer_reader),
    (Float, float_reader),
    (Numeric, decimal_reader),
    (DateTime, datetime_reader),
    (Date, date_reader),
    (Time, time_reader),
    (Interval, interval_reader),
    (Uuid, uuid_reader),
    (LargeBinary, binary_reader),
    (JSON, json_reader),
]
