"""The frontier's table: every request of a run, its state, and the queries that change the state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    bindparam,
    delete,
    false,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.bulk_insert import insert_rows
from models.chunks import chunks
from models.dialect_modules import mysql, postgresql
from models.rejected import RejectedItem
from models.rendering_lesson import BY_PLAIN
from models.run_condition import in_run
from models.types import Digest, ExactString, FreeText, LongText, UtcDateTime
from models.worker import CrawlPartition

QUEUED, LEASED, DONE, FAILED, SKIPPED = "queued", "leased", "done", "failed", "skipped"
REFUSED = "refused"  # by the site: HTTP 402, 403, a challenge page; a resume does not request it again
# The ``error`` of a done request begins with CUT if its page was cut off, with NO_BUTTON if the first page of a list
# had no next_button, with NEXT_LEFT if a page requested another page of its list and not the one of its next link, and
# with SHORT_OF_GRID if the page has a grid with more rows than were read from it; the rest of the text is the reason,
# the button, the URL of the link, or results/rows.
CUT = "cut: "
NO_BUTTON = "no next_button: "
SHORT_OF_GRID = "fewer results than its grid has rows: "
NEXT_LEFT = "next link not requested: "
# How the crawl knew that a page is unchanged: nothing was requested, or the site answered 304.
NOT_FETCHED, NOT_MODIFIED = HOW_UNCHANGED = "not fetched", "304"


class CrawlRequest(Base):
    """A request of a run: ``queued`` until it is ``leased`` to a process, then ``done``, ``failed``, ``refused``
    or ``skipped``.

    ``number`` counts the requests of a run in the order of their discovery. The request with the highest ``priority``
    is next, and of those the one with the highest ``position``. ``identity`` is unique within the run. It is the
    fingerprint; for ``dont_filter`` it is a hash that is the same when the same page is processed again. ``request``
    is JSON. It is NULL for a login, which may have a password: a resume yields it again. ``part`` is the partition of
    the request's host in a shared run, otherwise 0.
    """

    __tablename__ = "crawl_request"
    __table_args__ = (
        Index("ix_crawl_request_next", "run_id", "state", "part", "priority", "position"),
        Index("ix_crawl_request_identity", "run_id", "identity", unique=True),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    identity: Mapped[bytes] = mapped_column(Digest(20))
    url: Mapped[str] = mapped_column(FreeText())
    request: Mapped[str | None] = mapped_column(LongText())
    priority: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    position: Mapped[int] = mapped_column(BigInteger)
    depth: Mapped[int]
    parent: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(ExactString(8))
    part: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[int | None]  # the last HTTP status
    error: Mapped[str | None] = mapped_column(FreeText())
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kept_page: Mapped[str | None] = mapped_column(
        ExactString(255)
    )  # the page snapshot, below KEPT_PAGES_FOLDER
    unchanged: Mapped[str | None] = mapped_column(ExactString(11))  # one of HOW_UNCHANGED
    rendering: Mapped[str | None] = mapped_column(
        ExactString(9)
    )  # one of HOW_FETCHED (models/rendering_lesson.py)
    rendering_key: Mapped[bytes | None] = mapped_column(Digest(20))  # of the pattern, if plain HTTP answered
    merged: Mapped[int | None]  # duplicates: items of the page with the key of another of its items


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
    part: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The final state of a request in this crawl."""

    number: int
    state: str
    status: int | None = None
    error: str | None = None
    kept_page: str | None = None
    merged: int = 0
    unchanged: str | None = None
    rendering: str | None = None
    rendering_key: bytes | None = None


