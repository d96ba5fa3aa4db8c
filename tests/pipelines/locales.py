"""Numbers and dates in the formats of all locales of CLDR: which are read, refused or read wrongly.

``python -m tests.pipelines.locales --count N`` tries N values in each locale and prints the shares.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from babel import Locale, localedata
from babel.dates import format_date, format_datetime
from babel.numbers import (
    format_compact_currency,
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
    get_decimal_symbol,
)
from dateparser.data.languages_info import language_order
from sqlalchemy import Column, Date, Float, Integer, Numeric

from models.types import UtcDateTime
from pipelines.values.coerce import coerce
from pipelines.values.invalid_value import InvalidValue

PRICE, WEIGHT, COUNT, SHARE = Numeric(14, 2), Numeric(14, 3), Integer(), Float()
CURRENCIES = ("EUR", "USD", "JPY", "CHF", "INR", "KWD", "PLN", "SEK", "VND")
DATE_STYLES = ("short", "medium", "long", "full")


class Outcome(NamedTuple):
    kind: str
    locale: str
    text: str
    outcome: str  # read, refused, wrong
    converted: Any


def locales() -> list[Locale]:
    return [Locale.parse(identifier) for identifier in localedata.locale_identifiers()]


def outcomes(locale: Locale, rng: random.Random, count: int, hinted: bool = False) -> Iterator[Outcome]:
    """Yield the outcomes of ``count`` numbers and dates in each format of the locale.

    Args:
        hinted: the columns have the hint for the decimal mark.
    """
    hints = {"decimal": get_decimal_symbol(locale)} if hinted else {}
    for _ in range(count):
        yield from _numbers(locale, rng, hints)
        yield from _dates(locale, rng)


def _numbers(locale: Locale, rng: random.Random, hints: dict[str, Any]) -> Iterator[Outcome]:
    size = 10 ** rng.randint(1, 8)
    whole = rng.choice((rng.randrange(size), rng.randrange(1, 900) * 1000)) * rng.choice((1, 1, 1, -1))
    price = Decimal(whole) + Decimal(rng.randrange(100)) / 100 * (1 if whole >= 0 else -1)
    weight = Decimal(rng.randrange(1_000_000)) / 1000
    ways: list[tuple[str, Any, Callable[[], str]]] = [
        ("whole", whole, lambda: format_decimal(whole, locale=locale)),
        ("price", price, lambda: format_decimal(price, "#,##0.00", locale=locale)),
        ("weight", weight, lambda: format_decimal(weight, "#,##0.000", locale=locale)),
        ("percent", None, lambda: format_percent(Decimal(whole) / 100, locale=locale)),
        ("short", None, lambda: format_compact_decimal(abs(whole) + 1000, locale=locale, fraction_digits=1)),
        (
            "short in words",
            None,
            lambda: format_compact_decimal(abs(whole) + 1000, format_type="long", locale=locale),
        ),
    ]
    for currency in {*rng.sample(CURRENCIES, 2), "EUR", "USD"}:
        amount = whole if currency in ("JPY", "VND") else price
        ways.append((currency, amount, lambda c=currency, a=amount: format_currency(a, c, locale=locale)))
    ways.append(
        ("accounting", price, lambda: format_currency(price, "EUR", locale=locale, format_type="accounting"))
    )
    ways.append(("short EUR", None, lambda: format_compact_currency(abs(whole) + 1000, "EUR", locale=locale)))
    for kind, value, write in ways:
        try:
            text = write()
        except (KeyError, ValueError, IndexError, AttributeError):
            continue  # not every locale has every format
        if kind.startswith("short") and not is_short(text):
            continue  # the locale has no short form
        for type_ in (PRICE, WEIGHT, COUNT, SHARE):
            if type_ is COUNT and value is not None and (value % 1 or kind == "weight"):
                continue  # a number for a column of whole numbers has no decimals
            if type_ is PRICE and kind in ("weight", "KWD"):
                continue  # the column has fewer than three decimals
            yield Outcome(kind, str(locale), text, *_outcome(text, value, Column("n", type_, info=hints)))


def is_short(text: str) -> bool:
    """Return whether the text is too short for a number above one thousand."""
    return len([c for c in text if c.isdecimal()]) < 4


def _dates(locale: Locale, rng: random.Random) -> Iterator[Outcome]:
    day = date(1970, 1, 1) + timedelta(days=rng.randrange(365 * 70))
    instant = datetime.combine(day, datetime.min.time(), UTC) + timedelta(seconds=rng.randrange(86400))
    if locale.language not in LANGUAGES:
        return
    languages = [locale.language]
    hints: dict[str, Any] = {"languages": languages}
    for style in DATE_STYLES:
        text = format_date(day, style, locale)
        yield Outcome(
            f"date {style}", str(locale), text, *_outcome(text, day, Column("d", Date(), info=hints))
        )
        text = format_datetime(instant, style, locale=locale)
        converted = _outcome(text, instant, Column("d", UtcDateTime(), info=hints))
        yield Outcome(f"instant {style}", str(locale), text, *converted)


LANGUAGES = frozenset(language_order)


def _outcome(text: str, value: Any, column: Column[Any]) -> tuple[str, Any]:
    try:
        converted = coerce(text, column)
    except InvalidValue as invalid:
        return "refused", str(invalid)
    if isinstance(value, datetime) and isinstance(converted, datetime):  # not every style has seconds
        same = converted in (value, value.replace(second=0))
    else:
        same = converted == (float(value) if isinstance(converted, float) and value is not None else value)
    return ("read" if same else "wrong"), converted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, counts = random.Random(options.seed), Counter[tuple[str, str]]()
    shown = Counter[str]()
    for locale in locales():
        for one in outcomes(locale, rng, options.count):
            counts[one.kind, one.outcome] += 1
            if one.outcome == "wrong" and (shown := shown + Counter([one.kind]))[one.kind] < 12:
                print(one)
    for kind in dict.fromkeys(kind for kind, _ in counts):
        read, refused, wrong = (counts[kind, outcome] for outcome in ("read", "refused", "wrong"))
        print(f"{kind:16} read {read / (read + refused + wrong):6.1%}   refused {refused:7}   wrong {wrong}")


if __name__ == "__main__":
    main()
