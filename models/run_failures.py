"""Reading the failures of a run: failed requests, refused and ignored pages, rejected items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.rejected import RejectedItem
from models.request import BY_NUMBER, FAILED, REFUSED, SKIPPED, CrawlRequest
from models.run_condition import in_run

EXAMPLES = 3  # URLs for each status
FORBIDDEN = "not requested: Forbidden by robots.txt"  # the frontier's words before Scrapy's


def failed_requests(session: Session, run_id: int, limit: int) -> Sequence[CrawlRequest]:
    """Return the first failed requests of a run."""
    return session.scalars(
        select(CrawlRequest)
        .where(in_run(CrawlRequest.run_id, run_id), CrawlRequest.state == FAILED)
        .order_by(BY_NUMBER)
        .limit(limit)
    ).all()


HTTP = "HTTP "  # the reason of a page that was ignored because of its status begins so


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """Pages that were ignored because of their HTTP status: their number, and the URLs of some."""

    status: int
    pages: int
    urls: Sequence[str]


def ignored_pages(session: Session, run_id: int) -> list[Ignored]:
    """Return the pages of a run that were ignored because of their HTTP status, by status."""
    where = (
        in_run(CrawlRequest.run_id, run_id),
        CrawlRequest.state.in_((FAILED, SKIPPED)),
        CrawlRequest.error.startswith(HTTP),
    )
    counted = session.execute(
        select(CrawlRequest.status, func.count()).where(*where).group_by(CrawlRequest.status)
    ).all()
    found = []
    for status, pages in sorted((status, pages) for status, pages in counted if status is not None):
        urls = session.scalars(
            select(CrawlRequest.url)
            .where(*where, CrawlRequest.status == status)
            .order_by(BY_NUMBER)
            .limit(EXAMPLES)
        ).all()
        found.append(Ignored(status=status, pages=pages, urls=urls))
    return found


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Pages of a host that the site refused for one reason: their number, and the URLs of some."""

    host: str
    reason: str
    pages: int
    urls: Sequence[str]


def refused_pages(session: Session, run_id: int) -> list[Refused]:
    """Return the pages of a run that the site refused, by host and reason; the most pages first."""
    found: dict[tuple[str, str], Refused] = {}
    rows = session.execute(
        select(CrawlRequest.url, CrawlRequest.error)
        .where(in_run(CrawlRequest.run_id, run_id), CrawlRequest.state == REFUSED)
        .order_by(BY_NUMBER)
    )
    for url, error in rows:
        host, reason = urlsplit(url).netloc.rpartition("@")[2], error or ""
        known = found.get((host, reason), Refused(host=host, reason=reason, pages=0, urls=()))
        urls = (*known.urls, url)[:EXAMPLES]
        found[host, reason] = replace(known, pages=known.pages + 1, urls=urls)
    return sorted(found.values(), key=lambda one: -one.pages)


def forbidden_pages(session: Session, run_id: int) -> tuple[int, list[str]]:
    """Return how many pages of a run robots.txt forbids, and the URLs of the first ones."""
    where = (
        in_run(CrawlRequest.run_id, run_id),
        CrawlRequest.state == SKIPPED,
        CrawlRequest.error == FORBIDDEN,
    )
    number = session.scalar(select(func.count()).select_from(CrawlRequest).where(*where)) or 0
    if not number:
        return 0, []
    first = select(CrawlRequest.url).where(*where).order_by(BY_NUMBER).limit(EXAMPLES)
    return number, list(session.scalars(first))


def rejected_items(session: Session, run_id: int, limit: int) -> Sequence[RejectedItem]:
    """Return the first rejected items of a run that are not stored yet."""
    return session.scalars(
        select(RejectedItem)
        .where(in_run(RejectedItem.run_id, run_id), RejectedItem.replayed_at.is_(None))
        .order_by(RejectedItem.id)
        .limit(limit)
    ).all()
