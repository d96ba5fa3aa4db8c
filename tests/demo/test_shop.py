"""The goods of the shop and their changes from day to day, without a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from demo.goods import Book
from demo.shop import Shop, shop
from tests.processes import ROOT


@pytest.fixture(scope="module")
def days() -> list[Shop]:
    """Return the shop on days 1 to 6; day N is ``days[N - 1]``."""
    return [shop(day=day) for day in range(1, 7)]


def books_of_both(before: Shop, after: Shop) -> list[tuple[Book, Book]]:
    return [(book, after.books_by_sku[book.sku]) for book in before.books if book.sku in after.books_by_sku]


def count_changed(before: Shop, after: Shop, value: Callable[[Book], Any]) -> int:
    return sum(value(old) != value(new) for old, new in books_of_both(before, after))


def test_the_shop_has_1000_books_150_quotes_and_60_orders_on_day_one(days: list[Shop]) -> None:
    first = days[0]
    assert (len(first.books), len(first.quotes), len(first.orders)) == (1000, 150, 60)
    assert first.removed == ()
    assert (first.books[0].sku, first.books[-1].sku) == ("B00001", "B01000")
    assert [quote.quote_id for quote in first.quotes] == list(range(1, 151))
    assert (first.orders[0].number, first.orders[-1].number) == ("2026-0001", "2026-0060")


def test_every_process_generates_the_same_shop() -> None:
    script = (
        "from hashlib import sha256; from demo.shop import shop;"
        "print(sha256(repr(shop(day=5)).encode()).hexdigest())"
    )
    elsewhere = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert elsewhere == {sha256(repr(shop(day=5)).encode()).hexdigest()}


def test_another_seed_generates_other_books() -> None:
    assert shop(seed=1, books=20).books != shop(seed=2, books=20).books


def test_a_small_shop_has_the_first_books_of_a_large_one(days: list[Shop]) -> None:
    assert shop(books=60).books == days[0].books[:60]


def test_all_values_fit_their_columns(days: list[Shop]) -> None:
    for book in days[-1].books:
        assert 1 <= len(book.title) <= 200 and 1 <= len(book.author) <= 120
        assert book.price > 0 and book.price == book.price.quantize(Decimal("0.01"))
        assert book.stock >= 0 and 1 <= book.rating <= 5
        assert book.published <= days[-1].today
        assert len({review.reviewer for review in book.reviews}) == len(book.reviews) <= 4
        assert all(1 <= review.stars <= 5 for review in book.reviews)
        for text in (book.title, book.author, book.description or "x", *(r.body for r in book.reviews)):
            assert text == " ".join(text.split()), "a browser would not show these spaces"
    assert {order.status for order in days[0].orders} == {"pending", "paid", "shipped", "returned"}


def test_the_shop_has_values_that_are_difficult_for_a_crawler(days: list[Shop]) -> None:
    books = days[0].books
    titles = " ".join(book.title for book in books[:60])  # a small shop has them, too
    assert all(sign in titles for sign in ("é", "ø", "漢字", "📚", "<b>", "&", '"', "<script>"))
    assert max(len(book.title) for book in books) == 200
    assert len({book.title for book in books}) > 900 and len({book.category for book in books}) == 12
    assert 30 <= sum(book.description is None for book in books) <= 70
    assert any(book.price >= 1000 for book in books) and any(book.stock == 0 for book in books)
    assert 8 <= sum(not quote.tags for quote in days[0].quotes) <= 22
    offsets = {order.placed_at.utcoffset() for order in days[0].orders}
    assert offsets >= {timedelta(0), timedelta(hours=2), timedelta(hours=-5)}


@pytest.mark.parametrize("day", [2, 3, 4, 5, 6])
def test_a_day_changes_five_percent_of_prices_and_stocks_and_one_percent_of_reviews(
    days: list[Shop], day: int
) -> None:
    before, after = days[day - 2], days[day - 1]
    assert 40 <= count_changed(before, after, lambda book: book.price) <= 60
    assert 40 <= count_changed(before, after, lambda book: book.stock) <= 60
    assert 8 <= count_changed(before, after, lambda book: book.reviews) <= 12
    assert (
        count_changed(before, after, lambda book: (book.title, book.author, book.published, book.rating)) == 0
    )
    assert 8 <= len(before.books_by_sku.keys() - after.books_by_sku.keys()) <= 12
    assert len(after.quotes) == len(before.quotes) + 2 and after.quotes[: len(before.quotes)] == before.quotes
    assert len(after.orders) == len(before.orders) + 3


def test_a_new_book_has_a_sku_that_no_book_had_before(days: list[Shop]) -> None:
    ever: set[str] = set()
    for shop_ in days:
        new = shop_.books_by_sku.keys() - ever
        assert len(new) == (1000 if shop_.day == 1 else 12)
        ever |= new


def test_a_removed_book_returns_after_two_days_or_later(days: list[Shop]) -> None:
    away_since: dict[str, int] = {}
    for before, after in pairwise(days):
        returned = [sku for sku in away_since if sku in after.books_by_sku]
        assert all(after.day - away_since.pop(sku) >= 2 for sku in returned)
        assert len(returned) == (3 if after.day >= 4 else 0)
        away_since |= {sku: after.day for sku in before.books_by_sku if sku not in after.books_by_sku}


def test_last_changed_is_the_day_of_a_book_s_last_change(days: list[Shop]) -> None:
    for before, after in pairwise(days):
        for old, new in books_of_both(before, after):
            assert (new.last_changed == after.today) == (old != new)
        assert sum(book.last_changed == after.today for book in after.books) >= 100


def test_an_order_s_status_goes_only_from_pending_to_paid_to_shipped(days: list[Shop]) -> None:
    for before, after in pairwise(days):
        moves = {
            (old.status, new.status)
            for old, new in zip(before.orders, after.orders, strict=False)
            if old.status != new.status
        }
        assert moves and moves <= {("pending", "paid"), ("paid", "shipped")}
        assert all(order.status == "pending" for order in after.orders[-3:])


def test_a_shop_that_begins_with_one_book_gets_more() -> None:
    assert len(shop(books=1, day=10).books) > 1


def test_a_shop_on_day_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="the day is 0"):
        shop(day=0)
