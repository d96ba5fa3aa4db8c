"""The tables of shared runs: the workers, which are processes that crawl one run together, and the run's partitions.

A host belongs to one partition of a run, and a partition to one worker at a time. Each taking of a partition is a
*tenure* with an owner of its own: a random text that is never used again. A transaction of a worker locks its tenures.
docs/transactions.md explains why this is safe.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ForeignKey, and_, bindparam, false, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.types import ExactString, FreeString, UtcDateTime

PARTITIONS = 64  # of a shared run
MOST_PARTITIONS = 1024
# A worker without a committed transaction for so long loses its partitions. It stops by its own clock before.
WORKER_TIMEOUT = timedelta(seconds=15)
# Seconds for which a transaction of a worker may do nothing. Then the server rolls it back: a worker that is stopped or
# cut off inside a transaction would otherwise keep its locks, and no other worker could take its partitions.
IDLE_LIMIT = 10


class CrawlWorker(Base):
    """A process that takes part in a shared run.

    ``commits`` counts its committed transactions: after a lost connection it reads from it whether its last COMMIT took
    place. ``idle`` says that it has no request in memory and none in its partitions. ``leaving`` says that it gives its
    partitions up and takes none.
    """

    __tablename__ = "crawl_worker"

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    process: Mapped[str] = mapped_column(ExactString(200))
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    commits: Mapped[int] = mapped_column(BigInteger, default=0)
    pages: Mapped[int] = mapped_column(BigInteger, default=0)  # that it has committed
    idle: Mapped[bool] = mapped_column(default=False)
    leaving: Mapped[bool] = mapped_column(default=False, server_default=false())
    note: Mapped[str | None] = mapped_column(FreeString(1000))  # why it left


class CrawlPartition(Base):
    """A partition of a shared run: who may work on its hosts now. ``commits`` counts its transactions."""

    __tablename__ = "crawl_partition"

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str | None] = mapped_column(ExactString(32))
    worker: Mapped[int | None]
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    commits: Mapped[int] = mapped_column(BigInteger, default=0)


class Tenure(NamedTuple):
    """The time for which a worker has a partition, named by its owner."""

    part: int
    owner: str


class PartitionsLost(Exception):
    """Other workers have taken partitions over; what this worker wrote before is safe."""

    def __init__(self, tenures: Collection[Tenure]) -> None:
        super().__init__(f"other workers have partitions {', '.join(str(one.part) for one in tenures)} now")
        self.tenures = frozenset(tenures)


_partitions: Any = CrawlPartition.__table__
# No two partitions have one owner, so these conditions find no other pairs. SQLAlchemy is slow with a condition for
# each pair, and with a new statement for each transaction.
_ours = and_(
    _partitions.c.run_id == bindparam("of_run"),
    _partitions.c.part.in_(bindparam("parts", expanding=True)),
    _partitions.c.owner.in_(bindparam("owners", expanding=True)),
)
_HOLD = update(_partitions).where(_ours).values(commits=_partitions.c.commits + 1)
_HELD = select(_partitions.c.part, _partitions.c.owner).where(_ours)


def partition_of(slot: str, partitions: int) -> int:
    """Return the partition of a download slot, which is the same in all processes."""
    digest = hashlib.blake2b(slot.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions


def hold_partitions(session: Session, run_id: int, tenures: Iterable[Tenure]) -> None:
    """Lock partitions until the transaction ends. Call this before the transaction writes anything of their hosts.

    Raises:
        PartitionsLost: another worker has one of them; the transaction must be rolled back.
    """
    wanted = sorted(set(tenures))
    if not wanted:
        return
    ours = {
        "of_run": run_id,
        "parts": [one.part for one in wanted],
        "owners": [one.owner for one in wanted],
    }
    held: Any = session.execute(_HOLD, ours)
    if held.rowcount != len(wanted):
        left = {Tenure(*row) for row in session.execute(_HELD, ours)}
        raise PartitionsLost([one for one in wanted if one not in left])