_RESULT = [one.name for one in fields(Settled) if one.name != "number"]
_result_of = attrgetter(*_RESULT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leased:
    """A request that is leased to this process."""

    number: int
    url: str
    request: str
    priority: int
    position: int
    part: int = 0


@dataclass(frozen=True, kw_only=True)
class FrontierState:
    """A run's frontier after its recovery.

    ``next_number`` is the number of the next request that the run discovers, ``queued`` the number of queued requests;
    ``makes_sessions`` says that the run has logins. ``plain_pages`` are the requests that plain HTTP answered without a
    later confirmation, by the key of their pattern.
    """

    next_number: int
    queued: int
    makes_sessions: bool
    host_waits: Mapping[str, float] = field(default_factory=dict)  # seconds that hosts ask to wait
    plain_pages: Mapping[bytes, Sequence[int]] = field(default_factory=dict)


_table: Any = CrawlRequest.__table__
_INSERT = insert(_table)
_partitions: Any = CrawlPartition.__table__
# To sort the requests of one state by their number. Sorted by the column itself, a database may go through all requests
# of the run in the order of the primary key, in place of the few of the state in the index.
BY_NUMBER: Any = CrawlRequest.number + 0
# No EXISTS: a server may answer that by reading all queued requests. This is one look at the index for each partition.
_FIRST_QUEUED = select(
    _partitions.c.part,
    select(_table.c.part)
    .where(
        in_run(_table.c.run_id, bindparam("of_run", type_=Integer())),
        _table.c.state == QUEUED,
        _table.c.part == _partitions.c.part,
    )
    .limit(1)
    .scalar_subquery(),
).where(
    _partitions.c.run_id == bindparam("of_run"), _partitions.c.part.in_(bindparam("parts", expanding=True))
)


def recover_frontier(
    session: Session, run_id: int, *, start_read: bool, is_shared: bool = False
) -> FrontierState:
    """Reset the frontier of a run that was just claimed, and return its state.

    Leased and failed requests of the last owner are queued again, and their rejected items are deleted, since their
    pages are processed again. Rejected items of ``start()`` are deleted if ``start_read`` is False. Logins that are not
    done are skipped, since ``start()`` yields them again.

    Args:
        is_shared: the requests stay in their partitions. Otherwise one process has the run, and all are in one.
    """
    to_repeat = _table.c.state.in_((LEASED, FAILED)) & _table.c.request.is_not(None)
    # The pages reject these items again, or not, when they are processed again.
    read_again = select(_table.c.number).where(in_run(_table.c.run_id, run_id), to_repeat)
    from_start = RejectedItem.request_number.is_(None) if not start_read else false()
    session.execute(
        delete(RejectedItem).where(
            in_run(RejectedItem.run_id, run_id), RejectedItem.request_number.in_(read_again) | from_start
        ),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        update(_table)
        .where(in_run(_table.c.run_id, run_id), to_repeat)
        .values(state=QUEUED, settled_at=None, not_before=None)
    )
    if not is_shared:
        in_others = in_run(_table.c.run_id, run_id), _table.c.state == QUEUED, _table.c.part > 0
        session.execute(update(_table).where(*in_others).values(part=0))
    # start() yields the requests that make a session again.
    makers = _table.c.request.is_(None)
    session.execute(
        update(_table)
        .where(in_run(_table.c.run_id, run_id), makers, _table.c.state.in_((LEASED, FAILED, QUEUED)))
        .values(state=SKIPPED, error="yielded again when the run was resumed")
    )
    counted = session.execute(
        select(func.max(_table.c.number)).where(in_run(_table.c.run_id, run_id))
    ).scalar_one()
    return FrontierState(
        next_number=0 if counted is None else counted + 1,
        queued=count(session, run_id, QUEUED),
        makes_sessions=bool(
            session.scalar(select(_table.c.number).where(_table.c.run_id == run_id, makers).limit(1))
            is not None
        ),
        plain_pages=plain_pages(session, run_id),
    )


def plain_pages(session: Session, run_id: int, parts: Sequence[int] | None = None) -> dict[bytes, list[int]]:
    """Return the numbers of the requests that plain HTTP answered without a later confirmation, by pattern.

    Args:
        parts: only those of these partitions; None: all.
    """
    found: dict[bytes, list[int]] = {}
    query = select(_table.c.number, _table.c.rendering_key).where(
        in_run(_table.c.run_id, run_id), _table.c.rendering == BY_PLAIN, _table.c.state == DONE
    )
    if parts is not None:
        query = query.where(_table.c.part.in_(parts))
    for number, key in session.execute(query.order_by(_table.c.number)):
        found.setdefault(bytes(key), []).append(number)
    return found


def count(session: Session, run_id: int, *states: str) -> int:
    """Return how many requests of a run have one of these states."""
    query = select(func.count()).where(in_run(_table.c.run_id, run_id), _table.c.state.in_(states))
    return int(session.scalar(query) or 0)


def insert_new(
    session: Session,
    run_id: int,
    found: Sequence[NewRequest],
    leased: Callable[[NewRequest], bool],
    *,
    is_shared: bool = False,
    is_alone: bool = False,
) -> dict[int, str]:
    """Store the requests whose identity the run does not have yet; return their states by number.

    Args:
        found: the requests; of two with one identity the first is stored.
        leased: returns whether a new request is leased to this process at once. A login always is.
        is_shared: other workers may insert requests of the run at the same time.
        is_alone: no other worker is known.
    """
    by_identity: dict[bytes, NewRequest] = {}
    for request in found:
        by_identity.setdefault(request.identity, request)
    for identity in _numbers_by_identity(session, run_id, list(by_identity)):
        del by_identity[identity]
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
            "part": request.part,
        }
        for request in by_identity.values()
    ]
    if rows and is_shared:
        # In one order, so that two workers that insert the same requests do not wait for each other in a circle.
        rows.sort(key=lambda row: row["identity"])
        if not _insert_if_missing(session, rows, is_alone=is_alone):
            stored = _numbers_by_identity(session, run_id, [row["identity"] for row in rows])
            rows = [row for row in rows if stored[row["identity"]] == row["number"]]
    elif rows:
        _insert(session, rows)
    return {row["number"]: row["state"] for row in rows}


