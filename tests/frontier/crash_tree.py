"""A table whose rows name rows of the same table; the crash tests make it and drop it again."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models import Row
from models.types import ExactString


class CrashNode(Row):
    """A book in the list of books: each names the one before it, which may come later."""

    __tablename__ = "crash_node"

    sku: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    before: Mapped[str | None] = mapped_column(ForeignKey("crash_node.sku"))
