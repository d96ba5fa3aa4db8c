"""The types that the columns of a model may have: each means the same on every database, or is refused at once.

A SQLAlchemy type that a database rounds, cuts, pads or compares in its own way is replaced by a type of
``models.types``. If there is no such type, the message says what to use instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BINARY,
    CHAR,
    JSON,
    NCHAR,
    VARBINARY,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    PickleType,
    String,
    Text,
    Time,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.types import NullType, TypeEngine

from models.dialect_modules import postgresql
from models.types import (
    Choice,
    Duration,
    ExactNumeric,
    ExactString,
    ListOf,
    LongBinary,
    LongText,
    TimeOfDay,
    UtcDateTime,
)

# The limits of MySQL's DECIMAL; PostgreSQL's are higher.
MOST_DIGITS, MOST_DECIMALS = 65, 30


class UnsupportedType(ValueError):
    """The column cannot be kept current; the message says why and what to write instead."""


def supported_type(column: Column[Any]) -> TypeEngine[Any]:
    """Return the type that the column gets in place of its own.

    Raises:
        UnsupportedType: no type is the same on every database.
    """
    type_ = column.type
    if type(type_).__module__ == "models.types" or type_._variant_mapping:
        return type_
    if isinstance(type_, TypeDecorator) and not isinstance(type_, Interval | PickleType):
        return type_  # the project's own: pipelines.values.type_decorators
    if isinstance(type_, NullType):
        if column.foreign_keys:
            return type_  # later it gets the type of the column that the foreign key names
        raise UnsupportedType("has no type: write one, for instance mapped_column(ExactString(50))")
    if type(type_).__module__.startswith("sqlalchemy.dialects.") and not isinstance(type_, FOR_ONE_DATABASE):
        raise UnsupportedType(f"is {type_!r}, a type of one database: use {_general(type_)}")
    for kind, settle in RULES:
        if isinstance(type_, kind):
            return settle(type_, column)
    return type_


def default_error(column: Column[Any]) -> str | None:
    """Return why the column's default cannot be kept current and what to write instead; None if it can."""
    if column.computed is not None:
        return "is computed: a natural key must come from the site" if column.primary_key else None
    if column.onupdate is not None or column.server_onupdate is not None:
        return (
            "has onupdate=, which would change the row whenever it is seen: leave it out and use last_seen_at"
        )
    if column.identity is not None:
        return "is an Identity, which numbers rows: fill the column from the site, or use default="
    if column.primary_key and column.default is not None and not column.default.is_scalar:
        return "is a natural key with a default that is not a constant: fill it from the site"
    if column.primary_key and column.server_default is not None:
        return "is a natural key with a server_default=, which is not known before the INSERT: use default="
    return None


# Types of one database that behave like the general types that they derive from.
FOR_ONE_DATABASE = (JSON, Uuid, ARRAY, Enum)


def _general(type_: TypeEngine[Any]) -> str:
    generals = (
        (DateTime, "UtcDateTime()"),
        (Date, "Date()"),
        (Time, "TimeOfDay()"),
        (Interval, "Duration()"),
        (Text, "LongText()"),
        (String, f"ExactString({getattr(type_, 'length', None) or 255})"),
        (Float, "Double()"),
        (Numeric, "ExactNumeric(12, 2)"),
        (Integer, "Integer() or BigInteger()"),
        (LargeBinary, "LongBinary()"),
    )
    return next((name for kind, name in generals if isinstance(type_, kind)), "ExactString(255) or JSON()")


def _enum(type_: Enum, _column: Column[Any]) -> TypeEngine[Any]:
    return Choice(type_) if type_.enum_class is not None else type_


def _fixed(type_: String, _column: Column[Any]) -> TypeEngine[Any]:
    raise UnsupportedType(
        f"is {type_!r}, which databases pad with blanks: use ExactString({type_.length or 255})"
    )


def _text(type_: String, column: Column[Any]) -> TypeEngine[Any]:
    if type_.collation is not None:
        return type_
    if isinstance(type_, Text):
        return LongText() if type_.length is None and not column.primary_key else type_
    if type_.length is None:
        return type_ if column.primary_key or column.unique or column.index else LongText()
    return ExactString(type_.length)


