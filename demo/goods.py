"""The classes of the shop's goods: books with reviews, quotes, and the orders of the demo customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Review:
    reviewer: str  # unique within its book
    stars: int
    body: str
    posted: date


@dataclass(frozen=True, kw_only=True)
class Book:
    sku: str
    title: str
    author: str
    category: str
    price: Decimal
    stock: int
    rating: int
    published: date
    description: str | None
    reviews: tuple[Review, ...]
    last_changed: date


@dataclass(frozen=True, kw_only=True)
class Quote:
    quote_id: int
    body: str
    author: str
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Order:
    number: str
    placed_at: datetime  # with the UTC offset of the place of the order
    status: str
    customer: str
    total: Decimal
    note: str | None
