"""Shared runs: how a worker joins a run, takes and gives up partitions, and how the run ends.

Workers lock the run's row with ``key_share=True``. PostgreSQL checks the foreign key of a worker's row that a
transaction updates twice, and locks the run's row for that (FOR KEY SHARE). A plain FOR UPDATE waits for these locks of
all other workers, and they for each other.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import case, func, insert, literal_column, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from models.command_name import command
from models.host import waits_of_hosts
from models.partition_shares import share_of, surplus_of
from models.process_id import Process
from models.request import has_open, plain_pages, recover_frontier, release_parts
from models.run import (
    CLOCKS,
    CannotShare,
    ClaimedRun,
    CrawlRun,
    RunIsAlive,
    RunLost,
    claim_in_turn,
    database_now,
    give_up_run,
    insert_run,
    living_process,
    living_workers,
    lock_unfinished,
    scope_of,
)
from models.types import UtcDateTime
from models.worker import CrawlPartition, CrawlWorker, Tenure, hold_partitions

START_PART = 0  # whoever has this partition reads start()
# After this time a worker that has joined and has not looked for partitions has no share: it waits for its renderer.
START_TIME = timedelta(seconds=5)
NUMBERS = 2**40  # requests that a worker may discover: each worker has its own numbers

_partitions: Any = CrawlPartition.__table__
_workers: Any = CrawlWorker.__table__


class RunIsOver(Exception):
    """The run that a worker should join is finished."""


def join_run(
    sessions: sessionmaker[Session],
    spider: str,
    arguments: Mapping[str, Any],
    *,
    partitions: int,
    fresh: bool = False,
    only: int | None = None,
    order: int | None = None,
) -> ClaimedRun:
    """Join the shared run of the spider with these arguments that is not finished, or begin one.

    Args:
        fresh: give up the unfinished run, whose workers are dead, and begin a new one.
        only: join the run with this id, and begin none.

    Raises:
        RunIsOver: the run with the id ``only`` is finished.
        RunIsAlive: one process has the run of the scope; or, with ``fresh``, workers have it.
        CannotShare: the database is SQLite; or one process began the run, and it is not finished.
        OrderIsOver: the order that starts this process was carried out before.
    """
    if sessions.kw["bind"].dialect.name == "sqlite":
        raise CannotShare(
            "an SQLite file has one writer at a time, so workers cannot share a run in it: set DATABASE_URL to MariaDB "
            "or PostgreSQL, or crawl without --shared"
        )

    def join(session: Session) -> ClaimedRun | None:
        return _join(session, spider, arguments, partitions, fresh=fresh, only=only)

    return claim_in_turn(sessions, spider, join, order=order)


def _join(
    session: Session,
    spider: str,
    arguments: Mapping[str, Any],
    partitions: int,
    *,
    fresh: bool,
    only: int | None,
) -> ClaimedRun | None:
    """Join or begin the run; return None if another worker was faster."""
    scope, now = scope_of(spider, arguments), database_now(session)
    shared = (
        select(CrawlRun.id, CrawlRun.partitions)
        .where(CrawlRun.unfinished == scope, CrawlRun.partitions.is_not(None))
        .with_for_update(key_share=True)
    )
    run = session.execute(shared).one_or_none()
    given_up = None
    if only is not None and (run is None or run.id != only):
        raise RunIsOver(f"run {only} of {spider} is over")
    if run is None or fresh:
        try:
            row = lock_unfinished(session, spider, scope, now)
        except RunIsAlive:
            if fresh or session.execute(shared).one_or_none() is None:
                raise
            return None  # another worker has begun it since the first query
        if row is not None and not fresh:
            if row.partitions is not None:
                return None
            raise CannotShare(
                f"run {row.id} of {spider} was begun by one process and is not finished: "
                f"`{command(f'crawl {spider}')}` resumes it, and `--shared --fresh` begins another one"
            )
        if row is not None:
            given_up = give_up_run(session, row, now)
        new = insert_run(session, spider, arguments, now, given_up=given_up, partitions=partitions)
        session.execute(
            insert(_partitions),
            [{"run_id": new.id, "part": part, "commits": 0} for part in range(partitions)],
        )
        run_id, resumed = new.id, False
    else:
        run_id, partitions, resumed = run.id, run.partitions, True
    found = session.execute(
        select(CrawlRun.workers, CrawlRun.start_read, CrawlRun.started_at)
        .where(CrawlRun.id == run_id)
        .with_for_update(key_share=True)
    ).one()
    if resumed and not living_workers(session, run_id, now):
        # All workers have left or died: failed pages are tried again, as when one process resumes a run.
        recover_frontier(session, run_id, start_read=found.start_read, is_shared=True)
        # One of them may be stopped and wake up: it must not commit a page whose rejected items were deleted here.
        session.execute(
            update(_partitions)
            .where(_partitions.c.run_id == run_id)
            .values(owner=None, worker=None, taken_at=None)
        )
    number = found.workers
    session.execute(
        update(CrawlRun)
        .where(CrawlRun.id == run_id)
        .values(workers=number + 1, heartbeat_at=now, verdict=None, reasons=None)
    )
    me = Process.current()
    session.add(
        CrawlWorker(
            run_id=run_id, number=number, process=str(me), joined_at=now, heartbeat_at=now, commits=0, pages=0
        )
    )
    session.flush()
    return ClaimedRun(
        id=run_id,
        spider=spider,
        owner=str(me),
        commits=0,
        resumed=resumed,
        start_read=found.start_read,
        scope=scope,
        given_up=given_up,
        worker=number,
        partitions=partitions,
        started_at=found.started_at,
    )


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The partitions of a worker after it has looked at the others.

    Attributes:
        held: its tenures.
        taken: those of them that it has taken now.
        surplus: how many partitions it has above its share.
        free: the partitions that no living worker has, after ``taken``.
        workers: how many living workers the run has, this one included.
        start_read: everything that start() yields is stored.
        host_waits: the seconds that hosts ask to wait; only with ``taken``.
        plain_pages: as in FrontierState, of the partitions in ``taken``.
    """

    held: Collection[Tenure]
    taken: Sequence[Tenure] = ()
    surplus: int = 0
    free: frozenset[int] = frozenset()
    workers: int = 1
    start_read: bool = False
    host_waits: Mapping[str, float] = field(default_factory=dict)
    plain_pages: Mapping[bytes, Sequence[int]] = field(default_factory=dict)


