"""Invented books, reviews, quotes and orders.

Each of them comes from a random generator of its own, whose seed is its kind and number. So book 7 is the same book
in a shop of 60 and in a shop of 1,000, in every process.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random

from demo import words
from demo.goods import Book, Order, Quote, Review

MOST_REVIEWS = 4
ORDERS_ON_DAY_ONE = 60
OFFSETS = (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5)), timezone(timedelta(hours=5.5)))


def invent_book(seed: int, number: int, today: date, *, is_new: bool = False) -> Book:
    """Return book ``number``: a book that is published today, or a book of the old stock."""
    rng = Random(f"{seed} book {number}")  # noqa: S311 - invented data, the same every time
    published = today if is_new else today - timedelta(days=rng.randint(1, 50 * 365))
    return Book(
        sku=f"B{number:05}",
        title=words.AWKWARD_TITLES.get(number) or _filled(rng, rng.choice(words.TITLE_PATTERNS)),
        author=_name(rng),
        category=rng.choice(words.CATEGORIES),
        price=invent_price(rng),
        stock=invent_stock(rng),
        rating=rng.randint(1, 5),
        published=published,
        description=None if rng.random() < 0.05 else _description(rng),
        reviews=() if is_new else _reviews(rng, since=published, until=today),
        last_changed=today,
    )


def invent_price(rng: Random) -> Decimal:
    """Return the price of a paperback, or in 2 % of the calls that of a first edition for thousands."""
    pence = rng.randint(100_000, 450_000) if rng.random() < 0.02 else rng.randint(299, 9_999)
    return Decimal(pence) / 100


def invent_stock(rng: Random) -> int:
    return 0 if rng.random() < 0.1 else rng.randint(1, 60)


def invent_review(rng: Random, posted: date, *, but_not_by: frozenset[str] = frozenset()) -> Review:
    reviewer = _name(rng)
    while reviewer in but_not_by:
        reviewer = _name(rng)
    stars = rng.randint(1, 5)
    return Review(
        reviewer=reviewer, stars=stars, body=_filled(rng, rng.choice(words.OPINIONS[stars])), posted=posted
    )


def invent_quote(seed: int, quote_id: int) -> Quote:
    rng = Random(f"{seed} quote {quote_id}")  # noqa: S311
    tags = () if rng.random() < 0.1 else tuple(rng.sample(words.TAGS, rng.randint(1, 4)))
    body = _filled(rng, rng.choice(words.QUOTE_PATTERNS))
    return Quote(quote_id=quote_id, body=body, author=_name(rng), tags=tags)


def invent_order(seed: int, number: int, today: date, *, is_new: bool = False) -> Order:
    """Return order ``number``. Orders 1 to 60 were placed in the 60 days before day 1, one a day."""
    rng = Random(f"{seed} order {number}")  # noqa: S311
    days_ago = 0 if is_new else ORDERS_ON_DAY_ONE + 1 - number
    time_of_day = time(rng.randint(8, 17), rng.randint(0, 59))  # the same date in all OFFSETS
    if is_new:
        status = "pending"
    elif number > ORDERS_ON_DAY_ONE - 18:
        status = rng.choice(("pending", "paid"))
    else:
        status = "returned" if rng.random() < 0.1 else "shipped"
    return Order(
        number=f"2026-{number:04}",  # a business year, which begins in autumn
        placed_at=datetime.combine(today - timedelta(days=days_ago), time_of_day, rng.choice(OFFSETS)),
        status=status,
        customer=rng.choice(words.CUSTOMERS),
        total=sum((invent_price(rng) for _ in range(rng.randint(1, 4))), Decimal(0)),
        note=rng.choice(words.NOTES) if rng.random() < 0.4 else None,
    )


def _reviews(rng: Random, *, since: date, until: date) -> tuple[Review, ...]:
    reviews: list[Review] = []
    for _ in range(rng.randint(0, MOST_REVIEWS)):
        posted = until - timedelta(days=rng.randint(0, min((until - since).days, 900)))
        taken = frozenset(review.reviewer for review in reviews)
        reviews.append(invent_review(rng, posted, but_not_by=taken))
    return tuple(reviews)


def _description(rng: Random) -> str:
    return " ".join(_filled(rng, pattern) for pattern in rng.sample(words.DESCRIPTIONS, rng.randint(1, 3)))


def _name(rng: Random) -> str:
    return f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}"


def _filled(rng: Random, pattern: str) -> str:
    """Return the pattern with words in its places. Only titles keep the capital letters of the words."""
    noun, other = rng.sample(words.NOUNS, 2)
    plurals, others = rng.sample(words.PLURALS, 2)
    adjective = rng.choice(words.ADJECTIVES)
    if pattern not in words.TITLE_PATTERNS:
        noun, other, plurals, others, adjective = (
            word.lower() for word in (noun, other, plurals, others, adjective)
        )
    return pattern.format(
        noun=noun,
        other=other,
        plurals=plurals,
        others=others,
        adjective=adjective,
        place=rng.choice(words.PLACES),
        name=_name(rng),
    )
