"""Dates in the usual English form are read without dateparser, with dateparser's result."""

from __future__ import annotations

from datetime import datetime

import dateparser
import pytest

from pipelines.values.date_text import _parse, _plain_english, month_names

MONTHS = {name: months[0] for name, months in month_names()["en"].items() if name.isascii()}
SETTINGS = {"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}


@pytest.mark.parametrize("name", sorted(MONTHS))
@pytest.mark.parametrize(
    "form", ["{day} {month} {year}", "{day} {month}, {year}", "{month} {day}, {year}", "{month} {day} {year}"]
)
def test_a_date_in_words_is_the_one_that_dateparser_reads(form: str, name: str) -> None:
    for day, year in (("1", "1999"), ("03", "2026"), ("12", "2010"), ("28", "2031")):
        for month in (name, name.title(), name.upper()):
            text = form.format(day=day, month=month, year=year)
            expected = datetime(int(year), MONTHS[name], int(day))
            assert _plain_english(text) == expected
            assert dateparser.parse(text, languages=["en"], settings=SETTINGS) == expected, text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "31 February 2020",
        "0 May 2020",
        "3 Mayo 2020",
        "3 May 20",
        "3 May 2020 14:30",
        "May 2020",
        "3 May 9999",
    ],
)
def test_other_texts_are_left_to_dateparser(text: str) -> None:
    assert _plain_english(text) is None


def test_dates_in_other_languages_are_left_to_dateparser() -> None:
    assert _parse("3 March 2020", ("de",)) is None
