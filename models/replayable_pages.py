"""Pages with a snapshot that ``scrapy replay`` can process again, and marking them as done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from models.rejected import RejectedItem
from models.request import DONE, FAILED, CrawlRequest
from models.run import CrawlRun


@dataclass(frozen=True, kw_only=True)
class ReplayablePage:
    """A page with a snapshot that failed or had items rejected."""

    run_id: int
    number: int
    spider: str
    arguments: Mapping[str, Any]
    url: str
    kept_page: str
    request: str | None  # its JSON; the URL has its secrets
    over: bool  # its run is over: no crawl will resume it


def replayable_pages(
    session: Session, spider: str | None = None, run_id: int | None = None
) -> list[ReplayablePage]:
    """Return the pages with a snapshot that failed or have rejected items, those of the latest run first."""
    rejected = exists().where(
        RejectedItem.run_id == CrawlRequest.run_id,
        RejectedItem.request_number == CrawlRequest.number,
        RejectedItem.replayed_at.is_(None),
    )
    query = (
        select(
            CrawlRequest.run_id,
            CrawlRequest.number,
            CrawlRun.spider,
            CrawlRun.arguments,
            CrawlRequest.url,
            CrawlRequest.kept_page,
            CrawlRequest.request,
            CrawlRun.unfinished.is_(None).label("over"),
        )
        .join(CrawlRun, CrawlRun.id == CrawlRequest.run_id)
        .where(CrawlRequest.kept_page.is_not(None), (CrawlRequest.state == FAILED) | rejected)
        .order_by(CrawlRequest.run_id.desc(), CrawlRequest.number)
    )
    if spider is not None:
        query = query.where(CrawlRun.spider == spider)
    if run_id is not None:
        query = query.where(CrawlRequest.run_id == run_id)
    return [ReplayablePage(**row._mapping) for row in session.execute(query)]


def rejected_on(session: Session, page: ReplayablePage) -> Sequence[RejectedItem]:
    """Return the page's rejected items that are not stored yet."""
    query = select(RejectedItem).where(
        RejectedItem.run_id == page.run_id,
        RejectedItem.request_number == page.number,
        RejectedItem.replayed_at.is_(None),
    )
    return session.scalars(query.order_by(RejectedItem.id)).all()


def mark_done(session: Session, page: ReplayablePage, now: datetime) -> None:
    """Mark a failed page as done. A page that a resumed crawl has queued again meanwhile stays unchanged."""
    session.execute(
        update(CrawlRequest)
        .where(
            CrawlRequest.run_id == page.run_id,
            CrawlRequest.number == page.number,
            CrawlRequest.state == FAILED,
        )
        .values(state=DONE, error=None, settled_at=now)
    )
