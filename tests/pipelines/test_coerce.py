"""The readers convert or refuse a value; they cut, round and guess nothing."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Column,
    Date,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    SmallInteger,
    Time,
    Uuid,
)

from crawler.page.item_json import plain_item
from models import Book, Order
from models.types import ExactNumeric, UtcDateTime
from pipelines.values import coerce as coercion
from pipelines.values.coerce import coerce, reader
from pipelines.values.invalid_value import InvalidValue, Reader

PRICE, STOCK, PUBLISHED, TITLE = (Book.fields()[name] for name in ("price", "stock", "published", "title"))
NOTHING = Column("description", Book.fields()["description"].type, nullable=True)


@pytest.mark.parametrize(
    ("scraped", "expected"),
    [
        ("£51.77", "51.77"),
        ("£1,051.77", "1051.77"),
        ("1.234,50 €", "1234.50"),
        ("1 234,50 kr", "1234.50"),
        ("-£5.00", "-5.00"),
        ("£-5.00", "-5.00"),
        ("−1,5 €", "-1.50"),
        ("1e3", "1000.00"),
        (51.77, "51.77"),
        (3, "3.00"),
        (Decimal("1.50"), "1.50"),
    ],
)
def test_prices_are_read_in_common_formats(scraped: Any, expected: str) -> None:
    assert coerce(scraped, PRICE) == Decimal(expected)


@pytest.mark.parametrize(
    ("scraped", "why"),
    [
        ("call us", "has no number"),
        ("£12.50 was £20.00", "more than one number"),
        ("0.333", "more than 2 decimal places"),
        (0.1 + 0.2, "more than 2 decimal places"),
        ("100000000", "more than 8 digits before the point"),
        ("1e999999", "digits before the point"),
        ("NaN", "not a number"),
        (float("inf"), "not a number"),
        (True, "bool"),
        (["5"], "list"),
        ("", "missing"),
        (None, "missing"),
        ("5\x00", "NUL"),
    ],
)
def test_a_text_without_a_price_is_refused_with_a_reason(scraped: Any, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        coerce(scraped, PRICE)


@pytest.mark.parametrize(
    ("scraped", "expected"),
    [("In stock (22 available)", 22), ("1,234", 1234), ("1 000", 1000), (7.0, 7), ("-3", -3), (True, 1)],
)
def test_a_whole_number_is_found_in_a_sentence(scraped: Any, expected: int) -> None:
    assert coerce(scraped, STOCK) == expected


@pytest.mark.parametrize("scraped", ["Out of stock", "3 of 5", "3.5", 2.5, "99999999999", float("nan"), {}])
def test_an_ambiguous_whole_number_is_refused(scraped: Any) -> None:
    with pytest.raises(InvalidValue):
        coerce(scraped, STOCK)


def test_a_small_integer_has_its_own_bounds() -> None:
    with pytest.raises(InvalidValue, match="16 bits"):
        coerce("40000", Column("n", SmallInteger()))


@pytest.mark.parametrize(
    "scraped", ["3 May 2019", "2019-05-03", "May 3, 2019", date(2019, 5, 3), "2019-05-03T10:00:00Z"]
)
def test_dates_are_read_in_words_and_digits(scraped: Any) -> None:
    assert coerce(scraped, PUBLISHED) == date(2019, 5, 3)


@pytest.mark.parametrize("scraped", ["May 2019", "31 Feb 2020", "soon", 5])
def test_an_incomplete_date_is_refused(scraped: Any) -> None:
    with pytest.raises(InvalidValue):
        coerce(scraped, PUBLISHED)


def test_the_hints_of_a_column_decide_how_its_dates_are_read() -> None:
    british = Column("day", Date(), info={"date_order": "DMY"})
    german = Column("day", Date(), info={"languages": ["de"]})
    assert coerce("03/04/2019", british) == date(2019, 4, 3)
    assert coerce("3. Mai 2019", german) == date(2019, 5, 3)


def test_a_datetime_without_a_time_zone_is_in_that_of_the_column() -> None:
    london = Column("at", UtcDateTime(), info={"timezone": "Europe/London"})
    assert coerce("2026-07-01 10:15", london) == datetime(2026, 7, 1, 9, 15, tzinfo=UTC)
    assert coerce("2026-07-01 10:15", Order.fields()["placed_at"]) == datetime(2026, 7, 1, 10, 15, tzinfo=UTC)


def test_text_loses_only_the_space_around_it() -> None:
    assert coerce("  Zoë & “漢字” 👩‍👩‍👧\n", TITLE) == "Zoë & “漢字” 👩‍👩‍👧"
    assert coerce("😀" * 200, TITLE) == "😀" * 200


@pytest.mark.parametrize(
    ("scraped", "why"),
    [("x" * 201, "at most 200"), ("\ud800", "surrogate"), ("a\x00b", "NUL"), (b"x", "bytes"), ([], "list")],
)
def test_text_that_a_database_cuts_or_refuses_is_refused_by_the_validator(scraped: Any, why: str) -> None:
    with pytest.raises(InvalidValue, match=why):
        coerce(scraped, TITLE)


def test_blank_text_becomes_none() -> None:
    assert coerce(" \n ", NOTHING) is None


def test_choices_are_matched_without_regard_to_case() -> None:
    assert coerce("Shipped", Order.fields()["status"]) == "shipped"
    with pytest.raises(InvalidValue, match="none of pending, paid"):
        coerce("lost", Order.fields()["status"])


class Condition(enum.Enum):
    NEW = "as new"
    USED = "with traces of use"


def test_a_choice_of_an_enum_class_is_found_by_its_name_or_value() -> None:
    column = Column("condition", Enum(Condition))
    assert [coerce(scraped, column) for scraped in ("new", "As New", Condition.USED)] == [
        "NEW",
        "NEW",
        "USED",
    ]
    with pytest.raises(InvalidValue, match="none of NEW, USED"):
        coerce("broken", column)


def test_choices_that_differ_only_in_case_are_different() -> None:
    column = Column("size", Enum("m", "M", "xl"))
    assert [coerce(scraped, column) for scraped in ("m", "M", "XL")] == ["m", "M", "xl"]
    twins = Column("size", Enum("Abc", "aBc"))
    with pytest.raises(InvalidValue, match="none of Abc, aBc"):
        coerce("abc", twins)


def test_each_value_of_a_list_is_read() -> None:
    column = Column("prices", ARRAY(ExactNumeric(10, 2)), info={"decimal": ","})
    assert coerce(["1.234,50 €", None, 3], column) == [Decimal("1234.50"), None, Decimal("3.00")]
    with pytest.raises(InvalidValue, match=r"\[1\] has no number"):
        coerce(["1", "call us"], column)
    with pytest.raises(InvalidValue, match="is str, not a list"):
        coerce("1, 2", column)


def test_a_sum_keeps_all_its_digits() -> None:
    long = Column("n", ExactNumeric(38, 3), info={"scale": {"k": 1000}})
    assert coerce("−12345678901234567890.123 €", long) == Decimal("-12345678901234567890.123")
    assert coerce("12345678901234567890.123456k", long) == Decimal("12345678901234567890123.456")


@pytest.mark.parametrize("mark", [",", "."])
def test_a_decimal_of_a_rejected_item_is_replayed_unchanged(mark: str) -> None:
    weight = Column("n", ExactNumeric(10, 3), info={"decimal": mark})
    kept = plain_item({"n": Decimal("12.500"), "of": [{"n": Decimal("-1.250")}]})
    assert coerce(kept["n"], weight) == Decimal("12.500")
    assert coerce(kept["of"][0]["n"], weight) == Decimal("-1.250")


def test_yes_and_no_are_read_in_many_forms() -> None:
    flag = Column("flag", Boolean(), nullable=False)
    assert [coerce(scraped, flag) for scraped in ("Yes", "0", True, "on")] == [True, False, True, True]
    with pytest.raises(InvalidValue):
        coerce("maybe", flag)


def test_json_is_accepted_if_it_can_be_stored() -> None:
    column = Column("data", JSON())
    assert coerce({"a": [1, None]}, column) == {"a": [1, None]}
    for scraped in (float("nan"), {1, 2}, {"a": "\x00"}):
        with pytest.raises(InvalidValue):
            coerce(scraped, column)


def test_a_long_number_keeps_all_its_digits() -> None:
    assert coerce("12345678901234567890.123", Column("n", ExactNumeric(38, 3))) == Decimal(
        "12345678901234567890.123"
    )
    assert coerce("1.5", Column("n", Float())) == 1.5


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.text(alphabet="0123456789.,-+ £€eE_٣"),
    st.text(alphabet="0129.,'’-−– \u00a0\u202f/:%()½²$kM万GMTamp"),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
)


OTHERS = [
    Column("n", Float()),
    Column("n", Time()),
    Column("n", Interval()),
    Column("n", Uuid()),
    Column("n", LargeBinary()),
    Column("n", ARRAY(Integer())),
    Column("n", ExactNumeric(38, 3), info={"decimal": ",", "accounting": True, "percent": "fraction"}),
    Column("n", Date(), info={"languages": ["de", "th"], "date_order": "DMY", "years_from": 1970}),
    Column("n", UtcDateTime(), info={"timezone": "Europe/London", "fold": 1}),
]


@given(scraped=ANYTHING)
def test_every_value_is_converted_or_refused_with_a_reason(scraped: Any) -> None:
    for column in [*Book.fields().values(), *Order.fields().values(), *OTHERS]:
        try:
            expected = coerce(scraped, column)
        except InvalidValue as invalid:
            assert str(invalid)
            assert "\n" not in str(invalid)
        else:
            assert expected is None or isinstance(expected, column.type.python_type)


SCRAPED = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="0123456789.,-£ \x00\n", max_size=8),
    st.sampled_from(["1", " 1 ", "True", "2024-05-03", "3 May 2024", "\ud800", "£1,051.77"]),
    st.integers(),
    st.booleans(),
    st.floats(),
    st.none(),
)


@given(st.lists(SCRAPED, max_size=4))
def test_a_fast_reader_returns_the_value_of_the_slow_one(scraped: list[Any]) -> None:
    def outcome(read: Reader, value: Any) -> tuple[Any, ...]:
        try:
            expected = read(value)
        except InvalidValue as invalid:
            return ("invalid", str(invalid))
        return (type(expected), expected)

    for column in (
        PRICE,
        STOCK,
        PUBLISHED,
        TITLE,
        NOTHING,
        Order.fields()["placed_at"],
        Order.fields()["status"],
    ):
        short = reader(column)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(coercion, "FAST_READERS", [])
            long = reader.__wrapped__(column)
        # Twice, because the second value may come from the cache; and 1 after "1" and True.
        for value in [*scraped, *scraped, 1, True, "1"]:
            assert outcome(short, value) == outcome(long, value)
