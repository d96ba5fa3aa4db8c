"""What a page says becomes what a column holds, or is refused with a reason; nothing is cut, rounded or guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import JSON, Boolean, Column, Date, Float, SmallInteger

from models import Book, Order
from models.types import ExactNumeric, UtcDateTime
from pipelines import coerce as coercion
from pipelines.coerce import Unfit, coerce, reader

PRICE, STOCK, PUBLISHED, TITLE = (Book.fields()[name] for name in ("price", "stock", "published", "title"))
NOTHING = Column("description", Book.fields()["description"].type, nullable=True)


@pytest.mark.parametrize(
    ("said", "held"),
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
def test_prices_are_read_as_people_write_them(said: Any, held: str) -> None:
    assert coerce(said, PRICE) == Decimal(held)


@pytest.mark.parametrize(
    ("said", "why"),
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
def test_a_price_that_is_none_is_refused_with_a_reason(said: Any, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        coerce(said, PRICE)


@pytest.mark.parametrize(
    ("said", "held"),
    [("In stock (22 available)", 22), ("1,234", 1234), ("1 000", 1000), (7.0, 7), ("-3", -3), (True, 1)],
)
def test_whole_numbers_are_found_in_their_sentence(said: Any, held: int) -> None:
    assert coerce(said, STOCK) == held


@pytest.mark.parametrize("said", ["Out of stock", "3 of 5", "3.5", 2.5, "99999999999", float("nan"), {}])
def test_a_whole_number_is_never_guessed(said: Any) -> None:
    with pytest.raises(Unfit):
        coerce(said, STOCK)


def test_a_small_integer_has_its_own_bounds() -> None:
    with pytest.raises(Unfit, match="16 bits"):
        coerce("40000", Column("n", SmallInteger()))


@pytest.mark.parametrize(
    "said", ["3 May 2019", "2019-05-03", "May 3, 2019", date(2019, 5, 3), "2019-05-03T10:00:00Z"]
)
def test_dates_are_read_in_words_and_figures(said: Any) -> None:
    assert coerce(said, PUBLISHED) == date(2019, 5, 3)


@pytest.mark.parametrize("said", ["May 2019", "31 Feb 2020", "soon", 5])
def test_half_a_date_is_refused(said: Any) -> None:
    with pytest.raises(Unfit):
        coerce(said, PUBLISHED)


def test_a_columns_hints_say_how_its_dates_are_written() -> None:
    british = Column("day", Date(), info={"date_order": "DMY"})
    german = Column("day", Date(), info={"languages": ["de"]})
    assert coerce("03/04/2019", british) == date(2019, 4, 3)
    assert coerce("3. Mai 2019", german) == date(2019, 5, 3)


def test_a_moment_without_a_zone_is_in_the_columns_zone() -> None:
    london = Column("at", UtcDateTime(), info={"timezone": "Europe/London"})
    assert coerce("2026-07-01 10:15", london) == datetime(2026, 7, 1, 9, 15, tzinfo=UTC)
    assert coerce("2026-07-01 10:15", Order.fields()["placed_at"]) == datetime(2026, 7, 1, 10, 15, tzinfo=UTC)


def test_text_is_kept_as_it_is_but_for_the_space_around_it() -> None:
    assert coerce("  Zoë & “漢字” 👩‍👩‍👧\n", TITLE) == "Zoë & “漢字” 👩‍👩‍👧"
    assert coerce("😀" * 200, TITLE) == "😀" * 200


@pytest.mark.parametrize(
    ("said", "why"),
    [("x" * 201, "200 fit"), ("\ud800", "surrogate"), ("a\x00b", "NUL"), (b"x", "bytes"), ([], "list")],
)
def test_text_that_a_database_would_cut_or_refuse_is_refused_before(said: Any, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        coerce(said, TITLE)


def test_blank_text_is_nothing() -> None:
    assert coerce(" \n ", NOTHING) is None


def test_choices_are_matched_without_regard_to_case() -> None:
    assert coerce("Shipped", Order.fields()["status"]) == "shipped"
    with pytest.raises(Unfit, match="none of pending, paid"):
        coerce("lost", Order.fields()["status"])


def test_yes_and_no_have_many_spellings() -> None:
    flag = Column("flag", Boolean(), nullable=False)
    assert [coerce(said, flag) for said in ("Yes", "0", True, "on")] == [True, False, True, True]
    with pytest.raises(Unfit):
        coerce("maybe", flag)


def test_json_is_kept_if_it_can_be_stored() -> None:
    column = Column("data", JSON())
    assert coerce({"a": [1, None]}, column) == {"a": [1, None]}
    for said in (float("nan"), {1, 2}, {"a": "\x00"}):
        with pytest.raises(Unfit):
            coerce(said, column)


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
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
)


@given(said=ANYTHING)
def test_whatever_a_page_says_it_is_a_value_or_a_reason(said: Any) -> None:
    for model in (Book, Order):
        for column in model.fields().values():
            try:
                held = coerce(said, column)
            except Unfit as unfit:
                assert str(unfit)
                assert "\n" not in str(unfit)
            else:
                assert held is None or isinstance(held, column.type.python_type)


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
def test_a_short_cut_leads_where_the_long_way_does(said: list[Any]) -> None:
    def outcome(read: coercion.Read, value: Any) -> tuple[Any, ...]:
        try:
            held = read(value)
        except Unfit as unfit:
            return ("unfit", str(unfit))
        return (type(held), held)

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
            patch.setattr(coercion, "SHORT_CUTS", [])
            long = reader.__wrapped__(column)
        # Twice, for the second time it may be remembered; and 1 after "1" and True.
        for value in [*said, *said, 1, True, "1"]:
            assert outcome(short, value) == outcome(long, value)
