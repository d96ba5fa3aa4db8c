"""Readers for INTEGER, NUMERIC and FLOAT columns. They cut, round and guess nothing."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from typing import Any

from sqlalchemy import BigInteger, Float, Integer, Numeric, SmallInteger

from models.existing.types import RangedInteger
from pipelines.values.decimal_mark import NumberRules
from pipelines.values.invalid_value import Hints, InvalidValue, Reader, quoted
from pipelines.values.number_text import read_number

INTEGER_BITS = {SmallInteger: 16, BigInteger: 64}
ANY_PRECISION = Context(
    prec=200
)  # enough for any column; Python's default of 28 digits is less than a DECIMAL(38)

# The most common prices, which are never ambiguous: 51.77, £51.77, $1,051.77.
PLAIN_PRICE = re.compile(r"[$£€¥]?((?:\d+|[1-9]\d{0,2}(?:,\d{3})+)\.\d\d)", re.ASCII)


def integer_reader(type_: Integer, hints: Hints) -> Reader:
    """Return a reader for whole numbers within the range of the type."""

    if isinstance(type_, RangedInteger):
        least, most, limits = type_.least, type_.most, f"{type_.least} to {type_.most}"
    else:
        bits = next((bits for kind, bits in INTEGER_BITS.items() if isinstance(type_, kind)), 32)
        least, most, limits = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, f"{bits} bits"
    rules = NumberRules.of(hints, decimals=0)

    def read(value: Any) -> int:
        number = value if type(value) is int else _whole(value, rules)
        if not least <= number <= most:
            raise InvalidValue(f"is out of range for {limits}: {quoted(value)}")
        return number

    return read


def _whole(value: Any, rules: NumberRules) -> int:
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 40 and not rules.words:
        return int(value)
    number = _decimal(value, rules)
    if number and number.adjusted() > 40:
        raise InvalidValue(f"is out of range: {quoted(value)}")
    if number != number.to_integral_value(context=ANY_PRECISION):
        raise InvalidValue(f"is not a whole number: {quoted(value)}")
    return int(number)


def decimal_reader(type_: Numeric[Any], hints: Hints) -> Reader:
    """Return a reader for exact numbers within the digits of the type."""

    scale = type_.scale if type_.scale is not None else 10
    before_point = (type_.precision if type_.precision is not None else 38) - scale
    unit = Decimal(1).scaleb(-scale)
    rules = NumberRules.of(hints, decimals=scale)

    def read(value: Any) -> Decimal:
        number = _decimal(value, rules)
        if number != 0 and number.adjusted() + 1 > before_point:
            raise InvalidValue(f"has more than {before_point} digits before the point: {quoted(value)}")
        converted = number.quantize(unit, context=ANY_PRECISION)
        if converted != number:
            raise InvalidValue(f"has more than {scale} decimal places: {quoted(value)}")
        return converted

    return read


def float_reader(_type: Float[Any], hints: Hints) -> Reader:
    """Return a reader for floating-point numbers."""

    rules = NumberRules.of(hints, decimals=None)

    def read(value: Any) -> float:
        number = float(_decimal(value, rules))
        if not math.isfinite(number):
            raise InvalidValue(f"is out of range for a floating-point number: {quoted(value)}")
        return number

    return read


def _decimal(value: Any, rules: NumberRules) -> Decimal:
    """Return the exact number.

    Raises:
        InvalidValue: the value is not a number.
    """
    if isinstance(value, bool):
        raise InvalidValue(f"is bool, not a number: {value}")
    if isinstance(value, int | float | Decimal):
        # A float by its shortest text: 51.77, not 51.770000000000003126...
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    elif isinstance(value, str):
        number = _number_in(value, rules)
    else:
        raise InvalidValue(f"is {type(value).__name__}, not a number: {quoted(value)}")
    if not number.is_finite():
        raise InvalidValue(f"is not a number: {quoted(value)}")
    return number


def _number_in(text: str, rules: NumberRules) -> Decimal:
    if rules.decimal != "," and not rules.words and (plain := PLAIN_PRICE.fullmatch(text)):
        return Decimal(plain[1].replace(",", ""))
    try:
        return Decimal(str(read_number(text, rules)))
    except InvalidValue as invalid:
        raise InvalidValue(f"{invalid}: {quoted(text)}") from None
