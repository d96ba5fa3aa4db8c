"""The table of runs, and how a process claims a run, writes its transactions and ends it.

docs/transactions.md explains why this is safe.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Double, delete, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column, sessionmaker

from models.base import Base
from models.command_name import command
from models.crawl_order import claim_order, fail_orders_of_run
from models.process_id import Process
from models.redaction import hidden_values
from models.text import storable_parts
from models.types import Digest, ExactString, FreeJson, FreeString, FreeText, LongJson, UtcDateTime
from models.worker import WORKER_TIMEOUT, CrawlPartition, CrawlWorker

# A living process writes a heartbeat every few seconds. After this time without one it counts as dead.
HEARTBEAT_TIMEOUT = timedelta(seconds=30)
CLAIMS = 8  # attempts to claim a run, as many as processes may start at the same moment
GIVEN_UP = "given up"  # the finish reason of a run that a new run replaces


class CrawlRun(Base):
    """A run of a spider: its arguments, its owner and its end. A row has the id of the last run that saw it.

    ``scope`` is a hash of the spider and its arguments. ``unfinished`` is the scope while the run is unfinished (for a
    trial ``trial_scope(scope)``), then NULL; it is unique, so a scope has at most one unfinished run and at most one
    trial. ``owner`` is the process that has claimed the run.
    ``commits`` counts the committed transactions of the run: after a lost connection a process reads from it whether
    its last COMMIT took place, and whether another process has claimed the run.
    """

    __tablename__ = "crawl_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    spider: Mapped[str] = mapped_column(FreeString(100), index=True)
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    scope: Mapped[bytes] = mapped_column(Digest(32), index=True)
    unfinished: Mapped[bytes | None] = mapped_column(Digest(32), unique=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finish_reason: Mapped[str | None] = mapped_column(FreeString(100))
    note: Mapped[str | None] = mapped_column(FreeText())  # remarks on the end of the run
    start_read: Mapped[bool] = mapped_column(
        Boolean, default=False
    )  # everything that start() yields is stored
    owner: Mapped[str | None] = mapped_column(ExactString(200))
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    commits: Mapped[int] = mapped_column(BigInteger, default=0)
    held_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when its last owner claimed it
    # The result of the last process that ended in order. verdict and reasons are NULL while a process owns
    # the run.
    verdict: Mapped[int | None]  # the exit code
    reasons: Mapped[list[str] | None] = mapped_column(FreeJson())
    counts: Mapped[dict[str, Any] | None] = mapped_column(LongJson())
    versions: Mapped[dict[str, str] | None] = mapped_column(FreeJson())
    host: Mapped[str | None] = mapped_column(FreeString(255))
    seconds: Mapped[float | None] = mapped_column(
        Double
    )  # duration, the sum over all processes that ended in order
    peak_memory: Mapped[int | None] = mapped_column(BigInteger)  # bytes, the maximum over all processes
    trial_pages: Mapped[int | None]  # the run is a trial of at most so many pages
    # The number of partitions of a run that workers share (models/worker.py); NULL: one process has the run.
    partitions: Mapped[int | None]
    workers: Mapped[int] = mapped_column(default=0, server_default="0")  # how many workers have joined it
    # A person has paused the run: its process hands out no requests, also after a resume.
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_by: Mapped[str | None] = mapped_column(FreeString(255))
    # The state of the spider in the last alarm, if this run has told of it (crawler/run/alarm_state.py).
    alarm: Mapped[dict[str, Any] | None] = mapped_column(FreeJson())
    # The run is below its policy only because it differs from earlier runs, so a person may accept it.
    acceptable: Mapped[bool | None]
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_by: Mapped[str | None] = mapped_column(FreeString(255))


class RunIsAlive(Exception):
    """Another living process owns this run; the message names the process and its host."""


class CannotShare(Exception):
    """The run cannot be shared; the message says what to do."""


class OrderIsOver(Exception):
    """The order that started this process was carried out before, or withdrawn."""


class RunLost(Exception):
    """This process does not own the run any more; its committed transactions are safe."""


@dataclass(frozen=True, kw_only=True)
class ClaimedRun:
    """A run that this process owns."""

    id: int
    spider: str
    owner: str
    commits: int
    resumed: bool
    start_read: bool
    scope: bytes = b""
    given_up: int | None = None  # the id of the unfinished run that was given up for this one
    trial_pages: int | None = None  # the run is a trial of at most so many pages
    again: int = 0  # pages of a finished run that failed or were refused, and are crawled again
    worker: int | None = None  # the number of this process among the workers of a shared run
    partitions: int | None = None  # of a shared run
    started_at: datetime | None = None  # of a shared run
    order: int | None = None  # the id of the order that started this process

    @property
    def is_shared(self) -> bool:
        return self.worker is not None

    @property
    def token(self) -> str:
        """The name of a shared run at brokers, which other databases may use too."""
        assert self.started_at is not None
        return f"{self.id}.{self.started_at:%Y%m%d%H%M%S%f}"


def scope_of(spider: str, arguments: Mapping[str, Any]) -> bytes:
    """Return the scope: a hash of the spider's name and the arguments."""
    return hashlib.sha256(
        json.dumps([spider, dict(arguments)], sort_keys=True, default=str).encode()
    ).digest()


