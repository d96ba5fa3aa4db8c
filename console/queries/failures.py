"""The failed requests and the rejected items of a run, page by page."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.rejected import RejectedItem
from models.request import BY_NUMBER, FAILED, CrawlRequest


def failed_requests(
    session: Session, run_id: int, *, state: str = FAILED, after: int | None = None, limit: int = 50
) -> Sequence[CrawlRequest]:
    """Return the requests of a run in this state, in the order of their discovery.

    Args:
        after: only requests with a greater number.
    """
    query = select(CrawlRequest).where(CrawlRequest.run_id == run_id, CrawlRequest.state == state)
    if after is not None:
        query = query.where(CrawlRequest.number > after)
    return session.scalars(query.order_by(BY_NUMBER).limit(limit)).all()


def rejected_items(
    session: Session, run_id: int, *, after: int | None = None, limit: int = 50
) -> Sequence[RejectedItem]:
    """Return the rejected items of a run that are not stored yet, the oldest first.

    Args:
        after: only items with a greater id.
    """
    query = select(RejectedItem).where(RejectedItem.run_id == run_id, RejectedItem.replayed_at.is_(None))
    if after is not None:
        query = query.where(RejectedItem.id > after)
    return session.scalars(query.order_by(RejectedItem.id).limit(limit)).all()
