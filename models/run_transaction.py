"""The first statement of every transaction of a run: it locks the run, or the worker's row, and counts the transaction.

docs/transactions.md explains why no transaction takes place twice.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Update, bindparam, select, text, update
from sqlalchemy.orm import Session

from models.process_id import Process
from models.run import CLOCKS, GIVEN_UP, ClaimedRun, CrawlRun, RunLost, database_now
from models.worker import CrawlWorker


def begin_transaction(session: Session, run: ClaimedRun, commits: int, *, pages: int = 0) -> bool:
    """Lock the run's row and count the transaction; this is the first statement of every transaction of a run.

    Args:
        commits: how many transactions of the run this process knows to be committed.
        pages: how many pages the transaction settles; a worker of a shared run counts its own.

    Returns:
        False if this transaction is committed already: only the answer to its COMMIT was lost. True otherwise.

    Raises:
        RunLost: another process owns the run, or nobody: it is over, left to be resumed, or deleted.
    """
    if run.worker is not None:
        return _begin_transaction_of_worker(session, run, commits, pages)
    dialect = session.get_bind().dialect.name
    values: dict[str, Any] = {"of_run": run.id, "of_owner": run.owner, "committed": commits}
    if dialect == "sqlite":  # its clock returns text of another length than SQLAlchemy's
        values["heartbeat_at"] = database_now(session)
    counted: Any = session.execute(_count_transaction(dialect), values)
    if counted.rowcount == 1:
        return True
    row = session.execute(
        select(CrawlRun.owner, CrawlRun.commits, CrawlRun.finish_reason).where(CrawlRun.id == run.id)
    ).one_or_none()
    if row is not None and row.commits == commits + 1:
        # The last transaction of a process leaves the run without an owner, and so does a process that gives it up.
        is_ended_by_us = row.owner is None and row.finish_reason not in (None, GIVEN_UP)
        if row.owner == run.owner or is_ended_by_us:
            return False
    raise RunLost(f"run {run.id} of {run.spider} {_what_became_of(row.owner) if row else 'was deleted'}")


# These statements begin every transaction, and SQLAlchemy takes as long to make them as to send them.
@cache
def _count_transaction(dialect: str) -> Update:
    runs: Any = CrawlRun.__table__
    clock = {} if dialect == "sqlite" else {"heartbeat_at": text(CLOCKS[dialect])}  # it saves a query
    committed = bindparam("committed", type_=BigInteger())
    return (
        update(runs)
        .where(
            runs.c.id == bindparam("of_run"),
            runs.c.owner == bindparam("of_owner"),
            runs.c.commits == committed,
        )
        .values(commits=committed + 1, **clock)
    )


@cache
def _count_transaction_of_worker(dialect: str) -> Update:
    workers: Any = CrawlWorker.__table__
    committed = bindparam("committed", type_=BigInteger())
    return (
        update(workers)
        .where(
            workers.c.run_id == bindparam("of_run"),
            workers.c.number == bindparam("of_worker"),
            workers.c.left_at.is_(None),
            workers.c.commits == committed,
        )
        .values(
            commits=committed + 1,
            pages=workers.c.pages + bindparam("more_pages", type_=BigInteger()),
            heartbeat_at=text(CLOCKS[dialect]),
        )
    )


def _begin_transaction_of_worker(session: Session, run: ClaimedRun, commits: int, pages: int) -> bool:
    """Lock the worker's row, as ``begin_transaction`` does the run's row; count the transaction and its pages."""
    counted: Any = session.execute(
        _count_transaction_of_worker(session.get_bind().dialect.name),
        {"of_run": run.id, "of_worker": run.worker, "committed": commits, "more_pages": pages},
    )
    if counted.rowcount == 1:
        return True
    row = session.execute(
        select(CrawlWorker.commits).where(CrawlWorker.run_id == run.id, CrawlWorker.number == run.worker)
    ).one_or_none()
    if row is not None and row.commits == commits + 1:
        return False
    raise RunLost(
        f"worker {run.worker} of run {run.id} of {run.spider} "
        f"{'was put out of the run by another process' if row else 'was deleted'}"
    )


def _what_became_of(owner: str | None) -> str:
    process = Process.parse(owner) if owner else None
    if process is not None:
        return f"was taken over by {process.shown}"
    return "has no owner any more: another process gave it up"
