"""Pages that are kept because something is still wrong with them: found for ``scrapy replay``, marked when mended."""

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
class BrokenPage:
    run_id: int
    number: int
    spider: str
    arguments: Mapping[str, Any]
    url: str
    kept_page: str
    over: bool  # its run is: no crawl will go on with it


def broken_pages(session: Session, spider: str | None = None, run_id: int | None = None) -> list[BrokenPage]:
    """Requests that failed or had items rejected, and whose pages were kept; those of the latest run first."""
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
    return [BrokenPage(**row._mapping) for row in session.execute(query)]


def rejected_on(session: Session, page: BrokenPage) -> Sequence[RejectedItem]:
    """The page's rejected items that are not stored yet."""
    query = select(RejectedItem).where(
        RejectedItem.run_id == page.run_id,
        RejectedItem.request_number == page.number,
        RejectedItem.replayed_at.is_(None),
    )
    return session.scalars(query.order_by(RejectedItem.id)).all()


def mark_done(session: Session, page: BrokenPage, now: datetime) -> None:
    """The page failed, and is done now. One that a crawl has taken up again meanwhile is left to it."""
    session.execute(
        update(CrawlRequest)
        .where(
            CrawlRequest.run_id == page.run_id,
            CrawlRequest.number == page.number,
            CrawlRequest.state == FAILED,
        )
        .values(state=DONE, error=None, settled_at=now)
    )