def trial_scope(scope: bytes) -> bytes:
    """Return what ``unfinished`` has in a trial of the scope: a trial may stand beside an interrupted run."""
    return hashlib.sha256(b"trial " + scope).digest()


CLOCKS = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "clock_timestamp()",
    "mysql": "UTC_TIMESTAMP(6)",
    "mariadb": "UTC_TIMESTAMP(6)",
}


def database_now(session: Session) -> datetime:
    """Return the current time in UTC by the database's clock, which all processes share."""
    now = session.scalar(text(f"SELECT {CLOCKS[session.get_bind().dialect.name]}"))
    value = datetime.fromisoformat(now) if isinstance(now, str) else now
    assert value is not None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def claim_run(
    sessions: sessionmaker[Session],
    spider: str,
    arguments: Mapping[str, Any],
    *,
    fresh: bool = False,
    order: int | None = None,
) -> ClaimedRun:
    """Claim the unfinished run of the spider with these arguments, or begin a new run.

    Args:
        fresh: give up the unfinished run and begin a new one.
        order: the order that starts this process.

    Raises:
        RunIsAlive: the owner of the unfinished run is alive.
        OrderIsOver: the order was carried out before.
    """
    return claim_in_turn(
        sessions, spider, lambda session: _claim(session, spider, arguments, fresh=fresh), order=order
    )


def claim_in_turn(
    sessions: sessionmaker[Session],
    spider: str,
    claim: Callable[[Session], ClaimedRun | None],
    *,
    order: int | None = None,
) -> ClaimedRun:
    """Return the result of ``claim``, which has a transaction of its own.

    ``claim`` is called again if it returns None, violates a unique key or meets a deadlock: another process was faster.
    The transaction also gives the run to the order that starts this process, so each order has one run at most.

    Raises:
        RunIsAlive: other processes were faster each time, or ``claim`` raises it.
        OrderIsOver: the order has a run already, or nobody has taken it; no run is claimed.
    """
    for _ in range(CLAIMS):
        try:
            with sessions.begin() as session:
                claimed = claim(session)
                if claimed is not None and order is not None:
                    if not claim_order(session, order, claimed.id):
                        raise OrderIsOver(f"order {order} was carried out or withdrawn before: nothing to do")
                    claimed = replace(claimed, order=order)
        except IntegrityError:  # another process has begun a run of the scope
            continue
        except OperationalError as error:
            if not _is_deadlock(error):
                raise
            continue
        if claimed is not None:
            return claimed
    raise RunIsAlive(f"{spider} is being started by another process: try again in a few seconds")


def _is_deadlock(error: OperationalError) -> bool:
    """Return whether the database has chosen this transaction to end a circle of transactions that wait."""
    cause: Any = error.orig
    return getattr(cause, "sqlstate", None) == "40P01" or cause.args[:1] == (1213,)