def balance(session: Session, run: ClaimedRun, tenures: Collection[Tenure], *, takes: bool) -> Balance:
    """Take partitions that nobody has, up to this worker's share. Call ``begin_transaction`` before.

    Args:
        tenures: what this worker had when it looked last.
        takes: False: only look what this worker has.
    """
    assert run.worker is not None and run.partitions is not None
    now, start_read, living = _look_at_workers(session, run)
    # A broker gives partitions to a worker only after its first look.
    joined_since = now - START_TIME if takes else now
    sharers = {one.number for one in living if _has_share(one, joined_since)} | {run.worker}
    rows = session.execute(
        select(_partitions.c.part, _partitions.c.owner, _partitions.c.worker).where(
            _partitions.c.run_id == run.id
        )
    ).all()
    owners = {row.part: row.owner for row in rows}
    held = [one for one in tenures if owners.get(one.part) == one.owner]
    held_parts = {one.part for one in held}
    others = [one.number for one in living if one.number != run.worker]
    is_free = or_(_partitions.c.worker.is_(None), _partitions.c.worker.not_in(others))
    free = [row.part for row in rows if row.worker not in others and row.part not in held_parts]
    share = share_of(run.partitions, sharers, run.worker)
    surplus = max(0, len(held) - share)
    if not takes:
        counts = Counter(row.worker for row in rows)
        surplus = surplus_of(
            run.partitions, {one: counts[one] for one in sharers} | {run.worker: len(held)}, run.worker
        )
    taken: list[Tenure] = []
    if takes and free and share > len(held):
        chosen = random.sample(free, min(len(free), share - len(held)))
        if START_PART in free and not start_read and START_PART not in chosen:
            chosen[0] = START_PART
        query = (
            select(_partitions.c.part)
            .where(_partitions.c.run_id == run.id, _partitions.c.part.in_(chosen), is_free)
            .order_by(_partitions.c.part)
            .with_for_update(skip_locked=True)  # a worker that commits now is not dead
        )
        taken = _take(session, run, session.scalars(query).all(), now)
    return Balance(
        held=[*held, *taken],
        taken=taken,
        surplus=surplus,
        free=frozenset(free) - {one.part for one in taken},
        workers=len(others) + 1,
        start_read=start_read,
        **_state_of(session, run, taken, now),
    )


