"""One execution of one spider, who is at it, and how a process gets hold of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Double, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column, sessionmaker

from models.base import Base
from models.process import Process
from models.types import Digest, ExactString, LongJson, LongText, UtcDateTime

# A process that is alive says so every few seconds; one that has not for this long is taken for dead.
LEASE = timedelta(seconds=30)


class CrawlRun(Base):
    """When a spider ran, with which arguments, and how it ended; rows name the last run that saw them.

    ``scope`` is the spider with its arguments: at most one run of a scope is unfinished, which ``unfinished`` keeps
    so (it is the scope, and NULL once the run is over). ``owner`` is the process that works on it. ``commits``
    counts the transactions of the run: by it a process knows after a lost connection whether its last COMMIT took
    place, and learns that the run was taken from it.
    """

    __tablename__ = "crawl_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    spider: Mapped[str] = mapped_column(ExactString(100), index=True)
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    scope: Mapped[bytes] = mapped_column(Digest(32), index=True)
    unfinished: Mapped[bytes | None] = mapped_column(Digest(32), unique=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finish_reason: Mapped[str | None] = mapped_column(ExactString(100))
    note: Mapped[str | None] = mapped_column(LongText())  # what the run has to say of its end
    start_read: Mapped[bool] = mapped_column(Boolean, default=False)  # all that start() yields is stored
    owner: Mapped[str | None] = mapped_column(ExactString(200))
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    commits: Mapped[int] = mapped_column(BigInteger, default=0)
    held_since: Mapped[datetime | None] = mapped_column(
        UtcDateTime
    )  # since when its owner, or its last one, had it
    # What the last process had to say when it let go of the run; NULL while one is at it, and after a crash.
    verdict: Mapped[int | None]  # the exit code
    reasons: Mapped[list[str] | None] = mapped_column(LongJson())
    counts: Mapped[dict[str, Any] | None] = mapped_column(LongJson())
    versions: Mapped[dict[str, str] | None] = mapped_column(LongJson())
    host: Mapped[str | None] = mapped_column(ExactString(255))
    seconds: Mapped[float | None] = mapped_column(Double)  # of work, over all processes that ended in order
    peak_memory: Mapped[int | None] = mapped_column(
        BigInteger
    )  # bytes; of the crawl's process, the largest so far


class RunIsAlive(Exception):
    """Another process is at this run; the message says which, and where."""


class RunLost(Exception):
    """Another process has taken the run; what this one committed before is safe."""


@dataclass(frozen=True, kw_only=True)
class HeldRun:
    """A run that this process owns."""

    id: int
    spider: str
    owner: str
    commits: int
    resumed: bool
    start_read: bool
    scope: bytes = b""
    left: int | None = None  # the unfinished run that was given up for this one


def scope_of(spider: str, arguments: Mapping[str, Any]) -> bytes:
    """What tells the runs of a spider with one set of arguments from those with others."""
    return hashlib.sha256(
        json.dumps([spider, dict(arguments)], sort_keys=True, default=str).encode()
    ).digest()


CLOCKS = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "clock_timestamp()",
    "mysql": "UTC_TIMESTAMP(6)",
    "mariadb": "UTC_TIMESTAMP(6)",
}


def database_now(session: Session) -> datetime:
    """The time by the database's clock, which all who write to it share."""
    now = session.scalar(text(f"SELECT {CLOCKS[session.get_bind().dialect.name]}"))
    moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    assert moment is not None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def hold_run(
    sessions: sessionmaker[Session],
    spider: str,
    arguments: Mapping[str, Any],
    *,
    fresh: bool = False,
) -> HeldRun:
    """Resume the unfinished run of the spider with these arguments, or begin a new one.

    Raises:
        RunIsAlive: a process that is alive is at it.
    """
    for _ in range(3):  # another process may begin or take it between our reading and our writing
        try:
            with sessions.begin() as session:
                held = _hold(session, spider, arguments, fresh=fresh)
        except IntegrityError:  # another run of the scope was begun
            continue
        if held is not None:
            return held
    raise RunIsAlive(f"{spider} is being started by another process at this moment")