def _numbers_by_identity(session: Session, run_id: int, identities: Sequence[bytes]) -> dict[bytes, int]:
    """Return the numbers of those requests that the run has."""
    found: dict[bytes, int] = {}
    for some in chunks(identities):
        query = select(_table.c.identity, _table.c.number).where(
            in_run(_table.c.run_id, run_id), _table.c.identity.in_(some)
        )
        found |= {bytes(identity): number for identity, number in session.execute(query)}
    return found


def _insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    first = rows[0]
    columns = {name: [row[name] for row in rows] for name in first if name not in ("run_id", "attempts")}
    insert_rows(session, _INSERT, columns, {"run_id": first["run_id"], "attempts": first["attempts"]})


def _insert_if_missing(session: Session, rows: Sequence[Mapping[str, Any]], *, is_alone: bool) -> bool:
    """Insert requests, and leave a request of the same identity as it is. Return True if all are known to be new."""
    if session.get_bind().dialect.name == "postgresql":
        insert_missing: Any = postgresql().insert(_table).on_conflict_do_nothing()
        inserted: Any = session.execute(insert_missing, rows, execution_options={"preserve_rowcount": True})
        return bool(inserted.rowcount == len(rows))
    if is_alone:
        # The server undoes a statement that fails and keeps the transaction. Several workers do not try this: each one
        # that waits for the same row would keep a lock on it that hinders the others' next statement.
        with suppress(IntegrityError):
            _insert(session, rows)
            return True
    # INSERT IGNORE would also store values that do not fit. The server counts the rows that it leaves, too.
    session.execute(mysql().insert(_table).on_duplicate_key_update(run_id=_table.c.run_id), rows)
    return False


def settle(session: Session, run_id: int, outcomes: Iterable[Settled], now: datetime) -> None:
    """Mark requests as done, failed, refused or skipped."""
    by_result: dict[tuple[Any, ...], list[int]] = {}
    for one in outcomes:
        by_result.setdefault(_result_of(one), []).append(one.number)
    for result, numbers in by_result.items():
        values = dict(zip(_RESULT, result, strict=True))
        values |= {"merged": values["merged"] or None, "settled_at": now, "attempts": _table.c.attempts + 1}
        for some in chunks(sorted(numbers)):
            session.execute(
                update(_table)
                .where(in_run(_table.c.run_id, run_id), _table.c.number.in_(some))
                .values(values)
            )


