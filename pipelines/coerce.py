"""From what a page says to what a column holds: "£1,051.77" to a Decimal, "3 May 2019" to a date.

One function a kind of column: it takes the column's type and hints, and gives what reads values for it. That takes
the scraped value and gives the column's, or raises Unfit with a reason that a person can act on. Nothing is cut,
rounded or guessed: a value that does not fit is refused here, the same on every database, before MySQL would make
something of it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import dateparser
from price_parser import Price
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Numeric,
    SmallInteger,
    String,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine


class Unfit(Exception):
    """The value cannot become what its column holds; the message says why."""


Read = Callable[[Any], Any]


def coerce(value: Any, column: Column[Any]) -> Any:
    """The value as ``column`` holds it, or None where there is nothing.

    Blank text is nothing. Hints for one column stand in its ``info``: ``languages`` and ``date_order`` for dates
    written in words or figures, ``timezone`` for moments that do not name theirs (UTC otherwise).

    Raises:
        Unfit: the value is missing and the column needs one, or it cannot be read as, or is out of the bounds of,
            the column's type.
    """
    return reader(column)(value)


@lru_cache(maxsize=4096)
def reader(column: Column[Any]) -> Read:
    """What ``coerce`` does for this column: its type, bounds and hints are looked up once, not for every value."""
    type_ = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    read = next((make(type_, column.info) for kind, make in READERS if isinstance(type_, kind)), None)
    may_be_nothing = bool(column.nullable or column.default is not None or column.server_default is not None)

    def read_value(value: Any) -> Any:
        if isinstance(value, str):
            value = clean(value) or None
        if value is None:
            if may_be_nothing:
                return None
            raise Unfit("is missing")
        return value if read is None else read(value)

    short_cut = next((make for kind, make in SHORT_CUTS if isinstance(type_, kind)), None)
    return read_value if short_cut is None else short_cut(read_value, type_)


def clean(text: str) -> str:
    """The text without white space around it.

    Raises:
        Unfit: it has a character that a database cannot store.
    """
    if "\x00" in text:
        raise Unfit("has a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unfit("has a lone surrogate, half of a character") from None
    return text.strip()


def quoted(value: Any) -> str:
    """The value for a message: on one line, and not all of a page."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def text_reader(type_: String, _hints: dict[str, Any]) -> Read:
    length = type_.length

    def read(value: Any) -> str:
        if type(value) is not str:
            if isinstance(value, bool | bytes) or not isinstance(value, str | int | float | Decimal | date):
                raise Unfit(f"is {type(value).__name__}, not text: {quoted(value)}")
            value = str(value)
        if length is not None and len(value) > length:
            raise Unfit(f"is {len(value)} characters long, {length} fit: {quoted(value)}")
        return value  # type: ignore[no-any-return]

    return read


def choice_reader(type_: Enum, _hints: dict[str, Any]) -> Read:
    def read(value: Any) -> str:
        text = str(value)
        if text in type_.enums:
            return text
        for choice in type_.enums:
            if choice.casefold() == text.casefold():
                return choice
        raise Unfit(f"is none of {', '.join(type_.enums)}: {quoted(value)}")

    return read


NUMBER = re.compile(r"[-+−]?\d+(?:[,.'’\s  ]\d{3})*(?![\d])")
INTEGER_BITS = {SmallInteger: 16, BigInteger: 64}


def integer_reader(type_: Integer, _hints: dict[str, Any]) -> Read:
    bits = next((bits for kind, bits in INTEGER_BITS.items() if isinstance(type_, kind)), 32)
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def read(value: Any) -> int:
        number = value if type(value) is int else _whole(value)
        if not least <= number <= most:
            raise Unfit(f"is out of range for {bits} bits: {quoted(value)}")
        return number

    return read


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float | Decimal):
        if not Decimal(value).is_finite() or value != int(value):
            raise Unfit(f"is not a whole number: {quoted(value)}")
        return int(value)
    if not isinstance(value, str):
        raise Unfit(f"is {type(value).__name__}, not a number: {quoted(value)}")
    if value.isascii() and value.isdigit():
        return int(value)
    if re.search(r"\d[.,]\d{1,2}(?!\d)", value):
        raise Unfit(f"is not a whole number: {quoted(value)}")
    found = NUMBER.findall(value)
    if len(found) != 1:
        raise Unfit(f"has {'no number' if not found else 'more than one number'}: {quoted(value)}")
    return int(re.sub(r"[^\d-]", "", found[0].replace("−", "-")))


ROOM = Context(prec=200)  # for any column; Python's own 28 digits are fewer than a DECIMAL(38) has


def decimal_reader(type_: Numeric[Any], _hints: dict[str, Any]) -> Read:
    scale = type_.scale if type_.scale is not None else 10
    before_point = (type_.precision if type_.precision is not None else 38) - scale
    unit = Decimal(1).scaleb(-scale)

    def read(value: Any) -> Decimal:
        number = _decimal(value)
        if number != 0 and number.adjusted() + 1 > before_point:
            raise Unfit(f"has more than {before_point} digits before the point: {quoted(value)}")
        held = number.quantize(unit, context=ROOM)
        if held != number:
            raise Unfit(f"has more than {scale} decimal places: {quoted(value)}")
        return held

    return read


