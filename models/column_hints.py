"""The hints in a column's ``info``: how the site writes the column's values. docs/values.md explains each of them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, Enum, Integer, Interval, Numeric, TypeDecorator
from sqlalchemy.types import TypeEngine

NUMBERS = (Integer, Numeric)
ORDERS = ("DMY", "MDY", "YMD")
YEARS = (1000, 3000)  # the least and the greatest year of years_from
UNITS = ("seconds", "minutes", "hours", "days", "weeks")


class Hint(NamedTuple):
    """A key of ``info``: the column types that it is for, a check of its value, and a description of valid values.

    ``schema`` is the JSON Schema of its values, for editors of YAML sites.
    """

    types: tuple[type[TypeEngine[Any]], ...]
    is_valid: Callable[[Any], bool]
    values: str
    schema: Mapping[str, Any]


def _choice(types: tuple[type[TypeEngine[Any]], ...], choices: Sequence[Any], values: str = "") -> Hint:
    """Return a hint whose value is one of the choices."""
    return Hint(
        types,
        lambda value: any(type(value) is type(one) and value == one for one in choices),
        values or " or ".join(f'"{one}"' for one in choices),
        {"enum": list(choices)},
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    # An int may be too large for isfinite().
    return isinstance(value, int) or (isinstance(value, float | Decimal) and math.isfinite(value))


def _is_scale(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(word, str) and word.strip() and _is_number(factor) for word, factor in value.items()
    )


def _is_words(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(word, str) and word.strip() for word in value)


def _is_zone(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ZoneInfo(value))
    except (KeyError, ValueError, OSError):  # KeyError: no zone has that name
        return False


def _is_languages(value: Any) -> bool:
    # Imported here because it takes a quarter of a second and few models need it.
    from dateparser.data.languages_info import language_order  # noqa: PLC0415

    return isinstance(value, list | tuple) and bool(value) and all(one in language_order for one in value)


HINTS: Mapping[str, Hint] = {
    "tracked": _choice((TypeEngine,), (True, False), "True or False"),
    "decimal": _choice(NUMBERS, (".", ",")),
    "group": _choice(NUMBERS, (" ",)),
    "scale": Hint(
        NUMBERS,
        _is_scale,
        'what each word multiplies by: {"k": 1000}',
        {"type": "object", "additionalProperties": {"type": "number"}},
    ),
    "words": Hint(
        (*NUMBERS, Date, DateTime, Boolean, Enum),
        _is_words,
        'the value of each text, or None for no value: {"free": 0, "on request": None}',
        {"type": "object", "additionalProperties": {"type": ["number", "boolean", "string", "null"]}},
    ),
    "percent": _choice(NUMBERS, ("points", "fraction"), '"points" (12 % is 12) or "fraction" (12 % is 0.12)'),
    "accounting": _choice(NUMBERS, (True, False), "True or False"),
    "languages": Hint(
        (Date, DateTime),
        _is_languages,
        'codes of languages that dateparser knows: ["de", "fr"]',
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
    ),
    "date_order": _choice((Date, DateTime), ORDERS),
    "years_from": Hint(
        (Date, DateTime),
        lambda year: type(year) is int and YEARS[0] <= year <= YEARS[1],
        "a year: 1970 is for 1970 to 2069",
        {"type": "integer", "minimum": YEARS[0], "maximum": YEARS[1]},
    ),
    "timezone": Hint((DateTime,), _is_zone, 'a time zone: "Europe/London"', {"type": "string"}),
    "fold": _choice((DateTime,), (0, 1), "0 (the first time that a clock shows an hour) or 1 (the second)"),
    "unit": _choice((Interval,), UNITS),
    "clock": _choice((Interval,), ("H:M", "M:S")),
}


def hint_error(column: Column[Any]) -> str | None:
    """Return the error of a hint in the column's ``info`` and what to write instead; None if all hints are valid."""
    type_ = column.type
    if isinstance(type_, ARRAY):
        type_ = type_.item_type
    if isinstance(type_, TypeDecorator) and not isinstance(type_, Interval):
        type_ = type_.impl_instance
    for key, value in column.info.items():
        hint = HINTS.get(key) if isinstance(key, str) else None
        if hint is None:
            # Other programs may use info too: a key that is similar to none of these keys is theirs.
            if close := difflib.get_close_matches(str(key), HINTS, n=1):
                return f"info has no key {key!r}; did you mean {close[0]!r}?"
            continue
        if not isinstance(type_, hint.types):
            return f"info[{key!r}] does not apply to a column of type {type(column.type).__name__}"
        if not hint.is_valid(value) or (key == "words" and (error := _words_error(type_, value))):
            expected = error if hint.is_valid(value) else hint.values
            return f"info[{key!r}] is {value!r}; it must be {expected}"
    return None


def _words_error(type_: TypeEngine[Any], words: Mapping[str, Any]) -> str:
    """Return what the values of ``words`` must be; an empty text if they are valid. None is: the text is no value."""
    values = [one for one in words.values() if one is not None]
    if isinstance(type_, Date | DateTime):
        return "None for each text: it is no value" if values else ""
    if isinstance(type_, Boolean):
        is_valid, needed = all(isinstance(one, bool) for one in values), "True or False"
    elif isinstance(type_, Enum):
        is_valid, needed = all(one in type_.enums for one in values), "one of the choices"
    else:
        is_valid, needed = all(map(_is_number, values)), "a number"
    return "" if is_valid else f"{needed} for each text, or None (null in YAML) for no value"
