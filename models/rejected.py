"""Items that were not stored, with their reasons, so that they can be stored after all when the fault is mended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import ExactString, LongJson, LongText, UtcDateTime


class RejectedItem(Base):
    """An item that validation, a pipeline or the database refused. ``replayed_at`` says that it is stored by now."""

    __tablename__ = "rejected_item"
    __table_args__ = (Index("ix_rejected_item_run", "run_id", "request_number"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id"))
    request_number: Mapped[int | None] = mapped_column(BigInteger)
    spider: Mapped[str] = mapped_column(ExactString(100))
    table_name: Mapped[str] = mapped_column(ExactString(64))
    url: Mapped[str | None] = mapped_column(LongText())
    item: Mapped[Any] = mapped_column(LongJson())
    reasons: Mapped[dict[str, str]] = mapped_column(LongJson())  # by field; "" for the whole item
    keyed: Mapped[bool]  # its natural key could be read, so its row is known to be on the site
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kept_page: Mapped[str | None] = mapped_column(ExactString(255))  # where its page is kept
    replayed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
