"""Rejected items with their reasons, saved so that they can be stored when the fault is fixed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, false
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import Digest, ExactString, FreeJson, FreeString, FreeText, LongJson, UtcDateTime


class RejectedItem(Base):
    """An item that the validator, a pipeline or the database refused. ``replayed_at`` is set when it is stored.

    If ``validated`` is true, ``item`` has the values of a row's columns as ``models.json_values`` writes them, and not
    the site's text. ``waits_for`` is set for a waiting row: the digest of its missing parent row
    (``pipelines.storage.parent_rows``). The run stores the row after its parent row.
    """

    __tablename__ = "rejected_item"
    __table_args__ = (
        Index("ix_rejected_item_run", "run_id", "request_number"),
        Index("ix_rejected_item_waits", "run_id", "waits_for"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id"))
    request_number: Mapped[int | None] = mapped_column(BigInteger)
    spider: Mapped[str] = mapped_column(FreeString(100))
    table_name: Mapped[str] = mapped_column(ExactString(64))
    url: Mapped[str | None] = mapped_column(FreeText())
    item: Mapped[Any] = mapped_column(LongJson())  # unchanged, so that it can be validated again
    reasons: Mapped[dict[str, str]] = mapped_column(FreeJson())  # by field; "" for the whole item
    keyed: Mapped[bool]  # its natural key is valid, so its row is still on the site
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kept_page: Mapped[str | None] = mapped_column(ExactString(255))  # the snapshot of its page
    replayed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    validated: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The table has its row: the row keeps its values, and counts as seen.
    row_kept: Mapped[bool] = mapped_column(default=False, server_default=false())
    waits_for: Mapped[bytes | None] = mapped_column(Digest(16))