def lease(
    session: Session,
    run_id: int,
    limit: int,
    now: datetime,
    waiting_hosts: Iterable[str] = (),
    parts: Sequence[int] = (0,),
) -> list[Leased]:
    """Lease the next ``limit`` requests of a run to this process and return them, the next one first.

    A request with a later ``not_before`` than ``now``, or of a host in ``waiting_hosts``, is not leased yet.

    Args:
        parts: partitions that this process has, and that have queued requests. Each gets an equal share of the limit,
            if it has so many.
    """
    ready = _table.c.not_before.is_(None) | (_table.c.not_before <= now)
    for host in waiting_hosts:
        for scheme in ("http", "https"):
            ready &= ~_table.c.url.istartswith(f"{scheme}://{host}/", autoescape=True)
    columns = (
        _table.c.number,
        _table.c.url,
        _table.c.request,
        _table.c.priority,
        _table.c.position,
        _table.c.part,
    )
    found: list[Any] = []
    left = list(parts)
    while (
        left and len(found) < limit
    ):  # a query for each partition, because each has its own range of the index
        share = max(1, (limit - len(found)) // len(left))
        full: list[int] = []
        rows: list[Any] = []
        for part in left[: limit - len(found)]:
            query = (
                select(*columns)
                .where(
                    in_run(_table.c.run_id, run_id), _table.c.state == QUEUED, _table.c.part == part, ready
                )
                .order_by(_table.c.priority.desc(), _table.c.position.desc())
                .limit(share)
            )
            of_part = session.execute(query).all()
            rows += of_part
            if len(of_part) == share:
                full.append(part)
        _set_state(session, run_id, [row.number for row in rows], LEASED)
        found += rows
        left = full
    if len(parts) > 1:
        found.sort(key=lambda row: (row.priority, row.position), reverse=True)
    return [Leased(**row._mapping) for row in found]


def parts_with_queued(session: Session, run_id: int, parts: Collection[int]) -> set[int]:
    """Return those of the partitions of a shared run that have a queued request."""
    found = session.execute(_FIRST_QUEUED, {"of_run": run_id, "parts": parts})
    return {part for part, queued in found if queued is not None}


def release(
    session: Session, run_id: int, numbers: Sequence[int], parts: Sequence[int] | None = None
) -> None:
    """Queue leased requests again that were not begun, and done requests that are fetched once more.

    Args:
        parts: only those of these partitions, which this transaction holds; None: all.
    """
    _set_state(session, run_id, numbers, QUEUED, parts)


def release_parts(session: Session, run_id: int, parts: Sequence[int], *, with_start: bool = False) -> None:
    """Queue the leased requests of partitions again, and delete the items that their pages rejected.

    Args:
        with_start: delete those of ``start()`` too, because it is read again.
    """
    ours = (
        in_run(_table.c.run_id, run_id),
        _table.c.state == LEASED,
        _table.c.part.in_(parts),
        _table.c.request.is_not(None),
    )
    session.execute(
        delete(RejectedItem).where(
            in_run(RejectedItem.run_id, run_id),
            RejectedItem.request_number.in_(select(_table.c.number).where(*ours))
            | (RejectedItem.request_number.is_(None) if with_start else false()),
        ),
        execution_options={"synchronize_session": False},
    )
    session.execute(update(_table).where(*ours).values(state=QUEUED))


def has_open(session: Session, run_id: int) -> bool:
    """Return whether a request of the run is queued or leased."""
    query = select(_table.c.number).where(_table.c.run_id == run_id, _table.c.state.in_((QUEUED, LEASED)))
    return session.execute(query.limit(1)).first() is not None


def _set_state(
    session: Session, run_id: int, numbers: Sequence[int], state: str, parts: Sequence[int] | None = None
) -> None:
    ours = [in_run(_table.c.run_id, run_id)] + ([] if parts is None else [_table.c.part.in_(parts)])
    for some in chunks(sorted(numbers)):
        session.execute(update(_table).where(*ours, _table.c.number.in_(some)).values(state=state))
