"""The orders for a run (STOP, PAUSE, RESUME): a person asks, and the process of the run takes and ends them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from models.command_name import command
from models.crawl_order import DONE, OF_RUN, PAUSE, RESUME, STOP, CrawlOrder, ask, asked_orders, end, take
from models.run import ClaimedRun, CrawlRun, database_now, lock_run
from models.worker import CrawlWorker


class CannotAsk(Exception):
    """The order makes no sense; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """What people have ordered for a run.

    Attributes:
        stopped_by: who wants the crawl to stop; None: nobody.
        paused_by: who has paused the run; None: it is not paused.
        paused_at: since when.
    """

    stopped_by: str | None = None
    paused_by: str | None = None
    paused_at: datetime | None = None


def ask_of_run(session: Session, kind: str, run_id: int, *, by: str) -> tuple[CrawlOrder, bool]:
    """Insert an order for a run and return it; False with it if the same order was asked before and waits.

    Raises:
        CannotAsk: there is no such run, or it is over.
    """
    query = select(CrawlRun.spider, CrawlRun.finished_at).where(CrawlRun.id == run_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise CannotAsk(f"there is no run {run_id}; `{command('runs')}` lists them")
    if row.finished_at is not None:
        raise CannotAsk(f"run {run_id} is over since {row.finished_at:%F %T} UTC")
    waiting = asked_orders(session, OF_RUN, run_id=run_id)
    if waiting and waiting[-1].kind == kind:
        return waiting[-1], False
    return ask(session, kind, by=by, now=database_now(session), spider=row.spider, run_id=run_id), True


def carry_out(session: Session, run: ClaimedRun) -> Ordered:
    """Take and end the orders for this process's run, and return what holds now. Call ``begin_transaction`` before.

    A STOP ends as done here, in one transaction: the caller stops the crawl when it is committed. A process that dies
    between the two has stopped, too.
    """
    stopped_by: str | None = None
    orders = asked_orders(session, OF_RUN, run_id=run.id)
    if orders:
        if run.is_shared:  # of two workers, one takes the orders, and all of them
            lock_run(session, run.id)
        now = database_now(session)
        for order in orders:
            if not take(session, order.id, run.owner, now):
                continue
            if order.kind == STOP:
                stopped_by, message = order.asked_by, "the crawl stops"
            else:
                message = _set_pause(session, run.id, order, now)
            end(session, order.id, DONE, message, now)
    if run.is_shared and stopped_by is None:
        stopped_by = _stop_of_worker(session, run)
    row = session.execute(
        select(CrawlRun.paused_at, CrawlRun.paused_by).where(
            CrawlRun.id == run.id, CrawlRun.paused_at.is_not(None), CrawlRun.finished_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        return Ordered(stopped_by=stopped_by)
    return Ordered(stopped_by=stopped_by, paused_by=row.paused_by or "nobody", paused_at=row.paused_at)


def _set_pause(session: Session, run_id: int, order: CrawlOrder, now: datetime) -> str:
    """Pause or resume the run; return the result in words."""
    is_pause = order.kind == PAUSE
    assert order.kind in (PAUSE, RESUME)
    changed: Any = session.execute(
        update(CrawlRun)
        .where(
            CrawlRun.id == run_id,
            CrawlRun.paused_at.is_(None) if is_pause else CrawlRun.paused_at.is_not(None),
        )
        .values(paused_at=now if is_pause else None, paused_by=order.asked_by if is_pause else None)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount:
        return "the run is paused" if is_pause else "the run goes on"
    return "the run was paused already" if is_pause else "the run was not paused"


def is_stopped() -> Any:
    """Return the condition that a shared run was stopped by an order, and that no worker has joined it since."""
    joined = (
        select(func.max(CrawlWorker.joined_at))
        .where(CrawlWorker.run_id == CrawlRun.id)
        .correlate(CrawlRun)
        .scalar_subquery()
    )
    return exists().where(
        CrawlOrder.run_id == CrawlRun.id,
        CrawlOrder.kind == STOP,
        CrawlOrder.state == DONE,
        CrawlOrder.ended_at >= joined,
    )


def _stop_of_worker(session: Session, run: ClaimedRun) -> str | None:
    """Return who has stopped the shared run since this worker joined it; None if nobody has."""
    stopped: str | None = session.scalar(
        select(CrawlOrder.asked_by)
        .join(CrawlWorker, (CrawlWorker.run_id == run.id) & (CrawlWorker.number == run.worker))
        .where(
            CrawlOrder.run_id == run.id,
            CrawlOrder.kind == STOP,
            CrawlOrder.state == DONE,
            CrawlOrder.ended_at >= CrawlWorker.joined_at,
        )
        .limit(1)
    )
    return stopped
