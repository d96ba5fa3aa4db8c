"""What belongs to a run: the hosts that asked it to wait, and the workers that share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.host import CrawlHost
from models.process_id import Process
from models.worker import WORKER_TIMEOUT, CrawlWorker

MOST = 100  # hosts, and workers, on one page


def waiting_hosts(session: Session, run_id: int, now: datetime) -> Sequence[CrawlHost]:
    """Return the hosts that a run may not ask yet, those with the longest wait first."""
    return session.scalars(
        select(CrawlHost)
        .where(CrawlHost.run_id == run_id, CrawlHost.not_before > now)
        .order_by(CrawlHost.not_before.desc(), CrawlHost.host)
        .limit(MOST)
    ).all()


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker of a shared run.

    Attributes:
        state: "working", "idle", "leaving", "left" or "silent" (no heartbeat, so other workers take over its hosts).
    """

    number: int
    process: str
    state: str
    pages: int
    joined_at: datetime
    heartbeat_at: datetime
    left_at: datetime | None
    note: str | None


def workers_of(session: Session, run_id: int, now: datetime) -> list[Worker]:
    """Return the workers of a run: first those that have not left, then those that left last."""
    query = (
        select(CrawlWorker)
        .where(CrawlWorker.run_id == run_id)
        .order_by(CrawlWorker.left_at.is_not(None), CrawlWorker.number.desc())
        .limit(MOST)
    )
    return [
        Worker(
            number=row.number,
            process=process.shown if (process := Process.parse(row.process)) is not None else "",
            state=worker_state(row, now),
            pages=row.pages,
            joined_at=row.joined_at,
            heartbeat_at=row.heartbeat_at,
            left_at=row.left_at,
            note=row.note,
        )
        for row in session.scalars(query)
    ]


def worker_state(row: CrawlWorker, now: datetime) -> str:
    """Return the state of a worker in one word."""
    if row.left_at is not None:
        return "left"
    if now - row.heartbeat_at > WORKER_TIMEOUT:
        return "silent"
    if row.leaving:
        return "leaving"
    return "idle" if row.idle else "working"
