"""What a scheduler writes and reads: its heartbeat, the spiders that it knows, and the orders that it carries out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models.crawl_order import (
    ASKED,
    DONE,
    FAILED,
    OF_RUN,
    OF_SCHEDULER,
    OVER,
    START,
    TAKEN,
    CrawlOrder,
    end,
    take,
)
from models.process_id import Process
from models.run import HEARTBEAT_TIMEOUT, CrawlRun, living_workers
from models.spider_schedule import SchedulerProcess, SpiderSchedule

AGAIN = "carried out again: the scheduler that had taken it ended"
ASK_AGAIN = "the scheduler ended meanwhile; ask again"
BEGUN = "its command runs"
UNKNOWN = "the scheduler ended while the command ran: check its effect before you ask again"
NEVER = timedelta(days=365)  # the age of a heartbeat that a process never wrote


@dataclass(frozen=True, kw_only=True)
class TakenOrder:
    """An order that this scheduler has taken and has to carry out."""

    id: int
    kind: str
    spider: str | None
    run_id: int | None
    asked_by: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SpiderFacts:
    """What the scheduler knows about a spider.

    Attributes:
        declared: its schedule, or that of the setting SCHEDULE; None: it has none.
        arguments: the names of its arguments; None: they are not known.
        recipients: who hears its alarms, as people see them.
    """

    declared: str | None
    arguments: Sequence[str] | None = None
    recipients: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What people have set for a spider."""

    chosen: str | None
    is_paused: bool


def beat(session: Session, process: str, now: datetime) -> None:
    """Write the heartbeat of this scheduler; its first one makes the row."""
    row = session.get(SchedulerProcess, process)
    if row is None:
        session.add(SchedulerProcess(process=process, started_at=now, heartbeat_at=now))
    else:
        row.heartbeat_at = now
    session.flush()


def leave(session: Session, process: str) -> None:
    """Delete the row of this scheduler, which ends."""
    session.execute(delete(SchedulerProcess).where(SchedulerProcess.process == process))


def note_spiders(session: Session, spiders: Mapping[str, SpiderFacts], timezone: str, now: datetime) -> None:
    """Write the spiders that this scheduler has loaded. What people have set stays as it is."""
    known = {row.spider: row for row in session.scalars(select(SpiderSchedule))}
    for name, facts in spiders.items():
        row = known.get(name)
        if row is None:
            row = SpiderSchedule(spider=name)
            session.add(row)
        row.declared, row.timezone, row.loaded_at = facts.declared, timezone, now
        row.spider_arguments = list(facts.arguments) if facts.arguments is not None else None
        row.recipients = list(facts.recipients)
    session.flush()


def note_next_times(session: Session, times: Mapping[str, datetime | None]) -> None:
    """Write when the spiders start next; None: not by a schedule."""
    for name, due in times.items():
        session.execute(update(SpiderSchedule).where(SpiderSchedule.spider == name).values(next_at=due))


def choices(session: Session, names: Collection[str]) -> dict[str, Choice]:
    """Return what people have set for these spiders."""
    query = select(SpiderSchedule.spider, SpiderSchedule.chosen, SpiderSchedule.paused_at)
    return {
        row.spider: Choice(chosen=row.chosen, is_paused=row.paused_at is not None)
        for row in session.execute(query)
        if row.spider in names
    }


def take_orders(session: Session, spiders: Collection[str], process: str, now: datetime) -> None:
    """Take the orders that wait; those for spiders of other projects are left."""
    asked = session.scalars(
        select(CrawlOrder)
        .where(CrawlOrder.state == ASKED, CrawlOrder.kind.in_(OF_SCHEDULER))
        .order_by(CrawlOrder.id)
    )
    for order in list(asked):
        if _is_known(session, order, spiders):
            take(session, order.id, process, now)


def orders_of(session: Session, process: str, known: Collection[int]) -> list[TakenOrder]:
    """Return the orders that this scheduler has taken, but those that it knows: it carries them out.

    Also the answer to a COMMIT may be lost: an order that was taken then is found here by the next look.
    """
    mine = select(CrawlOrder).where(
        CrawlOrder.state == TAKEN,
        CrawlOrder.taken_by == process,
        CrawlOrder.kind.in_(OF_SCHEDULER),
        (CrawlOrder.kind != START) | CrawlOrder.run_id.is_(None),
    )
    return [
        TakenOrder(
            id=order.id,
            kind=order.kind,
            spider=order.spider,
            run_id=order.run_id,
            asked_by=order.asked_by,
            arguments=order.arguments if isinstance(order.arguments, dict) else {},
        )
        for order in session.scalars(mine.order_by(CrawlOrder.id))
        if order.id not in known
    ]


def begin_command(session: Session, order_id: int, process: str) -> bool:
    """Note that this scheduler starts the command of an order; return False if the order is not its own any more.

    Commands do not mark their orders themselves, as crawls do. So a command that may have begun is not started again.
    """
    begun: Any = session.execute(
        update(CrawlOrder)
        .where(CrawlOrder.id == order_id, CrawlOrder.state == TAKEN, CrawlOrder.taken_by == process)
        .values(message=BEGUN)
        .execution_options(synchronize_session=False)
    )
    return bool(begun.rowcount == 1)


