"""Trials: runs of at most so many pages, which are over when their process ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from models.base import Row
from models.rejected import RejectedItem
from models.run import (
    ClaimedRun,
    CrawlRun,
    claim_in_turn,
    database_now,
    insert_run,
    lock_unfinished,
    scope_of,
)

MOST_PAGES = 2**31 - 1  # what the column can hold


def begin_trial(
    sessions: sessionmaker[Session],
    spider: str,
    arguments: Mapping[str, Any],
    pages: int,
    *,
    order: int | None = None,
) -> ClaimedRun:
    """Begin a trial of at most so many pages. An interrupted run of the scope stays as it is, to be resumed.

    Raises:
        RunIsAlive: the owner of the scope's unfinished run, or of another trial, is alive.
        OrderIsOver: the order that starts this process was carried out before.
    """

    def begin(session: Session) -> ClaimedRun:
        now = database_now(session)
        lock_unfinished(session, spider, scope_of(spider, arguments), now)
        return insert_run(session, spider, arguments, now, trial_pages=pages)

    return claim_in_turn(sessions, spider, begin, order=order)


def adopt_rows_of_trials(session: Session, run: ClaimedRun, models: Sequence[type[Row]]) -> None:
    """Mark the rows that later trials of the scope have seen as seen by this run.

    A row has the id of the last run that saw it. A trial that was made while this run was interrupted has taken rows
    over from it. Without this step they would not be among the rows of the run.
    """
    later = select(CrawlRun.id).where(
        CrawlRun.scope == run.scope, CrawlRun.id > run.id, CrawlRun.trial_pages.is_not(None)
    )
    trials = session.scalars(later).all()
    if not trials:
        return
    for model in models:
        table = model.bookkeeping_table()
        session.execute(update(table).where(table.c.run_id.in_(trials)).values(run_id=run.id))


def waiting_items(session: Session, run_id: int) -> dict[str, int]:
    """Count the rejected items of a run that are waiting rows: their parent row did not come; by table."""
    found = session.execute(
        select(RejectedItem.table_name, func.count())
        .where(
            RejectedItem.run_id == run_id,
            RejectedItem.waits_for.is_not(None),
            RejectedItem.replayed_at.is_(None),
        )
        .group_by(RejectedItem.table_name)
    )
    return {str(table): number for table, number in found}
