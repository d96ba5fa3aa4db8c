"""What one transaction of a run does: rows, their changes and events, rejected items, new requests, "done"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from crawler.page import Commit, Committed
from crawler.row import Rejection, ValidRow
from models import CrawlRun, RejectedItem, Row
from models.change import CHANGED, CREATED, RETURNED, Change
from models.request import insert_new, settle
from models.run import HeldRun, database_now
from pipelines.batch import write_batch
from pipelines.record import record
from pipelines.seen import mark_seen
from pipelines.target import Target
from pipelines.text import storable


def write_pages(session: Session, target: Target, commits: Sequence[Commit], number: int) -> list[Committed]:
    """Write the commits as the run's transaction ``number``; gives what became of each."""
    run = target.run
    now = database_now(session)
    rows = [row for commit in commits for row in commit.rows]
    changes = write_batch(session, rows, run_id=run.id, now=now, all_new=target.all_new) if rows else []
    if changes:
        record(session, target, changes, number, now)
    rejected = [(commit, rejection) for commit in commits for rejection in commit.rejections]
    if rejected:
        _keep_rejected(session, run, rejected, now)
    found = [request for commit in commits for request in commit.requests]
    states = insert_new(session, run.id, found, target.admits) if found else {}
    settle(session, run.id, [commit.settled for commit in commits if commit.settled], now)
    if any(commit.start_read for commit in commits):
        session.execute(update(CrawlRun).where(CrawlRun.id == run.id).values(start_read=True))
    tally = _tally(rows, changes, [rejection for _, rejection in rejected])
    return [
        Committed(
            states={r.number: states[r.number] for r in commit.requests if r.number in states},
            changes=tally if position == 0 else {},
            stored=len(commit.rows),
            rejected=len(commit.rejections),
        )
        for position, commit in enumerate(commits)
    ]


def _tally(
    rows: Sequence[ValidRow], changes: Sequence[Change], rejections: Sequence[Rejection]
) -> Mapping[str, int]:
    """What became of rows and items, by table: "book/created", "book/unchanged", "book/rejected"."""
    counted = Counter(f"{change.model.__tablename__}/{change.kind}" for change in changes)
    for table, number in Counter(row.model.__tablename__ for row in rows).items():
        touched = sum(counted[f"{table}/{kind}"] for kind in (CREATED, CHANGED, RETURNED))
        if number > touched:
            counted[f"{table}/unchanged"] = number - touched
    counted.update(f"{rejection.model.__tablename__}/rejected" for rejection in rejections)
    return counted


def _keep_rejected(
    session: Session, run: HeldRun, rejected: Sequence[tuple[Commit, Rejection]], now: Any
) -> None:
    rows = [
        {
            "run_id": run.id,
            "request_number": commit.number,
            "spider": run.spider,
            "table_name": rejection.model.__tablename__,
            "url": storable(commit.url),
            "item": dict(rejection.item),
            "reasons": dict(rejection.reasons),
            "at": now,
            "keyed": rejection.key is not None,
            "kept_page": commit.kept_page,
            "replayed_at": None,
        }
        for commit, rejection in rejected
    ]
    session.execute(insert(RejectedItem.__table__), rows)  # type: ignore[arg-type]
    keys: dict[type[Row], list[tuple[Any, ...]]] = {}
    for _, rejection in rejected:
        if rejection.key is not None:
            keys.setdefault(rejection.model, []).append(rejection.key)
    for model, of_model in keys.items():
        mark_seen(session, model, of_model, run_id=run.id, now=now)


def refused_rows(session: Session, target: Target, rows: Sequence[ValidRow]) -> list[tuple[ValidRow, str]]:
    """Which of the rows the database refuses, each with its reason; found by halves, each half in a savepoint."""
    savepoint = session.begin_nested()
    try:
        write_batch(session, rows, run_id=target.run.id, now=database_now(session))
        savepoint.commit()
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        savepoint.rollback()
        if len(rows) == 1:
            cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
            return [(rows[0], f"the database refused it: {' '.join(str(cause).split())}")]
        middle = len(rows) // 2
        return refused_rows(session, target, rows[:middle]) + refused_rows(session, target, rows[middle:])
    return []