def _hold(session: Session, spider: str, arguments: Mapping[str, Any], *, fresh: bool) -> HeldRun | None:
    scope = scope_of(spider, arguments)
    me = str(Process.current())
    now = database_now(session)
    found = session.execute(
        select(
            CrawlRun.id,
            CrawlRun.owner,
            CrawlRun.heartbeat_at,
            CrawlRun.held_since,
            CrawlRun.commits,
            CrawlRun.start_read,
        )
        .where(CrawlRun.unfinished == scope)
        .with_for_update()
    ).one_or_none()
    left = None
    if found is not None:
        owner = Process.parse(found.owner) if found.owner else None
        if owner is not None and found.heartbeat_at and owner.may_be_alive(now - found.heartbeat_at, LEASE):
            since = f" since {found.held_since:%F %T} UTC" if found.held_since else ""
            raise RunIsAlive(
                f"run {found.id} of {spider} is being done by {owner.shown}{since} (last sign of life "
                f"{found.heartbeat_at:%F %T} UTC)"
            )
        values: dict[str, Any] = {
            "owner": me,
            "heartbeat_at": now,
            "held_since": now,
            "commits": found.commits + 1,
            "verdict": None,
            "reasons": None,
        }
        if fresh:
            values = {
                "owner": None,
                "unfinished": None,
                "finished_at": now,
                "finish_reason": "given up",
                "commits": found.commits + 1,
            }
        # Whoever read the same row as we did finds it changed, and looks again.
        taken = session.execute(
            update(CrawlRun)
            .where(CrawlRun.id == found.id, CrawlRun.commits == found.commits)
            .values(**values)
        )
        if taken.rowcount != 1:  # type: ignore[attr-defined]
            return None
        if not fresh:
            return HeldRun(
                id=found.id,
                spider=spider,
                owner=me,
                commits=found.commits + 1,
                resumed=True,
                start_read=found.start_read,
                scope=scope,
            )
        left = found.id
    run = CrawlRun(
        spider=spider,
        arguments=dict(arguments),
        scope=scope,
        unfinished=scope,
        started_at=now,
        start_read=False,
        owner=me,
        heartbeat_at=now,
        held_since=now,
        commits=0,
    )
    session.add(run)
    session.flush()
    return HeldRun(
        id=run.id, spider=spider, owner=me, commits=0, resumed=False, start_read=False, scope=scope, left=left
    )


def fence(session: Session, run: HeldRun, commits: int) -> bool:
    """The first statement of every transaction of a run: it locks the run's row and counts the transaction.

    Gives False where the transaction of that number was committed before: its answer was lost with the connection.

    Raises:
        RunLost: another process has the run.
    """
    dialect = session.get_bind().dialect.name
    # SQLite's own moments are text of another length than ours; to the others it is one question less.
    now = database_now(session) if dialect == "sqlite" else text(CLOCKS[dialect])
    counted = session.execute(
        update(CrawlRun.__table__)  # type: ignore[arg-type]  # no object in the session would have to follow
        .where(CrawlRun.id == run.id, CrawlRun.owner == run.owner, CrawlRun.commits == commits)
        .values(commits=commits + 1, heartbeat_at=now)
    )
    if counted.rowcount == 1:  # type: ignore[attr-defined]
        return True
    found = session.execute(
        select(CrawlRun.owner, CrawlRun.commits).where(CrawlRun.id == run.id)
    ).one_or_none()
    if found is not None and found.owner == run.owner and found.commits == commits + 1:
        return False
    raise RunLost(
        f"run {run.id} of {run.spider} was taken over by {found.owner if found else 'nobody: it is deleted'}"
    )


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What the process has to say that lets go of a run. ``seconds`` are those of this process alone."""

    reason: str  # the finish reason, a word
    finished: bool  # over, or to be resumed
    verdict: int | None = None
    reasons: tuple[str, ...] = ()
    note: str | None = None
    counts: Mapping[str, Any] | None = None
    versions: Mapping[str, str] | None = None
    host: str | None = None
    seconds: float = 0.0
    peak_memory: int = 0


def end_run(session: Session, run: HeldRun, closing: Closing, now: datetime) -> None:
    """Let go of the run: over, or to be resumed."""
    row = session.get_one(CrawlRun, run.id)
    row.owner = None
    row.finish_reason = closing.reason[:100]
    row.note = closing.note
    row.verdict = closing.verdict
    row.reasons = list(closing.reasons)
    row.counts = dict(closing.counts) if closing.counts is not None else None
    row.versions = dict(closing.versions) if closing.versions is not None else None
    row.host = closing.host
    row.seconds = (row.seconds or 0.0) + closing.seconds
    row.peak_memory = max(row.peak_memory or 0, closing.peak_memory)
    if closing.finished:
        row.finished_at, row.unfinished = now, None
    session.flush()
