"""The frontier's table: every request of a run, its state, and the queries that move it from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, delete, false, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.chunks import chunks
from models.rejected import RejectedItem
from models.types import Digest, ExactString, LongText, UtcDateTime

QUEUED, LEASED, DONE, FAILED, SKIPPED = "queued", "leased", "done", "failed", "skipped"


class CrawlRequest(Base):
    """A request of a run: ``queued`` until it is ``leased`` to a process, then ``done``, ``failed`` or ``skipped``.

    ``number`` counts the requests of a run in the order of their discovery. Of the requests of one ``priority`` the
    one with the highest ``position`` is next. ``identity`` is unique within the run: the fingerprint, or for
    ``dont_filter`` something that is the same again when the same page is processed again. ``request`` is JSON; a
    request that makes a session (a login) has none, since it may carry a password and is made anew by a resume.
    """

    __tablename__ = "crawl_request"
    __table_args__ = (
        Index("ix_crawl_request_next", "run_id", "state", "priority", "position"),
        Index("ix_crawl_request_identity", "run_id", "identity", unique=True),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    identity: Mapped[bytes] = mapped_column(Digest(20))
    url: Mapped[str] = mapped_column(LongText())
    request: Mapped[str | None] = mapped_column(LongText())
    priority: Mapped[int]
    position: Mapped[int] = mapped_column(BigInteger)
    depth: Mapped[int]
    parent: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(ExactString(8))
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[int | None]  # the last HTTP status
    error: Mapped[str | None] = mapped_column(LongText())
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kept_page: Mapped[str | None] = mapped_column(
        ExactString(255)
    )  # where the page is kept, below KEPT_PAGES_FOLDER


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRequest:
    """A request that was discovered, before it is in the table."""

    number: int
    identity: bytes
    url: str
    request: str | None
    priority: int
    position: int
    depth: int = 0
    parent: int | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What became of a request."""

    number: int
    state: str
    status: int | None = None
    error: str | None = None
    kept_page: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Leased:
    """A request that this process may work on."""

    number: int
    url: str
    request: str
    priority: int
    position: int


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What is in a run's frontier."""

    next_number: int
    queued: int
    makes_sessions: bool


_table: Any = CrawlRequest.__table__


def take_stock(session: Session, run_id: int, *, start_read: bool) -> Inventory:
    """Look at a run that was just held: what its last owner had leased or failed is queued again."""
    again = _table.c.state.in_((LEASED, FAILED)) & _table.c.request.is_not(None)
    # What these pages had rejected is rejected again, or not, when they are read again.
    read_again = select(_table.c.number).where(_table.c.run_id == run_id, again)
    from_start = RejectedItem.request_number.is_(None) if not start_read else false()
    session.execute(
        delete(RejectedItem).where(
            RejectedItem.run_id == run_id, RejectedItem.request_number.in_(read_again) | from_start
        ),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(_table)
        .where(_table.c.run_id == run_id, again)
        .values(state=QUEUED, settled_at=None, not_before=None)
    )
    # Requests that make a session are made anew by start().
    makers = _table.c.request.is_(None)
    session.execute(
        update(_table)
        .where(_table.c.run_id == run_id, makers, _table.c.state.in_((LEASED, FAILED, QUEUED)))
        .values(state=SKIPPED, error="made anew when the run was resumed")
    )
    counted = session.execute(select(func.max(_table.c.number)).where(_table.c.run_id == run_id)).scalar_one()
    return Inventory(
        next_number=0 if counted is None else counted + 1,
        queued=count(session, run_id, QUEUED),
        makes_sessions=bool(
            session.scalar(select(_table.c.number).where(_table.c.run_id == run_id, makers).limit(1))
            is not None
        ),
    )


def count(session: Session, run_id: int, *states: str) -> int:
    """How many requests of a run are in any of these states."""
    query = select(func.count()).where(_table.c.run_id == run_id, _table.c.state.in_(states))
    return int(session.scalar(query) or 0)


def insert_new(
    session: Session, run_id: int, found: Sequence[NewRequest], leased: Callable[[NewRequest], bool]
) -> dict[int, str]:
    """Store those that the run does not have yet; gives their states by number, ``leased`` or ``queued``."""
    by_identity: dict[bytes, NewRequest] = {}
    for request in found:
        by_identity.setdefault(request.identity, request)
    for some in chunks(list(by_identity)):
        known = select(_table.c.identity).where(_table.c.run_id == run_id, _table.c.identity.in_(some))
        for identity in session.scalars(known):
            del by_identity[bytes(identity)]
    rows: list[dict[str, Any]] = [
        {
            "run_id": run_id,
            "number": request.number,
            "identity": request.identity,
            "url": request.url,
            "request": request.request,
            "priority": request.priority,
            "position": request.position,
            "depth": request.depth,
            "parent": request.parent,
            "state": LEASED if request.request is None or leased(request) else QUEUED,
            "attempts": 0,
            "not_before": request.not_before,
        }
        for request in by_identity.values()
    ]
    if rows:
        session.execute(insert(_table), rows)
    return {row["number"]: row["state"] for row in rows}


def settle(session: Session, run_id: int, settled: Iterable[Settled], now: datetime) -> None:
    """Mark requests as done, failed or skipped."""
    alike: dict[tuple[str, int | None, str | None, str | None], list[int]] = {}
    for one in settled:
        alike.setdefault((one.state, one.status, one.error, one.kept_page), []).append(one.number)
    for (state, status, error, kept_page), numbers in alike.items():
        for some in chunks(sorted(numbers)):
            session.execute(
                update(_table)
                .where(_table.c.run_id == run_id, _table.c.number.in_(some))
                .values(
                    state=state,
                    status=status,
                    error=error,
                    kept_page=kept_page,
                    settled_at=now,
                    attempts=_table.c.attempts + 1,
                )
            )


def lease(session: Session, run_id: int, limit: int, now: datetime) -> list[Leased]:
    """The next ``limit`` requests of a run, best first; they are this process's from now on."""
    ready = _table.c.not_before.is_(None) | (_table.c.not_before <= now)
    found = session.execute(
        select(_table.c.number, _table.c.url, _table.c.request, _table.c.priority, _table.c.position)
        .where(_table.c.run_id == run_id, _table.c.state == QUEUED, ready)
        .order_by(_table.c.priority.desc(), _table.c.position.desc())
        .limit(limit)
    ).all()
    _set_state(session, run_id, [row.number for row in found], LEASED)
    return [Leased(**row._mapping) for row in found]


def release(session: Session, run_id: int, numbers: Sequence[int]) -> None:
    """Give back what is leased and not begun."""
    _set_state(session, run_id, numbers, QUEUED)


def _set_state(session: Session, run_id: int, numbers: Sequence[int], state: str) -> None:
    for some in chunks(sorted(numbers)):
        session.execute(
            update(_table).where(_table.c.run_id == run_id, _table.c.number.in_(some)).values(state=state)
        )