def _look_at_workers(session: Session, run: ClaimedRun) -> tuple[datetime, bool, list[Any]]:
    """Return the database's time, whether start() is read, and the rows of the living workers, by one query."""
    clock = literal_column(CLOCKS[session.get_bind().dialect.name], UtcDateTime())
    query = (
        select(
            _workers.c.number,
            _workers.c.process,
            _workers.c.heartbeat_at,
            _workers.c.joined_at,
            _workers.c.commits,
            _workers.c.leaving,
            CrawlRun.start_read,
            clock.label("now"),
        )
        .join(CrawlRun, CrawlRun.id == _workers.c.run_id)
        .where(_workers.c.run_id == run.id, _workers.c.left_at.is_(None))
        .order_by(_workers.c.number)
    )
    rows = session.execute(query).all()  # the row of this worker is one of them
    now = rows[0].now
    living = [row for row in rows if living_process(row.process, now - row.heartbeat_at) is not None]
    return now, rows[0].start_read, living


def _has_share(worker: Any, joined_since: datetime) -> bool:
    """Return whether a worker does not leave, and has looked for partitions or has just joined."""
    return not worker.leaving and (worker.commits > 0 or worker.joined_at > joined_since)


def _state_of(session: Session, run: ClaimedRun, taken: Sequence[Tenure], now: datetime) -> dict[str, Any]:
    """Return what this worker must know about partitions that it has taken."""
    if not taken:
        return {}
    return {
        "host_waits": waits_of_hosts(session, now),
        "plain_pages": plain_pages(session, run.id, [one.part for one in taken]),
    }


def take(session: Session, run: ClaimedRun, parts: Sequence[int]) -> Balance:
    """Take partitions, whoever has them now: a broker has said that they are this worker's."""
    query = (
        select(_partitions.c.part)
        .where(_partitions.c.run_id == run.id, _partitions.c.part.in_(parts))
        .order_by(_partitions.c.part)
        .with_for_update()
    )
    now = database_now(session)
    taken = _take(session, run, session.scalars(query).all(), now)
    return Balance(held=taken, taken=taken, **_state_of(session, run, taken, now))


def _take(session: Session, run: ClaimedRun, parts: Sequence[int], now: datetime) -> list[Tenure]:
    """Make this worker the owner of locked partitions; what the last owner had leased is queued again."""
    tenures = [Tenure(part, uuid.uuid4().hex) for part in parts]
    if tenures:
        owner = case({one.part: one.owner for one in tenures}, value=_partitions.c.part)
        session.execute(
            update(_partitions)
            .where(_partitions.c.run_id == run.id, _partitions.c.part.in_(parts))
            .values(owner=owner, worker=run.worker, taken_at=now)
        )
        release_parts(
            session, run.id, parts, with_start=START_PART in parts and not _start_is_read(session, run)
        )
    return tenures


def _start_is_read(session: Session, run: ClaimedRun) -> bool:
    return bool(session.scalar(select(CrawlRun.start_read).where(CrawlRun.id == run.id)))


def give_up(session: Session, run: ClaimedRun, tenures: Collection[Tenure]) -> None:
    """Give partitions up, so that other workers take them.

    Raises:
        PartitionsLost: another worker has one of them already.
    """
    hold_partitions(session, run.id, tenures)
    parts = sorted(one.part for one in tenures)
    if parts:
        release_parts(session, run.id, parts)
        session.execute(
            update(_partitions)
            .where(_partitions.c.run_id == run.id, _partitions.c.part.in_(parts))
            .values(owner=None, worker=None, taken_at=None)
        )


class RunPart(Enum):
    """What an idle worker has to do in a shared run."""

    WAIT = "wait"  # others work, or may find work
    STUCK = "stuck"  # no worker has anything to do, and requests are left: their hosts asked to wait
    END = "end"  # this worker ends the run
    OVER = "over"  # the run is over