def _floating(type_: Float[Any], _column: Column[Any]) -> TypeEngine[Any]:
    if type_.asdecimal:
        raise UnsupportedType(
            f"is {type_!r}, which returns rounded numbers as exact ones: use ExactNumeric(12, 2) or Double()"
        )
    return type_ if isinstance(type_, Double) else Double()


def _exact(type_: Numeric[Any], _column: Column[Any]) -> TypeEngine[Any]:
    digits, decimals = type_.precision, type_.scale or 0
    if not type_.asdecimal:
        raise UnsupportedType(
            f"is {type_!r}, which returns exact numbers as rounded ones: use Double(), or leave out asdecimal"
        )
    if digits is None:
        raise UnsupportedType(
            "is Numeric() without a number of digits, which MySQL rounds to whole numbers: use "
            "ExactNumeric(12, 2)"
        )
    if not 0 <= decimals <= min(digits, MOST_DECIMALS) or digits > MOST_DIGITS:
        raise UnsupportedType(
            f"is {type_!r}; MySQL has {MOST_DIGITS} digits at most, and at most {MOST_DECIMALS} of "
            "them are decimals"
        )
    return ExactNumeric(digits, decimals)


def _time(type_: Time, _column: Column[Any]) -> TypeEngine[Any]:
    if type_.timezone:
        raise UnsupportedType(
            "is a time of day with a time zone, which has no meaning without a date: use "
            "TimeOfDay() or UtcDateTime()"
        )
    return TimeOfDay()


def _binary(type_: LargeBinary, column: Column[Any]) -> TypeEngine[Any]:
    if column.primary_key:
        raise UnsupportedType(
            "is LargeBinary, which cannot be a key in MySQL: use Digest(n) for n bytes, or ExactString(n)"
        )
    return LongBinary() if type_.length is None else type_


def _padded(type_: Any, _column: Column[Any]) -> TypeEngine[Any]:
    raise UnsupportedType(
        f"is {type_!r}, which some databases do not have: use LongBinary() or "
        f"LargeBinary({type_.length or 255})"
    )


def _json(type_: JSON, column: Column[Any]) -> TypeEngine[Any]:
    if column.primary_key:
        raise UnsupportedType("is JSON, which cannot be a key: use a column for each of its parts")
    # None becomes NULL in a column of any type.
    if type_.__visit_name__ == "JSONB":
        kind: TypeEngine[Any] = postgresql().JSONB(none_as_null=True)
        return kind
    return JSON(none_as_null=True)


def _pickle(_type: PickleType, _column: Column[Any]) -> TypeEngine[Any]:
    raise UnsupportedType("is PickleType, which runs code that it reads: use JSON()")


def _array(type_: ARRAY[Any], column: Column[Any]) -> TypeEngine[Any]:
    if column.primary_key:
        raise UnsupportedType("is an ARRAY, which cannot be a key: use a column for each of its parts")
    item = supported_type(Column(column.name, type_.item_type))
    if isinstance(item, ARRAY | ListOf | JSON | Choice | Enum):
        raise UnsupportedType(f"is an ARRAY of {type_.item_type!r}: use JSON()")
    return ListOf(item, type_.dimensions)


# The order matters: Enum and Text are Strings, Float is a Numeric, PickleType and Interval are decorators.
RULES: list[tuple[type[TypeEngine[Any]], Callable[[Any, Column[Any]], TypeEngine[Any]]]] = [
    (PickleType, _pickle),
    (Enum, _enum),
    (CHAR, _fixed),
    (NCHAR, _fixed),
    (String, _text),
    (Float, _floating),
    (Numeric, _exact),
    (DateTime, lambda _type, _column: UtcDateTime()),
    (Time, _time),
    (Interval, lambda _type, _column: Duration()),
    (BINARY, _padded),
    (VARBINARY, _padded),
    (LargeBinary, _binary),
    (JSON, _json),
    (ARRAY, _array),
]
