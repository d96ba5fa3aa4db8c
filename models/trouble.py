"""What went wrong in a run, for reading: requests that failed, items that were rejected."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.rejected import RejectedItem
from models.request import FAILED, CrawlRequest


def failed_requests(session: Session, run_id: int, limit: int) -> Sequence[CrawlRequest]:
    """The first requests of a run that finally failed."""
    return session.scalars(
        select(CrawlRequest)
        .where(CrawlRequest.run_id == run_id, CrawlRequest.state == FAILED)
        .order_by(CrawlRequest.number)
        .limit(limit)
    ).all()


def rejected_items(session: Session, run_id: int, limit: int) -> Sequence[RejectedItem]:
    """The first items of a run that were rejected and are not stored by now."""
    return session.scalars(
        select(RejectedItem)
        .where(RejectedItem.run_id == run_id, RejectedItem.replayed_at.is_(None))
        .order_by(RejectedItem.id)
        .limit(limit)
    ).all()
