"""Reading a date, or a date and time, from a text. An ambiguous text is refused.

docs/values.md has the rules, with examples.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.values.around_date import around_the_date
from pipelines.values.digits import HARD_SPACE, normalize_characters
from pipelines.values.invalid_value import Hints, InvalidValue, hint_text

ISO = re.compile(
    r"(?:\d{4}-\d\d-\d\d|\d{4}-W\d\d-\d|(?:1\d|20|21)\d{6})"
    r"(?:[Tt ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)? ?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?"
)
FIGURES = re.compile(
    r"(?<![\d.,:/-])(?P<first>\d{1,4})(?P<mark> ?[./-] ?| )(?P<second>\d{1,2})(?P=mark)(?P<third>\d{1,4})"
    r"(?![\d/-]|[.,:]\d)"
)
# "3 May 2019", "May 3, 2019". Groups: day, month, year; or month, day, year.
PLAIN_ENGLISH = re.compile(
    r"(\d{1,2}) ([A-Za-z]{3,9}),? ([12]\d{3})|([A-Za-z]{3,9}) (\d{1,2}),? ([12]\d{3})", re.ASCII
)
FIGURES_WITH_WORDS = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日号號일]")
CLOCK = re.compile(
    r"(?<!\d)\d{1,2}[:.h]\d\d(?:[:.]\d\d(?:[.,]\d+)?)?(?!\d)|(?<!\d)\d{1,2} ?[ap]\.?m\b\.?", re.IGNORECASE
)
OFFSET = re.compile(r"(?:UTC|GMT)? ?[+-]\d\d:?\d\d\b")
ZONE_NAME = re.compile(r"(?<=[\d\s(])(?!UTC|GMT|AM\b|PM\b|Z\b)([A-Z]{2,5})\)?$")
# Abbreviations of several time zones.
ZONES_WITH_TWO_MEANINGS = frozenset(
    ("ACT", "ADT", "AMT", "AST", "BST", "CST", "ECT", "GST", "IST", "SST", "TMT", "WST")
)
# Years of other calendars.
OTHER_YEARS = (range(1300, 1500), range(2400, 2700))


@dataclass(frozen=True)
class DateRules:
    """The hints of a column for dates."""

    languages: tuple[str, ...] = ("en",)
    date_order: str | None = None
    years_from: int | None = None
    timezone: ZoneInfo | None = None

    @classmethod
    def of(cls, hints: Hints) -> DateRules:
        zone = hints.get("timezone")
        return cls(
            languages=tuple(hints.get("languages", ("en",))),
            date_order=hints.get("date_order"),
            years_from=hints.get("years_from"),
            timezone=ZoneInfo(zone) if zone else None,
        )


def read_date(text: str, rules: DateRules) -> date:
    """Return the date in the text, as the text has it.

    Raises:
        InvalidValue: the text has no date, more than one, an incomplete one, or is ambiguous.
    """
    text = _normalized(text)
    if ISO.fullmatch(text):
        return _iso(text).date()
    if found := _figures_in(text):
        rest = CLOCK.sub(" ", OFFSET.sub(" ", text[: found.start()] + "  " + text[found.end() :]))
        if re.search(r"\d", rest):
            raise InvalidValue("has more numbers than a date")
        return _day_of(found, rules)
    return _in_words(text, rules).date()


def read_datetime(text: str, rules: DateRules) -> datetime:
    """Return the date and time in the text; without a time zone if the text has none. A date alone is its midnight.

    Raises:
        InvalidValue: the text has no date, more than one, an incomplete one, or is ambiguous.
    """
    text = _normalized(text)
    if ISO.fullmatch(text):
        return _iso(text)
    zone = ZONE_NAME.search(text)
    if zone and rules.timezone is not None and CLOCK.search(text):
        parsed = read_datetime(text[: zone.start()], rules)
        for fold in (0, 1):
            local = parsed.replace(tzinfo=rules.timezone, fold=fold)
            if local.tzname() == zone[1]:
                return local
    if zone and zone[1] in ZONES_WITH_TWO_MEANINGS:
        raise InvalidValue(
            f"has a time zone with more than one meaning, {zone[1]}: write {hint_text(timezone='Area/City')}"
        )
    found = _figures_in(text)
    if not found:
        return _in_words(text, rules)
    day = _day_of(found, rules)
    rest = (text[: found.start()] + " " + text[found.end() :]).strip(" ,")
    if not rest:
        return datetime(day.year, day.month, day.day)
    parsed_or_none = _parse(f"{day.isoformat()} {rest}", rules.languages, order="YMD")
    if parsed_or_none is None or parsed_or_none.date() != day or not _has_its_time(parsed_or_none, rest):
        around = around_the_date(text, _names_in(rules.languages), partial(read_datetime, rules=rules))
        raise InvalidValue(around or f"has more than a date and time{_in_another_language(rules)}")
    return parsed_or_none


def _normalized(text: str) -> str:
    if len(text) > 200:
        raise InvalidValue("is too long for a date")
    return " ".join(normalize_characters(text).replace(HARD_SPACE, " ").split())


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper().replace(" Z", "Z"))
    except ValueError as error:
        raise InvalidValue(f"is not a date: {error}") from None


def _figures_in(text: str) -> re.Match[str] | None:
    """Return the match of a date in digits, if the text has one."""
    if found := FIGURES_WITH_WORDS.search(text):
        return found
    found = FIGURES.search(text)
    if found and found["mark"] == " " and re.search(r"[^\W\d_]", text):
        return None  # "May 3 2019 10", a month in words
    return found


def _day_of(found: re.Match[str], rules: DateRules) -> date:
    """Return the date of three numbers.

    Raises:
        InvalidValue: they are no date, or ambiguous.
    """
    first, second, third = (
        found[group] for group in ((1, 2, 3) if found.re is FIGURES_WITH_WORDS else (1, 3, 4))
    )
    mark = "" if found.re is FIGURES_WITH_WORDS else found["mark"].strip()
    if len(first) == 4 and len(third) <= 2:
        return _day(first, second, third, found)
    if len(third) == 4 and len(first) <= 2:
        return _year_last(first, second, third, mark, found, rules)
    if len(first) > 2 or len(third) > 2:
        raise InvalidValue("has no day, month and year")
    if rules.date_order is None or rules.years_from is None:
        hint = hint_text(date_order="DMY", years_from=1970)
        raise InvalidValue(
            "has a year of two digits: write the order of day, month and year, and the first "
            f"possible year, {hint}"
        )
    parts = dict(zip(rules.date_order, (first, second, third), strict=True))
    return _day(str(full_year(int(parts["Y"]), rules.years_from)), parts["M"], parts["D"], found)


def _year_last(first: str, second: str, year: str, mark: str, found: re.Match[str], rules: DateRules) -> date:
    order = rules.date_order if rules.date_order in ("DMY", "MDY") else None
    if order == "DMY":
        return _day(year, second, first, found)
    if order == "MDY":
        return _day(year, first, second, found)
    day_first, month_first = _possible(year, second, first), _possible(year, first, second)
    if mark == ".":
        # In every locale that writes points the day is first.
        if day_first is None and month_first is not None:
            raise InvalidValue(f"has its month before its day: write {hint_text(date_order='MDY')}")
        return _day(year, second, first, found)
    if day_first and month_first and day_first != month_first:
        dmy, mdy = hint_text(date_order="DMY"), hint_text(date_order="MDY")
        raise InvalidValue(f"may be {day_first} or {month_first}: write {dmy} or {mdy} in the column")
    return _day(year, second, first, found) if day_first else _day(year, first, second, found)


def full_year(two_digits: int, first_year: int) -> int:
    """Return the year with these last two digits, among the hundred years from ``first_year``."""
    return first_year + (two_digits - first_year) % 100


def _possible(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _day(year: str, month: str, day: str, found: re.Match[str]) -> date:
    there = _possible(year, month, day)
    if there is None:
        raise InvalidValue("is not a day of the calendar")
    if any(there.year in years for years in OTHER_YEARS):
        raise InvalidValue("has a year of another calendar")
    return there


def _in_words(text: str, rules: DateRules) -> datetime:
    parsed = _parse(text, rules.languages)
    if parsed is None:
        around = around_the_date(text, _names_in(rules.languages), partial(_in_words, rules=rules))
        raise InvalidValue(around or f"is not a date with day, month and year{_in_another_language(rules)}")
    # The parser may take a number for a part that is missing, and ignore a time. So each part is checked.
    if not _has_its_time(parsed, text):
        raise InvalidValue(f"has more than a date and time{_in_another_language(rules)}")
    numbers = re.findall(r"\d+", CLOCK.sub(" ", OFFSET.sub(" ", text)))
    if len(numbers) != 2:
        raise InvalidValue("has more or fewer numbers than a day and a year")
    day, year = sorted(numbers, key=len) if len(numbers[0]) > 2 else numbers
    if len(year) <= 2:
        if rules.years_from is None:
            raise InvalidValue(
                f"has a year of two digits: write the first possible year, {hint_text(years_from=1970)}"
            )
        if int(year) != parsed.year % 100:
            raise InvalidValue("is not a date with day, month and year")
        parsed = _with_year(parsed, full_year(int(year), rules.years_from))
    if (parsed.day, parsed.year) != (int(day), int(year) if len(year) > 2 else parsed.year):
        raise InvalidValue("is not a date with day, month and year")
    if not _has_its_month(text, parsed.month, rules.languages):
        raise InvalidValue("has the name of another month, or of two months")
    if any(parsed.year in years for years in OTHER_YEARS) and rules.languages != ("en",):
        raise InvalidValue("has a year of another calendar")
    return parsed


def _has_its_month(text: str, month: int, languages: tuple[str, ...]) -> bool:
    """Return whether the text names this month. dateparser takes some names for those of other months."""
    text = text.casefold()
    found = [
        months
        for language in languages
        for name, months in month_names().get(language.partition("-")[0], {}).items()
        if name in text
    ]
    return not found or [month] in found


def _names_in(languages: tuple[str, ...]) -> set[str]:
    """Return the names of months in these languages."""
    return {name for language in languages for name in month_names().get(language.partition("-")[0], {})}


@cache
def month_names() -> dict[str, dict[str, list[int]]]:
    """Return CLDR's names of months by language, each with the months that have the name."""
    names: dict[str, dict[str, list[int]]] = json.loads(
        Path(__file__).with_name("months.json").read_text("utf-8")
    )
    return names