def take_over_orders(
    session: Session, spiders: Collection[str], process: str, known: Collection[int], now: datetime
) -> None:
    """Take over the orders of schedulers that have died, each once, and delete the rows of these schedulers.

    A START whose crawl has no run is started again: the crawl itself makes sure that the order has one run. Another
    command is started if it has not begun; if it has, its order ends as failed. So does an order whose scheduler dies a
    second time.
    """
    beats = {row.process: row.heartbeat_at for row in session.scalars(select(SchedulerProcess))}
    dead = [name for name, beat_at in beats.items() if name != process and not _is_alive(name, now - beat_at)]
    open_orders = session.scalars(
        select(CrawlOrder).where(CrawlOrder.state == TAKEN, CrawlOrder.kind.in_(OF_SCHEDULER))
    )
    for order in list(open_orders):
        is_mine = order.taken_by == process
        if is_mine and (order.id in known or order.kind != START or order.run_id is None):
            continue  # this scheduler carries it out
        beat_at = beats.get(order.taken_by or "")
        if not is_mine and _is_alive(order.taken_by, now - beat_at if beat_at is not None else NEVER):
            continue
        if not _is_known(session, order, spiders):
            continue
        if order.kind == START and order.run_id is not None:
            if not _is_crawled(session, order.run_id, now):
                end(session, order.id, FAILED, _killed(order.run_id), now)
        elif order.message == BEGUN:
            end(session, order.id, FAILED, UNKNOWN, now)
        elif order.message == AGAIN:
            _end_without_run(session, order.id, FAILED, ASK_AGAIN, now)
        else:
            _retake(session, order, process, now)
    if dead:
        session.execute(delete(SchedulerProcess).where(SchedulerProcess.process.in_(dead)))


def end_start(session: Session, order_id: int, *, succeeded: bool, message: str, now: datetime) -> None:
    """End a START whose process has ended and has not done this itself.

    Args:
        succeeded: for a process that has claimed no run.
    """
    order = session.execute(
        select(CrawlOrder.state, CrawlOrder.run_id).where(CrawlOrder.id == order_id)
    ).one_or_none()
    if order is None or order.state != TAKEN:
        return
    if order.run_id is not None:
        if not _is_crawled(session, order.run_id, now):
            end(session, order_id, FAILED, f"{_killed(order.run_id)}: {message}", now)
        return
    _end_without_run(session, order_id, DONE if succeeded else FAILED, message, now)


def fail_orders_of_ended_runs(session: Session, now: datetime) -> None:
    """End the orders for runs that were over before the order was in the table."""
    session.execute(
        update(CrawlOrder)
        .where(
            CrawlOrder.state == ASKED,
            CrawlOrder.kind.in_(OF_RUN),
            CrawlOrder.run_id.in_(select(CrawlRun.id).where(CrawlRun.finished_at.is_not(None))),
        )
        .values(state=FAILED, message=OVER, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def _is_alive(process: str | None, heartbeat_age: timedelta) -> bool:
    parsed = Process.parse(process or "")
    return parsed is not None and parsed.may_be_alive(heartbeat_age, HEARTBEAT_TIMEOUT)


def _killed(run_id: int) -> str:
    return f"the crawl of run {run_id} ended without a verdict; the next crawl resumes the run"


def _is_known(session: Session, order: CrawlOrder, spiders: Collection[str]) -> bool:
    """Return whether the order is for one of the spiders; an order that names none is for every scheduler."""
    spider = order.spider
    if spider is None and order.run_id is not None:
        spider = session.scalar(select(CrawlRun.spider).where(CrawlRun.id == order.run_id))
    return spider is None or spider in spiders


def _end_without_run(session: Session, order_id: int, state: str, message: str, now: datetime) -> None:
    """End an order, but not a START whose crawl has claimed its run since the order was read."""
    session.execute(
        update(CrawlOrder)
        .where(
            CrawlOrder.id == order_id,
            CrawlOrder.state == TAKEN,
            (CrawlOrder.kind != START) | CrawlOrder.run_id.is_(None),
        )
        .values(state=state, message=message, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def _retake(session: Session, order: CrawlOrder, process: str, now: datetime) -> None:
    session.execute(
        update(CrawlOrder)
        .where(
            CrawlOrder.id == order.id,
            CrawlOrder.state == TAKEN,
            CrawlOrder.taken_by == order.taken_by,
            CrawlOrder.run_id.is_(None) if order.kind == START else CrawlOrder.message.is_(None),
        )
        .values(taken_by=process, taken_at=now, message=AGAIN)
        .execution_options(synchronize_session=False)
    )


def _is_crawled(session: Session, run_id: int, now: datetime) -> bool:
    """Return whether a living process has the run."""
    row = session.execute(
        select(CrawlRun.owner, CrawlRun.heartbeat_at, CrawlRun.partitions).where(CrawlRun.id == run_id)
    ).one_or_none()
    if row is None:
        return False
    if _is_alive(row.owner, now - row.heartbeat_at if row.heartbeat_at is not None else NEVER):
        return True
    return row.partitions is not None and bool(living_workers(session, run_id, now))
