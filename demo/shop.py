"""The shop on a given day: its goods on day 1, and the changes of every day after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random

from demo.generate_goods import (
    MOST_REVIEWS,
    ORDERS_ON_DAY_ONE,
    invent_book,
    invent_order,
    invent_quote,
    invent_review,
    invent_stock,
)
from demo.goods import Book, Order, Quote

SEED = 20260101
DAY_ONE = date(2026, 1, 1)
QUOTES_ON_DAY_ONE = 150
CATALOGUE = 200  # the number of books in /catalogue
NEW_BOOKS, RETURNING_BOOKS, NEW_QUOTES, NEW_ORDERS = 12, 3, 2, 3  # a day
DAYS_AWAY = 2  # days before a removed book may return
NEXT_STATUS = {"pending": "paid", "paid": "shipped"}


@dataclass(frozen=True, kw_only=True)
class Removed:
    book: Book
    day: int


@dataclass(frozen=True, kw_only=True)
class Shop:
    seed: int
    day: int
    books: tuple[Book, ...]  # sorted by key, as all these tuples are
    removed: tuple[Removed, ...]
    quotes: tuple[Quote, ...]
    orders: tuple[Order, ...]

    @property
    def today(self) -> date:
        return DAY_ONE + timedelta(days=self.day - 1)

    @cached_property
    def books_by_sku(self) -> dict[str, Book]:
        return {book.sku: book for book in self.books}

    @property
    def catalogue(self) -> tuple[Book, ...]:
        return self.books[:CATALOGUE]


def shop(seed: int = SEED, day: int = 1, books: int = 1000) -> Shop:
    """Return the shop that had ``books`` books on day 1, as it is on day ``day``.

    Raises:
        ValueError: the day or the number of books is below 1.
    """
    if day < 1 or books < 1:
        raise ValueError(f"the day is {day} and the number of books is {books}; both are at least 1")
    found = Shop(
        seed=seed,
        day=1,
        books=tuple(invent_book(seed, number, DAY_ONE) for number in range(1, books + 1)),
        removed=(),
        quotes=tuple(invent_quote(seed, number) for number in range(1, QUOTES_ON_DAY_ONE + 1)),
        orders=tuple(invent_order(seed, number, DAY_ONE) for number in range(1, ORDERS_ON_DAY_ONE + 1)),
    )
    while found.day < day:
        found = next_day(found)
    return found


def next_day(before: Shop) -> Shop:
    """Return the shop one day later."""
    day = before.day + 1
    today = before.today + timedelta(days=1)
    rng = Random(f"{before.seed} day {day}")  # noqa: S311 - invented data, the same every time

    leaving = _some(rng, before.books_by_sku, 0.01)
    kept = {book.sku: book for book in before.books if book.sku not in leaving}
    for change, share in ((_repriced, 0.05), (_restocked, 0.05), (_rereviewed, 0.01)):
        for sku in sorted(_some(rng, kept, share)):
            kept[sku] = replace(change(rng, kept[sku], today), last_changed=today)

    long_gone = [removed for removed in before.removed if removed.day <= day - DAYS_AWAY]
    returning = rng.sample(long_gone, min(RETURNING_BOOKS, len(long_gone)))
    returned = tuple(replace(removed.book, last_changed=today) for removed in returning)
    back = {book.sku for book in returned}
    still_away = tuple(removed for removed in before.removed if removed.book.sku not in back)
    left = tuple(Removed(book=before.books_by_sku[sku], day=day) for sku in sorted(leaving))

    ever = len(before.books) + len(before.removed)  # every book that ever was is in one of the two
    new = tuple(
        invent_book(before.seed, number, today, is_new=True)
        for number in range(ever + 1, ever + NEW_BOOKS + 1)
    )
    return Shop(
        seed=before.seed,
        day=day,
        books=tuple(sorted((*kept.values(), *returned, *new), key=lambda book: book.sku)),
        removed=still_away + left,
        quotes=before.quotes + _new_quotes(before),
        orders=_advanced(rng, before.orders) + _new_orders(before, today),
    )


def _some(rng: Random, skus: Iterable[str], share: float) -> set[str]:
    """Return a random share of the skus: at least one of them, but never all."""
    among = sorted(skus)
    return set(rng.sample(among, min(len(among) - 1, max(1, round(share * len(among))))))


def _repriced(rng: Random, book: Book, today: date) -> Book:
    factor = Decimal(rng.choice((80, 85, 90, 95, 105, 110, 120))) / 100
    price = (book.price * factor).quantize(Decimal("0.01"))
    # A book that becomes cheaper again and again keeps a price of at least 1, and the price always changes.
    return replace(book, price=price if price >= 1 and price != book.price else book.price + 1)


def _restocked(rng: Random, book: Book, today: date) -> Book:
    stock = invent_stock(rng)
    return replace(book, stock=stock if stock != book.stock else book.stock + 1)


def _rereviewed(rng: Random, book: Book, today: date) -> Book:
    """Return the book with one review added, removed or edited."""
    what = ["add"] if len(book.reviews) < MOST_REVIEWS else []
    what += ["delete", "edit"] if book.reviews else []
    reviews = list(book.reviews)
    match rng.choice(what):
        case "add":
            reviewers = frozenset(review.reviewer for review in reviews)
            reviews.append(invent_review(rng, today, but_not_by=reviewers))
        case "delete":
            reviews.pop(rng.randrange(len(reviews)))
        case "edit":
            place = rng.randrange(len(reviews))
            old, new = reviews[place], invent_review(rng, today)
            # The body always changes, also if the new text and the day are the same.
            body = new.body if new.body != old.body else f"{old.body} (I still think so.)"
            reviews[place] = replace(new, reviewer=old.reviewer, body=body)
    return replace(book, reviews=tuple(reviews))


def _new_quotes(before: Shop) -> tuple[Quote, ...]:
    ever = len(before.quotes)
    return tuple(invent_quote(before.seed, number) for number in range(ever + 1, ever + NEW_QUOTES + 1))


def _new_orders(before: Shop, today: date) -> tuple[Order, ...]:
    ever = len(before.orders)
    return tuple(
        invent_order(before.seed, number, today, is_new=True)
        for number in range(ever + 1, ever + NEW_ORDERS + 1)
    )


def _advanced(rng: Random, orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Return the orders, with a third of the open orders (at least one) in their next status."""
    open_orders = [order.number for order in orders if order.status in NEXT_STATUS]
    advancing = set(rng.sample(open_orders, min(len(open_orders), max(1, len(open_orders) // 3))))
    return tuple(
        replace(order, status=NEXT_STATUS[order.status]) if order.number in advancing else order
        for order in orders
    )
