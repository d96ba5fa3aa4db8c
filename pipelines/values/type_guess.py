"""The type of a column whose texts are known: the narrowest one that reads them all, by the rules of the validator."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, time
from typing import Any

from sqlalchemy import Boolean, Column, Date, Numeric
from sqlalchemy.types import TypeEngine

from models.types import ExactNumeric, UtcDateTime
from pipelines.values.coerce import coerce
from pipelines.values.date_language import date_language
from pipelines.values.invalid_value import InvalidValue

MOST = 200  # texts that are read
MOST_DIGITS = 9  # of a whole number: more are an identifier, if all have as many
_CURRENCY = (
    r"AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KES|KRW|KWD|MAD|MXN|MYR|"
    r"NGN|NOK|NZD|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR|"
    r"(?:HK|NZ|US|[ACRS])\$|Fr\.?|Ft|Kč|Rs\.?|R|kr\.?|lei|zł"
)
# How a text with a number begins. Other words before it make it text: "Bug 1", "Run 3".
AMOUNT = re.compile(rf"[-+−(]?\s*(?:(?:{_CURRENCY})(?![^\W\d_])|[$£€¥₹₩₪₱฿₦₽₺₫])?\s*[-+−]?\.?\d")
YES_NO = frozenset(("true", "false", "yes", "no"))
TIME = re.compile(r"\d[:.h]\d\d|\d\s?[ap]\.?m\b|\dT\d", re.IGNORECASE)


def type_of(samples: Sequence[str]) -> str:
    """Return "int", "Decimal", "bool", "date" or "datetime" if a column of the type accepts all texts, else "str".

    For dates whose months have names of another language than English, the language follows: "date de".

    A text with words before its number, such as "Chapter 2", and an identifier such as "007" are text.
    """
    texts = list(dict.fromkeys(text.strip() for text in samples[:MOST] if text.strip()))
    if not texts:
        return "str"
    if all(text.casefold() in YES_NO for text in texts) and _read_all(texts, Boolean()):
        return "bool"
    if all(AMOUNT.match(text) for text in texts) and not _are_identifiers(texts) and _have_one_unit(texts):
        if not any(re.search(r"\d[.,]\d{1,2}(?!\d)", text) for text in texts) and _read_all(
            texts, Numeric(18, 0)
        ):
            return "int"
        if _read_all(texts, ExactNumeric(18, 2)) or _read_all(texts, ExactNumeric(30, 12)):
            return "Decimal"
    if not all(any(char.isdigit() for char in text) for text in texts):
        return "str"
    if not any(TIME.search(text) for text in texts) and _read_all(texts, Date()):
        return "date"
    if datetimes := _read_all(texts, UtcDateTime()):
        return (
            "date"
            if all(one.astimezone(UTC).time() == time() for one in datetimes) and len(texts) > 1
            else "datetime"
        )
    has_time = any(TIME.search(text) for text in texts)
    if language := date_language(texts, UtcDateTime() if has_time else Date()):
        return f"{'datetime' if has_time else 'date'} {language}"
    return "str"


def _read_all(texts: Sequence[str], type_: TypeEngine[Any]) -> list[Any]:
    """Return the values that a column of the type has for the texts; [] if it refuses one."""
    column: Column[Any] = Column("guess", type_, nullable=False)
    try:
        return [coerce(text, column) for text in texts]
    except InvalidValue:
        return []


def _are_identifiers(texts: Sequence[str]) -> bool:
    """Return whether the texts are digits that count nothing: with zeros before them, or long and of one length."""
    if not all(text.isdecimal() for text in texts):
        return False
    lengths = {len(text) for text in texts}
    return any(len(text) > 1 and text[0] == "0" for text in texts) or (
        len(lengths) == 1 and max(lengths) > MOST_DIGITS
    )


def _have_one_unit(texts: Sequence[str]) -> bool:
    """Return whether the words beside the numbers are the same in all texts that have some."""
    words = {re.sub(r"[^a-z]+", " ", text.casefold()).strip().removesuffix("s") for text in texts}
    return len(words - {""}) <= 1
