"""Samples of a run: how many requests were queued, done and failed, over the time of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.request import DONE, FAILED, LEASED, QUEUED, REFUSED, CrawlRequest
from models.run_condition import in_run
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
    # Pages that a renderer rendered, and that came by plain HTTP. NULL: not known, because the run is from before an
    # update.
    rendered: Mapped[int | None] = mapped_column(BigInteger)
    plain: Mapped[int | None] = mapped_column(BigInteger)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A sample that is not stored yet; the fields are those of RunSample."""

    queued: int = 0
    done: int = 0
    failed: int = 0
    rows: int = 0
    memory: int | None = None
    rendered: int | None = None
    plain: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What processes of a run have done and no table counts; the fields are those of RunSample. None: not known."""

    rows: int = 0
    rendered: int | None = 0
    plain: int | None = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            rows=self.rows + other.rows,
            rendered=_sum(self.rendered, other.rendered),
            plain=_sum(self.plain, other.plain),
        )

    def __sub__(self, other: Work) -> Work:
        return self + Work(
            rows=-other.rows,
            rendered=None if other.rendered is None else -other.rendered,
            plain=None if other.plain is None else -other.plain,
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


_table: Any = RunSample.__table__


def store_sample(session: Session, run_id: int, sample: Sample, now: datetime) -> None:
    """Append a sample to those of a run, whose row this transaction has locked."""
    last = session.scalar(select(func.max(_table.c.number)).where(_table.c.run_id == run_id))
    session.execute(
        insert(_table).values(
            run_id=run_id,
            number=0 if last is None else last + 1,
            at=now,
            queued=sample.queued,
            done=sample.done,
            failed=sample.failed,
            rows=sample.rows,
            memory=sample.memory,
            rendered=sample.rendered,
            plain=sample.plain,
        )
    )


def counted_sample(session: Session, run_id: int) -> Sample:
    """Count the requests of a run in the table; the sample has nothing else."""
    query = select(CrawlRequest.state, func.count()).where(in_run(CrawlRequest.run_id, run_id))
    return sample_of({row[0]: row[1] for row in session.execute(query.group_by(CrawlRequest.state))})


def sample_of(states: Mapping[str, int]) -> Sample:
    """Return the sample of these numbers of requests by state, with nothing else."""
    return Sample(
        queued=states.get(QUEUED, 0) + states.get(LEASED, 0),
        done=states.get(DONE, 0),
        failed=states.get(FAILED, 0) + states.get(REFUSED, 0),
    )


def last_work(session: Session, run_id: int) -> Work:
    """Return the work of a run's last sample; none if it has no sample."""
    query = select(_table.c.rows, _table.c.rendered, _table.c.plain).where(_table.c.run_id == run_id)
    row = session.execute(query.order_by(_table.c.number.desc()).limit(1)).one_or_none()
    return Work(**row._mapping) if row is not None else Work()


def add_work(session: Session, run_id: int, work: Work) -> bool:
    """Add work to the last sample of a run, whose row this transaction has locked; return False if it has none."""
    last = session.scalar(select(func.max(_table.c.number)).where(_table.c.run_id == run_id))
    if last is None:
        return False
    one = _table.c.run_id == run_id, _table.c.number == last
    added = {name: _table.c[name] + number for name, number in asdict(work).items()}
    session.execute(update(_table).where(*one).values(added))
    return True


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
