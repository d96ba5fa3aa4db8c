"""The table ``host_rate``: the pages of each host that a process has settled in its last interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Double, ForeignKey, bindparam, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.host import LONGEST_HOST
from models.run import ClaimedRun
from models.text import storable
from models.types import ExactString, UtcDateTime

MOST_HOSTS = 30  # of a process: those with the most pages
FRESH = timedelta(seconds=60)  # older rows are those of a process that was killed


class HostRate(Base):
    """The pages of a host that a process has settled in so many seconds before ``at``.

    Each process writes and deletes only the rows of its own number, so no process waits for the rows of another one.
    """

    __tablename__ = "host_rate"

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    worker: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 0: the run is not shared
    host: Mapped[str] = mapped_column(ExactString(LONGEST_HOST), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float] = mapped_column(Double)
    pages: Mapped[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPages:
    """How many pages of each host a process has settled in some seconds."""

    seconds: float
    pages: Mapping[str, int]


_table: Any = HostRate.__table__
# By the whole key: the statement locks no row of another process, whatever plan the database makes.
_delete_one = delete(_table).where(
    _table.c.run_id == bindparam("of_run"),
    _table.c.worker == bindparam("of_worker"),
    _table.c.host == bindparam("of_host"),
)


def replace_rates(session: Session, run: ClaimedRun, found: HostPages, now: datetime) -> None:
    """Store the pages by host in place of those that this process has stored before."""
    worker = run.worker or 0
    _delete(session, run.id, _table.c.worker == worker)
    rows = [
        {"run_id": run.id, "worker": worker, "host": storable(host), "at": now, "seconds": found.seconds}
        | {"pages": pages}
        for host, pages in found.pages.items()
    ]
    if rows:
        session.execute(insert(_table), rows)


def forget_rates(session: Session, run: ClaimedRun, now: datetime) -> None:
    """Delete the rows of this process, which ends, and those of processes of its run that were killed."""
    _delete(session, run.id, (_table.c.worker == (run.worker or 0)) | (_table.c.at < now - FRESH))


def _delete(session: Session, run_id: int, which: Any) -> None:
    found = session.execute(select(_table.c.worker, _table.c.host).where(_table.c.run_id == run_id, which))
    keys = [{"of_run": run_id, "of_worker": row.worker, "of_host": row.host} for row in found]
    if keys:
        session.execute(_delete_one, keys)