def _claim(session: Session, spider: str, arguments: Mapping[str, Any], *, fresh: bool) -> ClaimedRun | None:
    """Claim or begin the run; return None if another process was faster."""
    scope = scope_of(spider, arguments)
    me = str(Process.current())
    now = database_now(session)
    row = lock_unfinished(session, spider, scope, now)
    given_up = None
    if row is not None:
        values: dict[str, Any] = {
            "owner": me,
            "heartbeat_at": now,
            "held_since": now,
            "commits": row.commits + 1,
            "verdict": None,
            "reasons": None,
            "partitions": None,
        }
        end_sharing(session, row.id, now)
        if fresh:
            values = _given_up(row, now)
            fail_orders_of_run(session, row.id, now)
        # Another process that read the same row updates no row now, and tries again.
        claimed_rows = session.execute(
            update(CrawlRun).where(CrawlRun.id == row.id, CrawlRun.commits == row.commits).values(**values)
        )
        if claimed_rows.rowcount != 1:  # type: ignore[attr-defined]
            return None
        if not fresh:
            return ClaimedRun(
                id=row.id,
                spider=spider,
                owner=me,
                commits=row.commits + 1,
                resumed=True,
                start_read=row.start_read,
                scope=scope,
            )
        given_up = row.id
    return insert_run(session, spider, arguments, now, given_up=given_up)


def lock_unfinished(session: Session, spider: str, scope: bytes, now: datetime) -> Any | None:
    """Lock the unfinished run of the scope and return its row; None if there is none. End a dead trial of the scope.

    Raises:
        RunIsAlive: the owner of the run, or of a trial of the scope, is alive.
    """
    columns = (
        CrawlRun.id,
        CrawlRun.owner,
        CrawlRun.heartbeat_at,
        CrawlRun.held_since,
        CrawlRun.commits,
        CrawlRun.start_read,
        CrawlRun.trial_pages,
        CrawlRun.partitions,
    )
    query = select(*columns).where(CrawlRun.unfinished.in_((scope, trial_scope(scope))))
    rows = session.execute(query.order_by(CrawlRun.id).with_for_update()).all()
    for row in rows:
        _check_is_dead(row, spider, now)
        if row.partitions is not None and (working := living_workers(session, row.id, now)):
            raise RunIsAlive(
                f"run {row.id} of {spider} is shared, and {workers_text(working)} it: "
                f"`{command(f'crawl {spider} --shared')}` joins them"
            )
    for row in rows:
        if row.trial_pages is not None:
            fail_orders_of_run(session, row.id, now)
            note = f"a trial of {row.trial_pages} pages, whose process died; the pages that it committed are stored"
            session.execute(
                update(CrawlRun).where(CrawlRun.id == row.id).values(**_given_up(row, now), note=note)
            )
    return next((row for row in rows if row.trial_pages is None), None)


def _check_is_dead(row: Any, spider: str, now: datetime) -> None:
    """Raise RunIsAlive if the run has an owner that is alive."""
    owner = Process.parse(row.owner) if row.owner else None
    if (
        owner is not None
        and row.heartbeat_at
        and owner.may_be_alive(now - row.heartbeat_at, HEARTBEAT_TIMEOUT)
    ):
        since = f" since {row.held_since:%F %T} UTC" if row.held_since else ""
        trial = ", a trial," if row.trial_pages is not None else ""
        raise RunIsAlive(
            f"run {row.id} of {spider}{trial} is in use by {owner.shown}{since} (last heartbeat "
            f"{row.heartbeat_at:%F %T} UTC)"
        )


def living_workers(session: Session, run_id: int, now: datetime) -> dict[int, Process]:
    """Return the processes of the workers that are alive, by their numbers."""
    query = (
        select(CrawlWorker.number, CrawlWorker.process, CrawlWorker.heartbeat_at)
        .where(
            CrawlWorker.run_id == run_id,
            CrawlWorker.left_at.is_(None),
            CrawlWorker.heartbeat_at > now - WORKER_TIMEOUT,
        )
        .order_by(CrawlWorker.number)
    )
    return {
        number: process
        for number, text_of, heartbeat in session.execute(query)
        if (process := living_process(text_of, now - heartbeat)) is not None
    }


def living_process(process: str, heartbeat_age: timedelta) -> Process | None:
    """Return the process of a worker; None if it is dead."""
    found = Process.parse(process)
    # Also a process that exists is dead without heartbeats: it may be stopped.
    if found is None or heartbeat_age >= WORKER_TIMEOUT:
        return None
    return found if found.may_be_alive(heartbeat_age, WORKER_TIMEOUT) else None


