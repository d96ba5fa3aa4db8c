"""Upserts write the intended rows on every database, and change no other row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, UniqueConstraint, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from crawler.page.row import ValidRow
from models import Base, Book, Order, Quote, RejectedItem, Review, Row
from models.session import make_engine
from models.types import ExactString
from pipelines.storage import write_table as table_module
from pipelines.storage.write_rows import write_batch
from pipelines.validate import validated
from tests.conftest import service
from tests.pipelines.demo_rows import FIRST, Table, book, quote
from tests.pipelines.runs import Run, page


class Isbn(Row):
    """A table with a second unique key, on which MySQL's upsert matches too."""

    __tablename__ = "test_isbn"
    __table_args__ = (UniqueConstraint("isbn"),)

    sku: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    isbn: Mapped[str] = mapped_column(ExactString(20))


Base.metadata.remove(Isbn.table())  # the test creates the table, no migration does


@pytest.fixture
def table(engine: Engine) -> Table:
    return Table(engine)


def test_a_row_is_stored_with_the_types_of_its_model(table: Table) -> None:
    run = table.write((Book, book()))
    (stored,) = table.all(Book)
    assert (stored.price, stored.published, stored.stock) == (Decimal("51.77"), date(2019, 5, 3), 22)
    assert stored.description is None
    assert (stored.first_seen_at, stored.last_seen_at, stored.run_id) == (FIRST, FIRST, run)


def test_a_second_crawl_updates_the_row_and_keeps_when_it_was_first_seen(table: Table) -> None:
    table.write((Book, book()))
    later = FIRST + timedelta(days=1)
    run = table.write((Book, book(price="£40.00")), now=later)
    (stored,) = table.all(Book)
    assert (stored.price, stored.first_seen_at, stored.last_seen_at) == (Decimal("40.00"), FIRST, later)
    assert stored.run_id == run


def test_of_two_items_with_one_key_in_a_batch_the_later_one_is_stored(table: Table) -> None:
    table.write((Quote, quote(1, tags="old")), (Quote, quote(2)), (Quote, quote(1, tags="new")))
    assert [(q.quote_id, q.tags) for q in table.all(Quote)] == [(1, "new"), (2, None)]


def test_a_field_that_is_left_out_keeps_its_value_and_an_empty_one_becomes_null(table: Table) -> None:
    table.write((Quote, quote(1, tags="a")), (Quote, quote(2, tags="b")), (Quote, quote(3, tags="c")))
    table.write((Quote, quote(1)), (Quote, quote(2, tags="  ")), (Quote, quote(3, tags=None)))
    assert [q.tags for q in table.all(Quote)] == ["a", None, None]


def test_keys_that_differ_in_case_accent_or_emoji_are_different_rows(table: Table) -> None:
    keys = ["a", "A", "á", "😀", "😎", "ß", "ss", "漢"]
    table.write(*((Book, book(key, title=f"{key} 👩‍👩‍👧")) for key in keys))
    assert {b.sku: b.title for b in table.all(Book)} == {key: f"{key} 👩‍👩‍👧" for key in keys}


def test_a_datetime_is_the_same_in_every_time_zone(table: Table) -> None:
    order = {"status": "Paid", "customer": "C", "total": "1"}
    east = datetime(2026, 3, 1, 10, 15, tzinfo=timezone(timedelta(hours=2)))
    table.write(
        (Order, order | {"number": "1", "placed_at": "2026-03-01T10:15:00+02:00"}),
        (Order, order | {"number": "2", "placed_at": "2026-03-01T08:15:00Z"}),
        (Order, order | {"number": "3", "placed_at": "2026-03-01T03:15:00.000000-05:00"}),
    )
    assert [o.placed_at for o in table.all(Order)] == [east] * 3
    assert {o.placed_at.utcoffset() for o in table.all(Order)} == {timedelta(0)}


def test_the_largest_amount_of_a_column_is_stored_exactly(table: Table) -> None:
    table.write((Book, book("1", price="99999999.99")), (Book, book("2", price="-0.01")))
    assert [b.price for b in table.all(Book)] == [Decimal("99999999.99"), Decimal("-0.01")]


def test_long_text_is_stored_completely(table: Table) -> None:
    long = "é" * 100_000
    table.write((Book, book(description=long)))
    assert table.all(Book)[0].description == long