def _has_its_time(parsed: datetime, text: str) -> bool:
    """Return whether the parser's result has the hour (of 12) and the minute of the text."""
    clocks = CLOCK.findall(OFFSET.sub(" ", text))
    if not clocks:
        return True
    hour, minute = ([int(part) for part in re.findall(r"\d+", clocks[0])] + [0])[:2]
    return len(clocks) == 1 and (parsed.hour % 12, parsed.minute) == (hour % 12, minute)


def _with_year(parsed: datetime, year: int) -> datetime:
    try:
        return parsed.replace(year=year)
    except ValueError:
        raise InvalidValue("is not a day of the calendar") from None


def _in_another_language(rules: DateRules) -> str:
    return f"; if it is not in {' or '.join(rules.languages)}, write {hint_text(languages=['de'])}, or another language"


def _plain_english(text: str) -> datetime | None:
    """Return what dateparser returns for a date in the usual form; None for every other text.

    dateparser compiles the names of all time zones and months before its first date, which takes 0.2 s of a crawl.
    """
    found = PLAIN_ENGLISH.fullmatch(text)
    if found is None:
        return None
    day, name, year = found.group(1, 2, 3) if found[1] else found.group(5, 4, 6)
    months = month_names()["en"].get(name.casefold(), [])
    try:
        return datetime(int(year), months[0], int(day)) if len(months) == 1 else None
    except ValueError:  # no day of the calendar; dateparser decides
        return None


@lru_cache(maxsize=4096)  # reading a date in words takes a millisecond, and a site repeats them
def _parse(text: str, languages: tuple[str, ...], order: str | None = None) -> datetime | None:
    if languages == ("en",) and order is None and (plain := _plain_english(text)) is not None:
        return plain
    import dateparser  # noqa: PLC0415 - here, because it takes 70 ms and many tables have no dates in words

    settings: dict[str, Any] = {"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
    if order:
        settings["DATE_ORDER"] = order
    try:
        return dateparser.parse(text, languages=list(languages), settings=settings)
    except (ValueError, OverflowError):
        return None
