"""Broken pages: failed requests and rejected items that have a page snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from models.crawl_order import REPLAY, SAVE_TEST, CrawlOrder
from models.rejected import RejectedItem
from models.request import FAILED, CrawlRequest
from models.run import CrawlRun

RUNS_AT_ONCE = 400  # whose pages one query reads
MOST_ROWS = 2000  # that one page of the list looks at; then it ends, and the next one continues
RECENT_ORDERS = 100  # of a run, among which those of a page are searched

Key = tuple[int, int]  # run, number of the request


@dataclass(frozen=True, kw_only=True)
class BrokenPage:
    """A page with a snapshot that failed or had items rejected, and is not stored yet.

    Attributes:
        error: of a failed request.
        rejected: how many of its items are rejected.
        reason: of its snapshot, if the files are here.
    """

    run_id: int
    number: int
    spider: str
    name: str
    url: str
    status: int | None = None
    error: str | None = None
    rejected: int = 0
    reason: str | None = None


@dataclass
class _Found:
    """A page of the list that is being filled; ``last`` is the last key that was looked at, if the list goes on."""

    rows: list[BrokenPage] = field(default_factory=list)
    last: Key | None = None


def list_pages(
    session: Session,
    reason_of: Callable[[str], str | None],
    *,
    spider: str | None = None,
    run_id: int | None = None,
    reason: str | None = None,
    missing: bool = False,
    after: Key | None = None,
    limit: int = 50,
) -> tuple[list[BrokenPage], Key | None]:
    """Return broken pages, those of the newest run first, and the key after which the list goes on.

    It may go on after fewer than ``limit`` pages, because the reason is in the files: one call looks at MOST_ROWS
    at most.

    Args:
        reason_of: returns the reason of the snapshot of this name; None if its files are not here.
        reason: only pages with a snapshot for this reason.
        missing: also pages whose files are not here: a run keeps only its newest snapshots.
        after: only pages after this key.
    """
    found, looked = _Found(), 0
    for spiders in _runs(session, spider, run_id, after):
        while True:
            step = _step(session, spiders, after, limit + 1)
            for page in step[:limit]:
                looked += 1
                known = reason_of(page.name)
                if (known is not None or missing) and reason in (None, known):
                    found.rows.append(BrokenPage(**{**vars(page), "reason": known}))
                after = found.last = (page.run_id, page.number)
                if len(found.rows) == limit or looked >= MOST_ROWS:
                    return found.rows, found.last
            if len(step) <= limit:
                break
    return found.rows, None


def _runs(session: Session, spider: str | None, run_id: int | None, after: Key | None) -> Any:
    """Yield the spiders of runs by id, some runs at a time, the newest first."""
    query = select(CrawlRun.id, CrawlRun.spider).order_by(CrawlRun.id.desc()).limit(RUNS_AT_ONCE)
    if spider is not None:
        query = query.where(CrawlRun.spider == spider)
    if run_id is not None:
        query = query.where(CrawlRun.id == run_id)
    last = after[0] + 1 if after is not None else None
    while True:
        step = query if last is None else query.where(CrawlRun.id < last)
        spiders = dict(session.execute(step).all())
        if not spiders:
            return
        yield spiders
        if len(spiders) < RUNS_AT_ONCE:
            return
        last = min(spiders)


def _step(session: Session, spiders: dict[int, str], after: Key | None, limit: int) -> list[BrokenPage]:
    """Return the next broken pages of these runs, by run and number, the newest first."""
    pages: dict[Key, BrokenPage] = {}
    failed = select(
        CrawlRequest.run_id,
        CrawlRequest.number,
        CrawlRequest.kept_page,
        CrawlRequest.url,
        CrawlRequest.status,
        CrawlRequest.error,
    ).where(
        CrawlRequest.run_id.in_(list(spiders)),
        CrawlRequest.state == FAILED,
        CrawlRequest.kept_page.is_not(None),
    )
    # For many runs MariaDB would take the primary key, and read all their requests.
    failed = failed.with_hint(CrawlRequest, "FORCE INDEX (ix_crawl_request_next)", "mysql")
    for row in session.execute(_window(failed, CrawlRequest.run_id, CrawlRequest.number, after, limit)):
        pages[row.run_id, row.number] = BrokenPage(
            run_id=row.run_id,
            number=row.number,
            spider=spiders[row.run_id],
            name=row.kept_page,
            url=row.url,
            status=row.status,
            error=row.error,
        )
    items = (
        select(
            RejectedItem.run_id,
            RejectedItem.request_number,
            func.min(RejectedItem.kept_page).label("kept_page"),
            func.min(RejectedItem.id).label("first"),
            func.count().label("items"),
        )
        .where(
            RejectedItem.run_id.in_(list(spiders)),
            RejectedItem.request_number.is_not(None),
            RejectedItem.replayed_at.is_(None),
            RejectedItem.kept_page.is_not(None),
        )
        .group_by(RejectedItem.run_id, RejectedItem.request_number)
    )
    rejected = session.execute(
        _window(items, RejectedItem.run_id, RejectedItem.request_number, after, limit)
    ).all()
    firsts = select(RejectedItem.id, RejectedItem.url).where(
        RejectedItem.id.in_([row.first for row in rejected])
    )
    urls = dict(session.execute(firsts).all())
    for row in rejected:
        key = (row.run_id, row.request_number)
        known = pages.get(key)
        values = vars(known) if known is not None else {}
        pages[key] = BrokenPage(
            **{
                "run_id": row.run_id,
                "number": row.request_number,
                "spider": spiders[row.run_id],
                "name": row.kept_page,
                "url": urls.get(row.first) or "",
            }
            | values
            | {"rejected": row.items}
        )
    return [pages[key] for key in sorted(pages, reverse=True)][:limit]


def _window(query: Any, run_id: Any, number: Any, after: Key | None, limit: int) -> Any:
    if after is not None:
        query = query.where(or_(run_id < after[0], and_(run_id == after[0], number < after[1])))
    # By "+ 0" no database reads all requests of a run in the order of the primary key, instead of those in one state.
    return query.order_by((run_id + 0).desc(), (number + 0).desc()).limit(limit)


@dataclass(frozen=True, kw_only=True)
class PageInDatabase:
    """What the database knows of one page; None: it has no such request any more."""

    run: CrawlRun | None
    request: CrawlRequest | None
    rejected: Sequence[RejectedItem]

    @property
    def is_broken(self) -> bool:
        """Return whether a replay may store something: the request failed, or items are rejected."""
        failed = self.request is not None and self.request.state == FAILED
        return failed or any(one.replayed_at is None for one in self.rejected)


def find_page(session: Session, run_id: int, number: int, limit: int = 50) -> PageInDatabase:
    """Return what the database knows of a page, with its first rejected items."""
    if run_id >= 2**31:
        return PageInDatabase(run=None, request=None, rejected=())
    return PageInDatabase(
        run=session.get(CrawlRun, run_id),
        request=session.get(CrawlRequest, (run_id, number)),
        rejected=session.scalars(
            select(RejectedItem)
            .where(RejectedItem.run_id == run_id, RejectedItem.request_number == number)
            .order_by(RejectedItem.id)
            .limit(limit)
        ).all(),
    )


def orders_of_page(session: Session, name: str, run_id: int) -> list[CrawlOrder]:
    """Return the last orders that replay a page or save it as a test, the newest first."""
    query = (
        select(CrawlOrder)
        .where(CrawlOrder.run_id == run_id, CrawlOrder.kind.in_((REPLAY, SAVE_TEST)))
        .order_by(CrawlOrder.id.desc())
        .limit(RECENT_ORDERS)
    )
    return [one for one in session.scalars(query) if (one.arguments or {}).get("snapshot") == name]