def look_for_end(session: Session, run: ClaimedRun) -> RunPart:
    """Note that this worker is idle. If no worker has anything to do, choose it to end the run.

    One transaction at a time decides this, because each locks the run's row.
    """
    row = session.execute(
        select(CrawlRun.owner, CrawlRun.finished_at, CrawlRun.start_read)
        .where(CrawlRun.id == run.id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if row is None:
        raise RunLost(f"run {run.id} of {run.spider} was deleted")
    if row.finished_at is not None:
        return RunPart.OVER
    session.execute(_of(run).values(idle=True))
    if not row.start_read:
        return RunPart.WAIT
    living = living_workers(session, run.id, database_now(session))
    if row.owner is not None and row.owner != run.owner and row.owner in map(str, living.values()):
        return RunPart.WAIT  # it ends the run now
    busy = select(_workers.c.number).where(
        _workers.c.run_id == run.id, _workers.c.number.in_(living), _workers.c.idle.is_(False)
    )
    if session.execute(busy.limit(1)).first() is not None:
        return RunPart.WAIT
    if has_open(session, run.id):
        return RunPart.STUCK
    session.execute(update(CrawlRun).where(CrawlRun.id == run.id).values(owner=run.owner))
    return RunPart.END


def note_busy(session: Session, run: ClaimedRun) -> None:
    """Note that this worker has something to do, in the transaction that gives it the work."""
    session.execute(_of(run).where(_workers.c.idle).values(idle=False))


def hold_end(session: Session, run: ClaimedRun) -> None:
    """Lock the run's row in each transaction of the worker that ends the run.

    Raises:
        RunLost: another worker ends the run.
    """
    owner = session.scalar(
        select(CrawlRun.owner).where(CrawlRun.id == run.id).with_for_update(key_share=True)
    )
    if owner != run.owner:
        raise RunLost(f"another worker ends run {run.id} of {run.spider}")


def note_leaving(session: Session, run: ClaimedRun) -> None:
    """Note that this worker leaves: the others share all partitions, and take its own when it has given them up."""
    session.execute(_of(run).values(leaving=True))


def leave_run(session: Session, run: ClaimedRun) -> int:
    """Give up all partitions and leave the run; return how many workers are left."""
    ours = _partitions.c.run_id == run.id, _partitions.c.worker == run.worker
    query = select(_partitions.c.part, _partitions.c.owner).where(*ours).order_by(_partitions.c.part)
    give_up(session, run, [Tenure(*row) for row in session.execute(query.with_for_update())])
    now = database_now(session)
    session.execute(_of(run).values(left_at=now, idle=True))
    session.execute(
        update(CrawlRun).where(CrawlRun.id == run.id, CrawlRun.owner == run.owner).values(owner=None)
    )
    return len(living_workers(session, run.id, now))


def note_end(session: Session, run: ClaimedRun, note: str) -> None:
    """Write why this worker has left."""
    session.execute(_of(run).values(note=note))


def _of(run: ClaimedRun) -> Any:
    return update(_workers).where(_workers.c.run_id == run.id, _workers.c.number == run.worker)


def _last_sign(worker: CrawlWorker, now: datetime, living: Collection[int]) -> datetime:
    """Return when the worker left; now if it works; otherwise the time of its last heartbeat."""
    return worker.left_at or (now if worker.number in living else worker.heartbeat_at)


@dataclass(frozen=True, kw_only=True)
class WorkerState:
    """A worker of a shared run, for people."""

    number: int
    process: Process | None
    is_alive: bool
    has_left: bool
    partitions: int
    pages: int
    seconds: float  # since it joined, until it left or until now
    note: str | None


def workers_of(session: Session, run_id: int, now: datetime) -> list[WorkerState]:
    """Return the workers of a shared run, by number."""
    living = living_workers(session, run_id, now)
    counted = (
        select(_partitions.c.worker, func.count())
        .where(_partitions.c.run_id == run_id, _partitions.c.worker.is_not(None))
        .group_by(_partitions.c.worker)
    )
    shares: dict[int, int] = {row[0]: row[1] for row in session.execute(counted)}
    query = select(CrawlWorker).where(CrawlWorker.run_id == run_id).order_by(CrawlWorker.number)
    return [
        WorkerState(
            number=one.number,
            process=Process.parse(one.process),
            is_alive=one.number in living,
            has_left=one.left_at is not None,
            partitions=shares.get(one.number, 0),
            pages=one.pages,
            seconds=(_last_sign(one, now, living) - one.joined_at).total_seconds(),
            note=one.note,
        )
        for one in session.scalars(query)
    ]