# The commonest prices, which mean one thing only: 51.77, £51.77, $1,051.77.
PLAIN_PRICE = re.compile(r"[$£€¥]?((?:\d+|\d{1,3}(?:,\d{3})+)\.\d\d)", re.ASCII)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise Unfit(f"is bool, not a number: {value}")
    if isinstance(value, int | float | Decimal):
        # A float by its shortest spelling: 51.77, not 51.770000000000003126...
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if not number.is_finite():
            raise Unfit(f"is not a number: {value}")
        return number
    if not isinstance(value, str):
        raise Unfit(f"is {type(value).__name__}, not a number: {quoted(value)}")
    if plain := PLAIN_PRICE.fullmatch(value):
        return Decimal(plain[1].replace(",", ""))
    try:
        number = Decimal(value)  # a plain number needs no parser of prices, and keeps its sign and exponent
    except InvalidOperation:
        price = Price.fromstring(value)
        amount = price.amount
        if amount is None:
            raise Unfit(f"has no number: {quoted(value)}") from None
        if re.search(r"\d", value.replace(price.amount_text or "", "", 1)):
            raise Unfit(f"has more than one number: {quoted(value)}") from None
        # The parser reads "-£5.00" as 5; a sign right before the figures, or before their currency, is ours to see.
        before = re.split(r"\d", value.replace("−", "-"), maxsplit=1)[0]
        return -amount if re.search(r"-\s*[^\w\s]?\s*$", before) else amount
    if not number.is_finite():
        raise Unfit(f"is not a number: {quoted(value)}")
    return number


def float_reader(_type: Float[Any], _hints: dict[str, Any]) -> Read:
    return lambda value: float(_decimal(value))


WORDS_FOR_TRUE = frozenset({"true", "yes", "y", "on", "1"})
WORDS_FOR_FALSE = frozenset({"false", "no", "n", "off", "0"})


def boolean_reader(_type: Boolean, _hints: dict[str, Any]) -> Read:
    def read(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).casefold()
        if word in WORDS_FOR_TRUE:
            return True
        if word in WORDS_FOR_FALSE:
            return False
        raise Unfit(f"is neither yes nor no: {quoted(value)}")

    return read


def date_reader(_type: Date, hints: dict[str, Any]) -> Read:
    def read(value: Any) -> date:
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                return _moment(value, hints).date()
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        raise Unfit(f"is {type(value).__name__}, not a date: {quoted(value)}")

    return read


def moment_reader(_type: DateTime, hints: dict[str, Any]) -> Read:
    zone = ZoneInfo(hints.get("timezone", "UTC"))

    def read(value: Any) -> datetime:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = _moment(value, hints)
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if not isinstance(value, datetime):
            raise Unfit(f"is {type(value).__name__}, not a date and time: {quoted(value)}")
        moment: datetime = value
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise Unfit(f"is out of range: {quoted(value)}") from None

    return read


def _moment(text: str, hints: dict[str, Any]) -> datetime:
    moment = _parse_moment(text, tuple(hints.get("languages", ("en",))), hints.get("date_order"))
    if moment is None:
        raise Unfit(f"is not a date with day, month and year: {quoted(text)}")
    return moment


@lru_cache(maxsize=4096)  # reading a date in words takes a millisecond, and a site repeats them
def _parse_moment(text: str, languages: tuple[str, ...], order: str | None) -> datetime | None:
    settings: dict[str, Any] = {"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
    if order:
        settings["DATE_ORDER"] = order
    return dateparser.parse(text, languages=list(languages), settings=settings)


def json_reader(_type: JSON, _hints: dict[str, Any]) -> Read:
    def read(value: Any) -> Any:
        try:
            encoded = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise Unfit(f"cannot be JSON: {error}") from None
        if "\\u0000" in encoded:
            raise Unfit("has a NUL character")
        return value

    return read


def text_short_cut(read: Read, type_: String) -> Read:
    """Most text needs no more than a look; the rest takes the long way, to the same end."""
    length = type_.length if type_.length is not None else sys.maxsize

    def read_text(value: Any) -> Any:
        if type(value) is str and value.isascii() and "\x00" not in value:
            text = value.strip()
            if 0 < len(text) <= length:
                return text
        return read(value)

    return read_text


def recall(read: Read, _type: TypeEngine[Any]) -> Read:
    """Remember what short texts mean: a site says its prices and days again and again."""
    remembered = lru_cache(maxsize=1024)(read)

    def read_or_recall(value: Any) -> Any:
        # Of the type itself: True is equal to 1, and is none.
        return remembered(value) if type(value) is str and len(value) <= 40 else read(value)

    return read_or_recall


# What is quicker, and gives the same. In the order of READERS.
SHORT_CUTS: list[tuple[type[TypeEngine[Any]], Callable[..., Read] | None]] = [
    (Enum, None),
    (String, text_short_cut),
    (Boolean, None),
    (Integer, recall),
    (Numeric, recall),
    (DateTime, recall),
    (Date, recall),
]

# Order matters: Enum is a String, Float is a Numeric, DateTime is asked before Date.
READERS: list[tuple[type[TypeEngine[Any]], Callable[..., Read]]] = [
    (Enum, choice_reader),
    (String, text_reader),
    (Boolean, boolean_reader),
    (Integer, integer_reader),
    (Float, float_reader),
    (Numeric, decimal_reader),
    (DateTime, moment_reader),
    (Date, date_reader),
    (JSON, json_reader),
]
