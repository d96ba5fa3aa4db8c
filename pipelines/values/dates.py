"""Readers for DATE and DATETIME columns."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Date, DateTime

from pipelines.values.date_text import DateRules, read_date, read_datetime
from pipelines.values.invalid_value import Hints, InvalidValue, Reader, hint_text, quoted


def date_reader(_type: Date, hints: Hints) -> Reader:
    """Return a reader for dates."""

    rules = DateRules.of(hints)

    def read(value: Any) -> date:
        if isinstance(value, str):
            if len(value) == 10 and value[4] == value[7] == "-" and value.isascii():
                with suppress(ValueError):  # most dates that machines write; the others are read below
                    return date.fromisoformat(value)
            try:
                return read_date(value, rules)
            except InvalidValue as invalid:
                raise InvalidValue(f"{invalid}: {quoted(value)}") from None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        raise InvalidValue(f"is {type(value).__name__}, not a date: {quoted(value)}")

    return read


def datetime_reader(_type: DateTime, hints: Hints) -> Reader:
    """Return a reader for datetimes; it returns them in UTC."""

    rules = DateRules.of(hints)
    zone, fold = rules.timezone or ZoneInfo("UTC"), hints.get("fold")

    def read(value: Any) -> datetime:
        try:
            return _in_utc(_to_datetime(value, rules), zone, fold)
        except OverflowError:
            raise InvalidValue(f"is out of range: {quoted(value)}") from None
        except InvalidValue as invalid:
            raise InvalidValue(f"{invalid}: {quoted(value)}") from None

    return read


def _to_datetime(value: Any, rules: DateRules) -> datetime:
    if isinstance(value, str):
        return read_datetime(value, rules)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise InvalidValue(f"is {type(value).__name__}, not a date and time")


def _in_utc(value: datetime, zone: ZoneInfo, fold: int | None) -> datetime:
    """Return the datetime in UTC; a datetime without a time zone is in ``zone``.

    Raises:
        InvalidValue: the time exists twice in the zone, or never.
    """
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    first, second = value.replace(tzinfo=zone, fold=0), value.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != value.replace(fold=0):
        raise InvalidValue(f"is a time that does not exist on that day in {zone.key}")
    if fold is None and value.fold == 0:
        raise InvalidValue(
            f"exists twice on that day in {zone.key}: write {hint_text(fold=0)} for the first, 1 "
            "for the second"
        )
    return (second if fold == 1 or value.fold == 1 else first).astimezone(UTC)
