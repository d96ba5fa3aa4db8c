"""The orders that a customer of the demo shop sees after a login."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Enum
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Row
from models.types import ExactNumeric, ExactString, LongText, UtcDateTime


class Order(Row):
    """An order of a customer; ``number`` is its number in the shop."""

    __tablename__ = "shop_order"  # ORDER is a word of SQL

    number: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(
        Enum("pending", "paid", "shipped", "returned", name="order_status", native_enum=False, length=20)
    )
    customer: Mapped[str] = mapped_column(ExactString(120))
    total: Mapped[Decimal] = mapped_column(ExactNumeric(10, 2))
    note: Mapped[str | None] = mapped_column(LongText())
