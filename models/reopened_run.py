"""Reopening the last run of a scope, so that its failed pages are crawled again in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from models.command_name import command
from models.process_id import Process
from models.request import FAILED, QUEUED, REFUSED, CrawlRequest
from models.run import (
    ClaimedRun,
    CrawlRun,
    claim_in_turn,
    database_now,
    end_sharing,
    lock_unfinished,
    scope_of,
)

_requests: Any = CrawlRequest.__table__


class CannotReopen(Exception):
    """The scope has no finished run; the message says what to do."""


class NoFailedPage(Exception):
    """The last run of the scope has no page to crawl again; the message names the run."""


def reopen_run(
    sessions: sessionmaker[Session], spider: str, arguments: Mapping[str, Any], *, order: int | None = None
) -> ClaimedRun:
    """Claim the last finished run of the scope, and queue its failed and refused pages again.

    From now on the run is as one that was interrupted: the next crawl resumes it, and its end judges it again.

    Raises:
        CannotReopen: the scope has no run, or its last run is unfinished.
        NoFailedPage: there is nothing to do.
        RunIsAlive: the owner of the scope's unfinished run, or of a trial, is alive.
        OrderIsOver: the order that starts this process was carried out before.
    """
    return claim_in_turn(sessions, spider, lambda session: _reopen(session, spider, arguments), order=order)


def _reopen(session: Session, spider: str, arguments: Mapping[str, Any]) -> ClaimedRun | None:
    scope, me = scope_of(spider, arguments), str(Process.current())
    now = database_now(session)
    unfinished = lock_unfinished(session, spider, scope, now)
    if unfinished is not None:
        raise CannotReopen(
            f"`{command(f'crawl {spider}')}` resumes run {unfinished.id}; --failed-only is for finished runs"
        )
    row = session.execute(
        select(CrawlRun.id, CrawlRun.commits, CrawlRun.start_read)
        .where(CrawlRun.scope == scope, CrawlRun.trial_pages.is_(None))
        .order_by(CrawlRun.id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise CannotReopen(
            f"{spider} has no run with these arguments: `{command(f'crawl {spider}')}` without --failed-only begins one"
        )
    # A login has no stored request: start() yields it again.
    again = _requests.c.run_id == row.id, _requests.c.request.is_not(None)
    pages = session.scalar(select(func.count()).where(*again, _requests.c.state.in_((FAILED, REFUSED))))
    if not pages:
        raise NoFailedPage(
            f"run {row.id}, the last one of {spider}, has no failed or refused page: nothing to do"
        )
    claimed = session.execute(
        update(CrawlRun)
        .where(CrawlRun.id == row.id, CrawlRun.commits == row.commits)
        .values(
            unfinished=scope,
            owner=me,
            heartbeat_at=now,
            held_since=now,
            commits=row.commits + 1,
            verdict=None,
            reasons=None,
            finished_at=None,
            acceptable=None,
            accepted_at=None,
            accepted_by=None,
            partitions=None,
        )
    )
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        return None
    end_sharing(session, row.id, now)
    # A resume queues failed requests again; refused ones only here.
    session.execute(
        update(_requests)
        .where(*again, _requests.c.state == REFUSED)
        .values(state=QUEUED, settled_at=None, not_before=None)
    )
    return ClaimedRun(
        id=row.id,
        spider=spider,
        owner=me,
        commits=row.commits + 1,
        resumed=True,
        start_read=row.start_read,
        scope=scope,
        again=pages,
    )
