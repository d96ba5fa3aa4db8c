"""Orders: what a person asks for in the console, and what became of it.

The scheduler (``scrapy schedule --run``) carries out the orders that start a command, and a running crawl those for its
run. Each order is carried out at most once: the process that *takes* it changes its state in one statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.types import ExactString, FreeString, FreeText, LongJson, UtcDateTime

# The states. An order is ASKED until a process takes it.
ASKED, TAKEN, DONE, FAILED, WITHDRAWN = "asked", "taken", "done", "failed", "withdrawn"
OPEN = (ASKED, TAKEN)
LONGEST_RESULT = 4000  # characters

# The kinds that the scheduler carries out, and those that the crawl of a run carries out.
START, REPLAY, SAVE_TEST, ACCEPT, SEND_AGAIN = "start", "replay", "save_test", "accept", "send_again"
STOP, PAUSE, RESUME = "stop", "pause", "resume"
OF_SCHEDULER = (START, REPLAY, SAVE_TEST, ACCEPT, SEND_AGAIN)
OF_RUN = (STOP, PAUSE, RESUME)
OVER = "the run ended before"  # the result of an order for a run that was over when a process might have taken it


class CrawlOrder(Base):
    """An order. ``run_id`` is the run that it is about; of a START it is NULL until the crawl has claimed its run.

    ``arguments`` depends on the kind: of a START ``{"arguments": {name: text}, "failed_only": bool, "fresh": bool}``,
    of a REPLAY and a SAVE_TEST ``{"snapshot": path}``, of a SEND_AGAIN ``{"sink": name}``. ``message`` is the result in
    words.
    """

    __tablename__ = "crawl_order"
    __table_args__ = (
        Index("ix_crawl_order_state", "state", "id"),
        Index("ix_crawl_order_run", "run_id", "id"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    kind: Mapped[str] = mapped_column(ExactString(20))
    spider: Mapped[str | None] = mapped_column(FreeString(100))
    run_id: Mapped[int | None]
    arguments: Mapped[dict[str, Any] | None] = mapped_column(LongJson())
    state: Mapped[str] = mapped_column(ExactString(10), default=ASKED)
    asked_by: Mapped[str] = mapped_column(FreeString(255))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_by: Mapped[str | None] = mapped_column(ExactString(200))  # a process
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(FreeText())


def ask(
    session: Session,
    kind: str,
    *,
    by: str,
    now: datetime,
    spider: str | None = None,
    run_id: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> CrawlOrder:
    """Insert an order and return it."""
    order = CrawlOrder(
        kind=kind,
        spider=spider,
        run_id=run_id,
        arguments=dict(arguments) if arguments is not None else None,
        state=ASKED,
        asked_by=by,
        asked_at=now,
    )
    session.add(order)
    session.flush()
    return order


def asked_orders(session: Session, kinds: Sequence[str], *, run_id: int | None = None) -> list[CrawlOrder]:
    """Return the orders of these kinds that no process has taken, the oldest first.

    Args:
        run_id: only those for this run; None: all.
    """
    query = select(CrawlOrder).where(CrawlOrder.state == ASKED, CrawlOrder.kind.in_(kinds))
    if run_id is not None:
        query = query.where(CrawlOrder.run_id == run_id)
    return list(session.scalars(query.order_by(CrawlOrder.id)))


def take(session: Session, order_id: int, process: str, now: datetime) -> bool:
    """Take an order for this process; return False if another process has taken it, or a person has withdrawn it."""
    taken: Any = session.execute(
        update(CrawlOrder)
        .where(CrawlOrder.id == order_id, CrawlOrder.state == ASKED)
        .values(state=TAKEN, taken_by=process, taken_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(taken.rowcount == 1)


def withdraw(session: Session, order_id: int, now: datetime) -> bool:
    """Withdraw an order; return False if a process has taken it."""
    withdrawn: Any = session.execute(
        update(CrawlOrder)
        .where(CrawlOrder.id == order_id, CrawlOrder.state == ASKED)
        .values(state=WITHDRAWN, ended_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(withdrawn.rowcount == 1)


def claim_order(session: Session, order_id: int, run_id: int) -> bool:
    """Give the run to a START that a scheduler has taken; return False if it has a run already, or has ended."""
    claimed: Any = session.execute(
        update(CrawlOrder)
        .where(CrawlOrder.id == order_id, CrawlOrder.state == TAKEN, CrawlOrder.run_id.is_(None))
        .values(run_id=run_id)
        .execution_options(synchronize_session=False)
    )
    return bool(claimed.rowcount == 1)


def fail_orders_of_run(session: Session, run_id: int, now: datetime) -> None:
    """End the orders for a run that no process has taken: the run is over."""
    session.execute(
        update(CrawlOrder)
        .where(CrawlOrder.run_id == run_id, CrawlOrder.state == ASKED, CrawlOrder.kind.in_(OF_RUN))
        .values(state=FAILED, message=OVER, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def end(session: Session, order_id: int, state: str, message: str, now: datetime) -> None:
    """Store the result of an order that this process has taken.

    Args:
        state: DONE or FAILED.
    """
    session.execute(
        update(CrawlOrder)
        .where(CrawlOrder.id == order_id, CrawlOrder.state == TAKEN)
        .values(state=state, message=message, ended_at=now)
        .execution_options(synchronize_session=False)
    )
