"""Samples of a run: how many requests were queued, done and failed, over the time of the run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.types import UtcDateTime

MOST_SAMPLES = 240  # of a run; then every second one is deleted


class RunSample(Base):
    """The state of a run's frontier at a datetime; ``number`` counts from 0 within the run."""

    __tablename__ = "run_sample"

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    queued: Mapped[int] = mapped_column(BigInteger)  # and leased
    done: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)  # and refused
    rows: Mapped[int] = mapped_column(BigInteger)  # stored, a row of several pages once for each
    memory: Mapped[int | None] = mapped_column(BigInteger)  # bytes, of the process


_table: Any = RunSample.__table__


def thin_out(session: Session, run_id: int) -> bool:
    """Delete every second sample of a run that has more than MOST_SAMPLES; return whether it had.

    The caller then takes samples half as often.
    """
    number = session.scalar(select(func.count()).where(_table.c.run_id == run_id)) or 0
    if number <= MOST_SAMPLES:
        return False
    numbers = session.scalars(
        select(_table.c.number).where(_table.c.run_id == run_id).order_by(_table.c.number)
    ).all()
    session.execute(delete(_table).where(_table.c.run_id == run_id, _table.c.number.in_(numbers[1::2])))
    return True
