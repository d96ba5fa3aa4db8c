"""Column types of existing tables that ``models.types`` does not have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Dialect, Numeric, String, TypeDecorator

from models.dialect_modules import mysql
from models.types import MYSQL


class RangedInteger(BigInteger):
    """A whole number from ``least`` to ``most``: MySQL's unsigned types, TINYINT, MEDIUMINT and YEAR."""

    def __init__(self, least: int = 0, most: int = 2**63 - 1) -> None:
        super().__init__()
        self.least, self.most = least, most

    def __repr__(self) -> str:
        return f"RangedInteger({self.least}, {self.most})"


class PaddedString(TypeDecorator[str]):
    """CHAR: the database pads the text with blanks, and they are no part of the value."""

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return value.rstrip(" ") if isinstance(value, str) else value

    def __repr__(self) -> str:
        return f"PaddedString({self.length})"


class BitFlag(TypeDecorator[bool]):
    """MySQL's BIT(1) as True or False."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(mysql().BIT(1) if dialect.name in MYSQL else Boolean())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        return int(value) if value is not None and dialect.name in MYSQL else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return value if value is None else bool(int(value))

    def __repr__(self) -> str:
        return "BitFlag()"


class DateOrNone(TypeDecorator[date]):
    """A date; MySQL's 0000-00-00 is None."""

    impl = Date
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        return value if isinstance(value, date) else None

    def __repr__(self) -> str:
        return "DateOrNone()"


class AnyNumeric(TypeDecorator[Decimal]):
    """PostgreSQL's NUMERIC without a number of digits: it stores a number as it is written."""

    impl = Numeric
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | None:
        return value if value is None else Decimal(f"{value.normalize():f}")

    def __repr__(self) -> str:
        return "AnyNumeric()"


class LocalDateTime(TypeDecorator[datetime]):
    """A datetime that the table stores without its zone, in the local time of ``zone``."""

    impl = DateTime
    cache_ok = True

    def __init__(self, zone: str) -> None:
        super().__init__()
        self.zone = zone

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def __repr__(self) -> str:
        return f"LocalDateTime({self.zone!r})"
