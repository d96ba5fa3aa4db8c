"""Readers for TIME and INTERVAL columns."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Interval, Time

from pipelines.values.digits import HARD_SPACE, normalize_characters
from pipelines.values.invalid_value import Hints, InvalidValue, Reader, hint_text, quoted

TIME_OF_DAY = re.compile(
    r"(?P<hour>\d{1,2})(?:[:h](?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,6}))?)?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?",
    re.IGNORECASE,
)


def time_reader(_type: Time, _hints: Hints) -> Reader:
    """Return a reader for times of day."""

    def read(value: Any) -> time:
        if isinstance(value, time):
            if value.tzinfo is not None:
                raise InvalidValue(f"is a time of day with a zone, which needs a date: {quoted(value)}")
            return value
        if isinstance(value, datetime) or not isinstance(value, str):
            raise InvalidValue(f"is {type(value).__name__}, not a time of day: {quoted(value)}")
        return _time_of_day(value)

    return read


def _time_of_day(text: str) -> time:
    found = TIME_OF_DAY.fullmatch(_normalized(text))
    if not found or not (found["minute"] or found["half"]):
        raise InvalidValue(f"is not a time of day, like 14:30, 14:30:05 or 2:30 pm: {quoted(text)}")
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if half and not 1 <= hour <= 12:
        raise InvalidValue(f"is not a time of day: {quoted(text)}")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    microsecond = int((found["fraction"] or "0").ljust(6, "0"))
    try:
        return time(hour, int(found["minute"] or 0), int(found["second"] or 0), microsecond)
    except ValueError as error:
        raise InvalidValue(f"is not a time of day, {error}: {quoted(text)}") from None


SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
UNIT_WORDS = {
    **{unit: seconds for name, seconds in SECONDS.items() for unit in (name, f"{name}s", name[0])},
    **{"sec": 1, "secs": 1, "min": 60, "mins": 60, "hr": 3600, "hrs": 3600},
}
LENGTH = re.compile(r"(?:\d+(?:\.\d+)? ?[a-z]+(?:,? (?:and )?)?)+")
PART = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]+)")
ISO_LENGTH = re.compile(
    r"P(?=.)(?:(?P<week>\d+)W)?(?:(?P<day>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hour>\d+)H)?(?:(?P<minute>\d+)M)?(?:(?P<second>\d+(?:\.\d+)?)S)?)?"
)
CLOCK = re.compile(r"(?P<first>\d+):(?P<second>[0-5]\d)(?::(?P<third>[0-5]\d(?:\.\d{1,6})?))?")


def interval_reader(_type: Interval, hints: Hints) -> Reader:
    """Return a reader for lengths of time."""

    unit, clock = hints.get("unit"), hints.get("clock")

    def read(value: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            if isinstance(value, str):
                return _length(_normalized(value), unit, clock)
            if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
                return _of_unit(Decimal(str(value)), unit)
        except (OverflowError, ArithmeticError, ValueError):
            raise InvalidValue(f"is out of range: {quoted(value)}") from None
        except InvalidValue as invalid:
            raise InvalidValue(f"{invalid}: {quoted(value)}") from None
        raise InvalidValue(f"is {type(value).__name__}, not a length of time: {quoted(value)}")

    return read


def _length(text: str, unit: str | None, clock: str | None) -> timedelta:
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return _of_unit(Decimal(text), unit)
    if found := ISO_LENGTH.fullmatch(text):
        return _seconds(sum(Decimal(found[name] or 0) * seconds for name, seconds in SECONDS.items()))
    if found := CLOCK.fullmatch(text):
        if found["third"] is None and clock is None:
            hours, minutes = hint_text(clock="H:M"), hint_text(clock="M:S")
            raise InvalidValue(
                f"may be hours and minutes, or minutes and seconds: write {hours} or {minutes}"
            )
        first, second = Decimal(found["first"]), Decimal(found["second"])
        if found["third"] is None and clock == "M:S":
            return _seconds(first * 60 + second)
        return _seconds(first * 3600 + second * 60 + Decimal(found["third"] or 0))
    text = text.lower()
    if LENGTH.fullmatch(text):
        total = Decimal(0)
        parts = PART.findall(text)
        if [word for _, word in parts] == ["m"]:
            raise InvalidValue("has the unit m, minutes or months: let the spider write min")
        for number, word in parts:
            if word not in UNIT_WORDS:
                raise InvalidValue(f"has {word!r}, which is not a unit of time from seconds to weeks")
            total += Decimal(number) * UNIT_WORDS[word]
        return _seconds(total)
    raise InvalidValue("is not a length of time, like 1:30:00, 90 min, 1 h 30 min or PT1H30M")


def _of_unit(number: Decimal, unit: str | None) -> timedelta:
    if unit is None:
        raise InvalidValue(f"has no unit: write {hint_text(unit='seconds')}, minutes, hours, days or weeks")
    if not number.is_finite():
        raise InvalidValue("is not a number")
    return _seconds(number * SECONDS[unit.rstrip("s")])


def _seconds(seconds: Decimal | int) -> timedelta:
    """Return the exact length of time; InvalidValue if it has fractions of a microsecond."""
    microseconds = Decimal(seconds) * 1_000_000
    if microseconds != microseconds.to_integral_value():
        raise InvalidValue("has fractions of a microsecond")
    return timedelta(microseconds=int(microseconds))


def _normalized(text: str) -> str:
    return " ".join(normalize_characters(text[:200]).replace(HARD_SPACE, " ").split())