def workers_text(working: Mapping[int, Process]) -> str:
    """Return the workers for a message, with a verb: "process 7 on host1 works on"."""
    if len(working) == 1:
        return f"{next(iter(working.values())).shown} works on"
    return f"{len(working)} workers ({', '.join(one.shown for one in working.values())}) work on"


def end_sharing(session: Session, run_id: int, now: datetime) -> None:
    """Put the workers out of a run: all of them are dead, or stopped and taken for dead."""
    workers = CrawlWorker.run_id == run_id, CrawlWorker.left_at.is_(None)
    session.execute(update(CrawlWorker).where(*workers).values(left_at=now, idle=True, note="it died"))
    session.execute(delete(CrawlPartition).where(CrawlPartition.run_id == run_id))


def give_up_run(session: Session, row: Any, now: datetime) -> int:
    """Give up an unfinished run that ``lock_unfinished`` has returned; return its id."""
    end_sharing(session, row.id, now)
    fail_orders_of_run(session, row.id, now)
    session.execute(update(CrawlRun).where(CrawlRun.id == row.id).values(**_given_up(row, now)))
    return int(row.id)


def _given_up(row: Any, now: datetime) -> dict[str, Any]:
    """Return the values of a run that no process resumes."""
    return {
        "owner": None,
        "unfinished": None,
        "finished_at": now,
        "finish_reason": GIVEN_UP,
        "commits": row.commits + 1,
        "paused_at": None,
        "paused_by": None,
    }


def insert_run(
    session: Session,
    spider: str,
    arguments: Mapping[str, Any],
    now: datetime,
    *,
    given_up: int | None = None,
    trial_pages: int | None = None,
    partitions: int | None = None,
) -> ClaimedRun:
    """Insert a new run that this process owns, or with partitions one that workers share."""
    scope, me = scope_of(spider, arguments), str(Process.current())
    run = CrawlRun(
        spider=spider,
        arguments=storable_parts(hidden_values(arguments)),
        scope=scope,
        unfinished=scope if trial_pages is None else trial_scope(scope),
        started_at=now,
        start_read=False,
        owner=me if partitions is None else None,
        heartbeat_at=now,
        held_since=now,
        commits=0,
        trial_pages=trial_pages,
        partitions=partitions,
    )
    session.add(run)
    session.flush()
    return ClaimedRun(
        id=run.id,
        spider=spider,
        owner=me,
        commits=0,
        resumed=False,
        start_read=False,
        scope=scope,
        given_up=given_up,
        trial_pages=trial_pages,
    )


def lock_run(session: Session, run_id: int) -> None:
    """Lock the run's row until the transaction ends, as workers of a shared run may (models/shared_run.py)."""
    session.execute(select(CrawlRun.id).where(CrawlRun.id == run_id).with_for_update(key_share=True))


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The result of a process that ends a run or leaves it to be resumed. ``seconds`` are those of this process."""

    reason: str  # Scrapy's finish reason
    finished: bool  # False: to be resumed
    verdict: int | None = None
    reasons: tuple[str, ...] = ()
    note: str | None = None
    counts: Mapping[str, Any] | None = None
    versions: Mapping[str, str] | None = None
    host: str | None = None
    seconds: float = 0.0
    peak_memory: int = 0
    acceptable: bool = False  # below its policy only because it differs from earlier runs


def end_run(session: Session, run: ClaimedRun, end: RunEnd, now: datetime) -> None:
    """End the run, or leave it to be resumed; this process does not own it any more."""
    row = session.get_one(CrawlRun, run.id)
    row.owner = None
    row.finish_reason = end.reason
    row.note = end.note
    row.verdict = end.verdict
    row.reasons = list(end.reasons)
    row.counts = dict(end.counts) if end.counts is not None else None
    row.versions = dict(end.versions) if end.versions is not None else None
    row.host = end.host
    row.seconds = (row.seconds or 0.0) + end.seconds
    row.peak_memory = max(row.peak_memory or 0, end.peak_memory)
    row.acceptable = end.acceptable
    if end.finished:
        row.finished_at, row.unfinished = now, None
        row.paused_at = row.paused_by = None
        fail_orders_of_run(session, run.id, now)
    session.flush()
