"""Orders: the list, and what a person may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.crawl_order import OPEN, CrawlOrder
from models.process_id import Process
from models.spider_schedule import SchedulerProcess

SCHEDULER_TIMEOUT = 30  # seconds without a heartbeat


def list_orders(
    session: Session, *, run_id: int | None = None, before: int | None = None, limit: int = 50
) -> Sequence[CrawlOrder]:
    """Return orders, the newest first.

    Args:
        run_id: only those for this run.
        before: only orders with a smaller id.
    """
    query = select(CrawlOrder).order_by(CrawlOrder.id.desc()).limit(limit)
    if run_id is not None:
        query = query.where(CrawlOrder.run_id == run_id)
    if before is not None:
        query = query.where(CrawlOrder.id < before)
    return session.scalars(query).all()


def find_order(session: Session, number: int) -> CrawlOrder | None:
    """Return the order with this id."""
    return session.get(CrawlOrder, number) if 0 < number < 2**63 else None


def open_orders(session: Session, *, run_id: int | None = None) -> Sequence[CrawlOrder]:
    """Return the orders that are not ended, the oldest first."""
    query = select(CrawlOrder).where(CrawlOrder.state.in_(OPEN)).order_by(CrawlOrder.id)
    if run_id is not None:
        query = query.where(CrawlOrder.run_id == run_id)
    return session.scalars(query.limit(200)).all()


def scheduler_is_alive(session: Session, now: datetime) -> bool:
    """Return whether a scheduler runs that carries out orders."""
    for row in session.scalars(select(SchedulerProcess)):
        process = Process.parse(row.process)
        if process is not None and (now - row.heartbeat_at).total_seconds() < SCHEDULER_TIMEOUT:
            return True
    return False
