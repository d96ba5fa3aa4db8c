"""Column types that behave the same on SQLite, MariaDB/MySQL and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from decimal import Context, Decimal
from math import isfinite
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Dialect,
    Enum,
    Float,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Text,
    Time,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

from models.dialect_modules import mysql, postgresql
from models.json_values import from_json_value, to_json_value
from models.redaction import redacted, redacted_parts
from models.text import fitted, json_text, storable_parts

MYSQL = ("mysql", "mariadb")

# MySQL ignores case, accents and (in its general collations) emoji when it compares text, so two natural keys
# would be equal. With a binary collation it compares like SQLite and PostgreSQL.
BINARY = "utf8mb4_bin"

ANY_PRECISION = Context(
    prec=200
)  # enough for any column; Python's default of 28 digits is less than a DECIMAL(40)


class ExactString(TypeDecorator[str]):
    """Text of at most ``length`` characters (code points), compared exactly."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql().VARCHAR(self.length, collation=BINARY))
        return dialect.type_descriptor(String(self.length))

    def __repr__(self) -> str:
        return f"ExactString({self.length})"


class LongText(TypeDecorator[str]):
    """Text of any length. MySQL's TEXT ends at 64 KiB, so it is LONGTEXT there."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql().LONGTEXT(collation=BINARY))
        return dialect.type_descriptor(Text())

    def __repr__(self) -> str:
        return "LongText()"


class ExactNumeric(TypeDecorator[Decimal]):
    """A decimal number of ``precision`` digits, ``scale`` of them after the decimal point.

    SQLite has no decimal type. Its floating-point numbers have 15 exact digits and sort as numbers; a column with more
    digits is text there.
    """

    impl = Numeric
    cache_ok = True
    FLOAT_DIGITS = 15

    def __init__(self, precision: int, scale: int) -> None:
        super().__init__(precision, scale)
        self.precision, self.scale = precision, scale

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name != "sqlite":
            return dialect.type_descriptor(Numeric(self.precision, self.scale))
        if self.precision <= self.FLOAT_DIGITS:
            return dialect.type_descriptor(Float())
        return dialect.type_descriptor(String(self.precision + 2))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        number = float(value)
        if not isfinite(number):
            raise ValueError(f"{value} is not a finite number")
        return number if self.precision <= self.FLOAT_DIGITS else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None or dialect.name != "sqlite":
            return value  # type: ignore[no-any-return]
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-self.scale), context=ANY_PRECISION)

    def __repr__(self) -> str:
        return f"ExactNumeric({self.precision}, {self.scale})"


class UtcDateTime(TypeDecorator[datetime]):
    """A datetime, to the microsecond: aware in Python, UTC in the database.

    MySQL's DATETIME drops fractions by default, and neither MySQL's nor SQLite's has a time zone.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql().DATETIME(fsp=6))
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql().TIMESTAMP(timezone=True))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        value = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return value
        value = value.replace(tzinfo=None)
        # MySQL's driver needs three times as long for a datetime as for a text.
        return str(value) if dialect.name in MYSQL else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if not isinstance(value, datetime):
            return None  # NULL, or MySQL's 0000-00-00 00:00:00 as text, which is no datetime
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def __repr__(self) -> str:
        return "UtcDateTime()"


class Digest(TypeDecorator[bytes]):
    """A hash of ``length`` bytes; the column may have an index."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql().BINARY(self.length))
        return dialect.type_descriptor(LargeBinary())

    def __repr__(self) -> str:
        return f"Digest({self.length})"


class LongJson(TypeDecorator[Any]):
    """A JSON value as text; queries cannot select by its parts."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql().LONGTEXT(collation=BINARY))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)

    def __repr__(self) -> str:
        return "LongJson()"


# --- Types for text that errors, sites and people wrote. Any text is stored, so that no such text can end a run.
# The columns of rows do not have these types: there an invalid value is refused and not changed.


class FreeString(ExactString):
    """Text of at most ``length`` characters; characters that no database accepts are escaped, longer text is cut."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else fitted(str(value), self.length)

    def __repr__(self) -> str:
        return f"FreeString({self.length})"


class FreeText(LongText):
    """The same for longer text, with secrets redacted: a message, a traceback, a URL."""

    cache_ok = True
    LONGEST = 20_000  # characters

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else fitted(redacted(fitted(str(value), self.LONGEST)), self.LONGEST)

    def __repr__(self) -> str:
        return "FreeText()"


class FreeJson(LongJson):
    """A JSON value whose texts are storable and have their secrets redacted."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json_text(storable_parts(redacted_parts(value)))

    def __repr__(self) -> str:
        return "FreeJson()"


class TimeOfDay(TypeDecorator[time]):
    """A time of day, to the microsecond, without a time zone. MySQL's TIME drops fractions by default."""

    impl = Time
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(mysql().TIME(fsp=6) if dialect.name in MYSQL else Time())

    def __repr__(self) -> str:
        return "TimeOfDay()"


class Duration(TypeDecorator[timedelta]):
    """A length of time, to the microsecond: INTERVAL on PostgreSQL, elsewhere a number of microseconds."""

    impl = Interval
    cache_ok = True
    MOST = timedelta(days=106_751_991)  # the limit of 64 bits, 292,000 years
    MICROSECOND = timedelta(microseconds=1)

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        native = dialect.name == "postgresql"
        return dialect.type_descriptor(postgresql().INTERVAL() if native else BigInteger())

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if abs(value) > self.MOST:
            raise ValueError(f"{value} is longer than {self.MOST}")
        return value if dialect.name == "postgresql" else value // self.MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        return timedelta(microseconds=value) if isinstance(value, int) else value

    def __repr__(self) -> str:
        return "Duration()"


class LongBinary(TypeDecorator[bytes]):
    """Bytes of any length. MySQL's BLOB ends at 64 KiB, so it is LONGBLOB there."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(mysql().LONGBLOB() if dialect.name in MYSQL else LargeBinary())

    def __repr__(self) -> str:
        return "LongBinary()"


class Choice(TypeDecorator[str]):
    """The members of an Enum class, in rows and in the database as text."""

    impl = Enum
    cache_ok = True

    def __init__(self, enum: Enum) -> None:
        self.enum = enum
        self.impl = enum  # type: ignore[assignment]  # the instance, which has the name of its type
        assert enum.enum_class is not None
        members = [one for name, one in enum.enum_class.__members__.items() if one.name == name]
        self.texts = dict(zip(members, enum.enums, strict=True))

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return value if value is None else self.texts[value]

    def __repr__(self) -> str:
        return f"Choice({self.choices!r})"

    @property
    def choices(self) -> Enum:
        """Return the type of the database column, without the class."""
        enum = self.enum
        return Enum(*enum.enums, name=enum.name, native_enum=enum.native_enum, length=enum.length)


class ListOf(TypeDecorator[list[Any]]):
    """A list of values of one type: an ARRAY on PostgreSQL, elsewhere JSON as text."""

    impl = ARRAY
    cache_ok = True

    def __init__(self, item_type: TypeEngine[Any], dimensions: int | None = None) -> None:
        super().__init__(item_type, dimensions=dimensions)
        self.item_type, self.dimensions = item_type, dimensions

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql().ARRAY(self.item_type, dimensions=self.dimensions))
        return dialect.type_descriptor(LongJson())

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else to_json_value(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else self._items(value)

    def _items(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._items(one) for one in value]
        return from_json_value(value, self.item_type)

    def __repr__(self) -> str:
        return f"ListOf({self.item_type!r}, dimensions={self.dimensions})"