def test_a_book_is_stored_with_its_reviews_and_missing_reviews_are_deleted(table: Table) -> None:
    def review(reviewer: str, stars: int) -> dict[str, Any]:
        return {"reviewer": reviewer, "stars": stars, "body": "!", "posted": "2024-05-03"}

    table.write(
        (Book, book("B1", reviews=[review("ann", 5), review("bob", 4)])),
        (Book, book("B2", reviews=[review("ann", 1)])),
    )
    table.write((Book, book("B1", reviews=[review("bob", 2), review("cy", 3)])), (Book, book("B2")))
    assert [(r.sku, r.reviewer, r.stars) for r in table.all(Review)] == [
        ("B1", "bob", 2),
        ("B1", "cy", 3),
        ("B2", "ann", 1),  # that page has no list of reviews, so they stay
    ]
    table.write((Book, book("B1", reviews=[])))
    assert [(r.sku, r.reviewer) for r in table.all(Review)] == [("B2", "ann")]


def test_the_later_list_of_children_counts_when_a_parent_comes_twice_in_a_batch(table: Table) -> None:
    def reviews(*names: str) -> list[dict[str, Any]]:
        return [{"reviewer": n, "stars": 1, "body": "!", "posted": "2024-05-03"} for n in names]

    table.write((Book, book(reviews=reviews("ann", "bob"))), (Book, book(reviews=reviews("cy"))))
    assert [r.reviewer for r in table.all(Review)] == ["cy"]


@pytest.fixture
def isbn_table(engine: Engine) -> Iterator[None]:
    run_id = Isbn.table().c.run_id
    for constraint in list(run_id.foreign_keys):  # the table is not in the metadata of crawl_run
        Isbn.table().constraints.discard(constraint.constraint)  # type: ignore[arg-type]
    Isbn.table().create(engine, checkfirst=True)
    yield
    Isbn.table().drop(engine)


@pytest.mark.usefixtures("isbn_table")
def test_a_second_unique_key_never_makes_one_row_overwrite_another(engine: Engine) -> None:
    run = Run(engine)
    run.commit(
        page(ValidRow(model=Isbn, values={"sku": "A", "isbn": "1"})),
        page(ValidRow(model=Isbn, values={"sku": "B", "isbn": "1"})),
        page(ValidRow(model=Isbn, values={"sku": "C", "isbn": "2"})),
    )
    with engine.connect() as connection:
        found = connection.execute(select(Isbn.table().c.sku, Isbn.table().c.isbn).order_by("sku")).all()
    assert [tuple(row) for row in found] == [("A", "1"), ("C", "2")]
    assert [rejected.item["sku"] for rejected in run.all(RejectedItem)] == ["B"]


def test_mysql_is_strict_even_if_its_server_is_not() -> None:
    engine = make_engine(service("TEST_MARIADB_URL", "MariaDB"))
    with engine.begin() as connection:
        assert "STRICT_ALL_TABLES" in connection.execute(text("SELECT @@sql_mode")).scalar_one()
    engine.dispose()


def test_a_key_that_is_too_long_is_not_cut_to_another_key(table: Table) -> None:
    """A cast to the column's type would cut the text; SQLite has no lengths and stores the row."""
    stored, longer = "B" * 20, "B" * 20 + "C"
    run = table.write((Book, book(stored)))
    values = validated(book(stored), Book) | {"sku": longer, "title": "Days"}
    with suppress(DBAPIError), table.sessions.begin() as session:
        write_batch(session, [ValidRow(model=Book, values=values)], run_id=run, now=FIRST)
    assert {b.sku: b.title for b in table.all(Book)}[stored] == "Nights"


def test_a_row_that_another_run_has_just_inserted_is_updated(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write((Quote, quote(1)))
    # The comparison sees the table before the other run commits.
    monkeypatch.setattr(table_module, "_compare_with_stored", lambda _s, _m, keys, *_: (set(keys), {}))
    table.write((Quote, quote(1, tags="new")), (Quote, quote(2)), (Quote, quote(3)))
    assert [(q.quote_id, q.tags) for q in table.all(Quote)] == [(1, "new"), (2, None), (3, None)]


def test_text_with_special_characters_of_bulk_formats_is_stored_unchanged(table: Table) -> None:
    texts = [
        "\\N",
        "\\.",
        "a\tb",
        "a\nb\r\nc",
        "back\\slash \\x41",
        '"{quoted}", %s %(name)s :name',
        "'; --",
        "NULL",
    ]
    table.write(*((Quote, quote(n, body=text, tags="x" + text)) for n, text in enumerate(texts)))
    assert [(q.body, q.tags) for q in table.all(Quote)] == [(text, "x" + text) for text in texts]


def test_a_hostile_key_finds_its_row_again(table: Table) -> None:
    keys = ["'", '"', "\\", "\\'", "a') OR ('1'='1", "%s", "{a,b}", "NULL", "a,b", "🙂"]
    table.write(*((Book, book(key)) for key in keys))
    table.write(*((Book, book(key, price="1.00")) for key in keys[::2]))
    assert {b.sku: b.price for b in table.all(Book)} == {
        key: Decimal("1.00") if position % 2 == 0 else Decimal("51.77") for position, key in enumerate(keys)
    }
