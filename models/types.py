"""Column types that mean the same on SQLite, MariaDB/MySQL and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Float, LargeBinary, Numeric, String, Text, TypeDecorator
from sqlalchemy.dialects import mysql, postgresql

MYSQL = ("mysql", "mariadb")

# MySQL compares text without regard to case, accents and (in its general collations) emoji, which would make two
# natural keys one; a binary collation makes it compare as SQLite and PostgreSQL do.
BINARY = "utf8mb4_bin"


class ExactString(TypeDecorator[str]):
    """Text of at most ``length`` characters (code points), compared exactly."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.VARCHAR(self.length, collation=BINARY))
        return dialect.type_descriptor(String(self.length))

    def __repr__(self) -> str:
        return f"ExactString({self.length})"


class LongText(TypeDecorator[str]):
    """Text of any length. MySQL's TEXT ends at 64 KiB, so it is LONGTEXT there."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.LONGTEXT(collation=BINARY))
        return dialect.type_descriptor(Text())

    def __repr__(self) -> str:
        return "LongText()"


class ExactNumeric(TypeDecorator[Decimal]):
    """A decimal number of ``precision`` digits, ``scale`` of them behind the point.

    SQLite has no decimal type. Its floating-point numbers carry 15 digits faithfully, and sort as numbers; a
    longer number is text there.
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
        return float(value) if self.precision <= self.FLOAT_DIGITS else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None or dialect.name != "sqlite":
            return value  # type: ignore[no-any-return]
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-self.scale))

    def __repr__(self) -> str:
        return f"ExactNumeric({self.precision}, {self.scale})"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, to the microsecond: aware in Python, UTC in the database.

    MySQL's DATETIME drops fractions, and neither it nor SQLite's has a zone, so both are settled here.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
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
        # MySQL's driver takes three times as long to spell a datetime as to quote its text.
        return str(value) if dialect.name in MYSQL else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def __repr__(self) -> str:
        return "UtcDateTime()"


class Digest(TypeDecorator[bytes]):
    """A hash of ``length`` bytes, which may be in an index."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.BINARY(self.length))
        return dialect.type_descriptor(LargeBinary())

    def __repr__(self) -> str:
        return f"Digest({self.length})"


class LongJson(TypeDecorator[Any]):
    """A JSON value as text; for us to read, not for queries to look into."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.LONGTEXT(collation=BINARY))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        try:
            text.encode()
        except UnicodeEncodeError:  # a lone surrogate, which no database takes as it is
            return json.dumps(value, separators=(",", ":"))
        return text

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)

    def __repr__(self) -> str:
        return "LongJson()"
