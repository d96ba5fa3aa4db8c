"""Quotations from the demo site's endless page."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from models.base import Row
from models.types import ExactString, LongText


class Quote(Row):
    """A quotation; ``quote_id`` is its number on the site."""

    __tablename__ = "quote"

    # The site's own number, so the database must not make one.
    quote_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str] = mapped_column(LongText())
    author: Mapped[str] = mapped_column(ExactString(120), index=True)
    tags: Mapped[str | None] = mapped_column(ExactString(200))
