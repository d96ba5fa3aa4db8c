"""The type of a field that feeds a column of an existing table, from the type that the database reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ARRAY,
    CHAR,
    JSON,
    NCHAR,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Text,
    Time,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.types import TypeEngine

from models.dialect_modules import postgresql
from models.existing.types import (
    AnyNumeric,
    BitFlag,
    DateOrNone,
    LocalDateTime,
    PaddedString,
    RangedInteger,
)
from models.types import (
    MYSQL,
    Duration,
    ExactNumeric,
    ExactString,
    ListOf,
    LongText,
    TimeOfDay,
    UtcDateTime,
)


class UnsupportedColumn(ValueError):
    """No item can fill the column, or no row can be found by it; the message says why."""


def field_type(type_: TypeEngine[Any], dialect: str, zone: str | None = None) -> TypeEngine[Any]:
    """Return the type that validates the values of a column, and that reads and writes them.

    Args:
        type_: the column's type as the database reports it.
        dialect: SQLAlchemy's name of the database.
        zone: the zone of datetimes that the table stores without one; None: they are UTC.

    Raises:
        UnsupportedColumn: there is no such type.
    """
    if dialect in MYSQL and (found := _of_mysql(type_)) is not None:
        return found
    if dialect == "postgresql" and isinstance(type_, postgresql().DOMAIN):
        return field_type(type_.data_type, dialect, zone)
    if isinstance(type_, DateTime):
        # MySQL's TIMESTAMP and PostgreSQL's TIMESTAMP WITH TIME ZONE are in UTC for this connection.
        in_utc = type_.timezone or (dialect in MYSQL and type_.__visit_name__ == "TIMESTAMP")
        return LocalDateTime(zone) if zone and not in_utc else UtcDateTime()
    if type_.__visit_name__ == "INTERVAL":
        return Duration()
    for kind, make in RULES:
        if isinstance(type_, kind):
            return make(type_, dialect)
    raise UnsupportedColumn(f"is {type_!r}, which no field can fill: leave it out")


_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INTEGER": 32, "BIGINT": 64}


def _of_mysql(type_: TypeEngine[Any]) -> TypeEngine[Any] | None:
    """Return the type for a type that only MySQL has; None for others."""
    name = type_.__visit_name__
    if name == "BIT" and getattr(type_, "length", None) in (None, 1):
        return BitFlag()
    if name == "YEAR":
        return RangedInteger(1901, 2155)
    if name == "SET":
        raise UnsupportedColumn(f"is {type_!r}, which no field can fill: leave it out")
    if name == "TINYINT" and getattr(type_, "display_width", None) == 1:
        return Boolean()  # MySQL's BOOLEAN
    if name in _BITS:
        bits = _BITS[name]
        if getattr(type_, "unsigned", False):
            return RangedInteger(0, 2**bits - 1)
        return RangedInteger(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return None


def _integer(type_: Any, dialect: str) -> TypeEngine[Any]:
    if dialect == "sqlite" or isinstance(type_, BigInteger):
        return BigInteger()
    return SmallInteger() if isinstance(type_, SmallInteger) else Integer()


def _numeric(type_: Any, _dialect: str) -> TypeEngine[Any]:
    if type_.precision is None:
        return AnyNumeric()
    return ExactNumeric(type_.precision, type_.scale or 0)


def _text(type_: Any, _dialect: str) -> TypeEngine[Any]:
    if isinstance(type_, Text) or type_.length is None:
        return LongText()
    return PaddedString(type_.length) if isinstance(type_, CHAR | NCHAR) else ExactString(type_.length)


def _time(type_: Any, _dialect: str) -> TypeEngine[Any]:
    if type_.timezone:
        raise UnsupportedColumn("is a time of day with a time zone, which no field can fill: leave it out")
    return TimeOfDay()


def _json(type_: Any, _dialect: str) -> TypeEngine[Any]:
    if type_.__visit_name__ == "JSONB":
        made: TypeEngine[Any] = postgresql().JSONB(none_as_null=True)
        return made
    return JSON(none_as_null=True)


# The order matters: Enum and Text are Strings, and Float is a Numeric.
RULES: list[tuple[type[TypeEngine[Any]], Callable[[Any, str], TypeEngine[Any]]]] = [
    (Boolean, lambda _type, _dialect: Boolean()),
    (Enum, lambda type_, _dialect: type_),  # PostgreSQL needs the type's name
    (String, _text),
    (Integer, _integer),
    (Float, lambda _type, _dialect: Double()),
    (Numeric, _numeric),
    (Date, lambda _type, _dialect: DateOrNone()),
    (Time, _time),
    (Uuid, lambda type_, _dialect: type_),
    (JSON, _json),
    (ARRAY, lambda type_, dialect: ListOf(field_type(type_.item_type, dialect), type_.dimensions)),
    (LargeBinary, lambda _type, _dialect: LargeBinary()),
]


def key_type(type_: TypeEngine[Any], dialect: str) -> TypeEngine[Any]:
    """Return the type of a column of the natural key in the bookkeeping table, which a migration creates.

    Raises:
        UnsupportedColumn: no row can be found by such a value.
    """
    if isinstance(type_, LongText) and dialect in MYSQL:
        raise UnsupportedColumn("is a text without a maximum length, which cannot be a key")
    for kind, make in KEY_RULES:
        if isinstance(type_, kind):
            return make(type_)
    raise UnsupportedColumn(f"is {type_!r}, which cannot be a key")


KEY_RULES: list[tuple[Any, Callable[[Any], TypeEngine[Any]]]] = [
    (Enum, lambda _type: ExactString(255)),
    (PaddedString, lambda type_: ExactString(type_.length or 1)),
    ((ExactString, LongText, ExactNumeric, UtcDateTime), lambda type_: type_),
    (LocalDateTime, lambda _type: UtcDateTime()),
    (DateOrNone, lambda _type: Date()),
    (AnyNumeric, lambda _type: ExactNumeric(38, 10)),
    (Integer, lambda _type: BigInteger()),
    (Uuid, lambda _type: Uuid()),
]


def trial_type(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type for a copy of the table in the SQLite file of a trial."""
    if isinstance(type_, Enum):
        return Enum(*type_.enums, native_enum=False)
    if isinstance(type_, TypeDecorator):
        return type_
    if isinstance(type_, JSON):
        return JSON(none_as_null=True)
    return Uuid() if isinstance(type_, Uuid) else type_
