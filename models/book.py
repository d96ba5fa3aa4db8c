"""The demo shop's books and their reviews."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Row
from models.types import ExactNumeric, ExactString, LongText


class Book(Row):
    """A book of the demo shop; ``sku`` is its number in the shop."""

    __tablename__ = "book"

    sku: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    title: Mapped[str] = mapped_column(ExactString(200))
    author: Mapped[str] = mapped_column(ExactString(120))
    category: Mapped[str] = mapped_column(ExactString(40), index=True)
    price: Mapped[Decimal] = mapped_column(ExactNumeric(10, 2))
    stock: Mapped[int]
    rating: Mapped[int]
    published: Mapped[date]
    description: Mapped[str | None] = mapped_column(LongText())
    url: Mapped[str] = mapped_column(ExactString(500))

    reviews: Mapped[list[Review]] = relationship(order_by="Review.reviewer", passive_deletes=True)


class Review(Row):
    """A review of a book; a reviewer writes at most one for each book."""

    __tablename__ = "review"

    sku: Mapped[str] = mapped_column(
        ExactString(20), ForeignKey("book.sku", ondelete="CASCADE"), primary_key=True
    )
    reviewer: Mapped[str] = mapped_column(ExactString(80), primary_key=True)
    stars: Mapped[int]
    body: Mapped[str] = mapped_column(LongText())
    posted: Mapped[date]
