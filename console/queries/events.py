"""Events: how far each sink is, what it refused, and the last events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from models.outbox import OutboxEvent
from models.process_id import Process
from models.relay import LEASE, ONLY, OutboxRefusal, OutboxSink, RelayRow, unsent_by

EXACT = 10_000  # events or refusals: of more the number is an estimate

_events: Any = OutboxEvent.__table__


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number of events; with ``is_about`` an estimate, or at least so many."""

    number: int
    is_about: bool = False


@dataclass(frozen=True, kw_only=True)
class SinkLine:
    """A sink: what it has confirmed, and what it has not.

    Attributes:
        oldest: the time of the oldest event that it has not confirmed; None: it has all.
        error: why it does not get on now.
        begins_again: refused events that the relay sends again.
    """

    name: str
    state: str
    position: int
    sent: int
    sent_at: datetime | None
    unsent: Number
    oldest: datetime | None
    refused: Number
    begins_again: int
    error: str | None


@dataclass(frozen=True, kw_only=True)
class RelayLine:
    """The relay that sends the events; ``process`` is None if there is none."""

    process: str | None
    heartbeat_at: datetime | None


def relay(session: Session, now: datetime) -> RelayLine | None:
    """Return the relay; None: none has ever run."""
    row = session.get(RelayRow, ONLY)
    if row is None:
        return None
    owner = Process.parse(row.owner) if row.owner else None
    age = now - row.heartbeat_at if row.heartbeat_at is not None else timedelta.max
    return RelayLine(
        process=owner.shown if owner is not None and age < LEASE else None,
        heartbeat_at=row.heartbeat_at,
    )


def sinks(session: Session) -> list[SinkLine]:
    """Return all sinks that a relay ever had, by name, as ``scrapy events`` does, but in a bounded time."""
    last = session.scalar(select(func.max(_events.c.id))) or 0
    return [
        _line(session, sink, last) for sink in session.scalars(select(OutboxSink).order_by(OutboxSink.name))
    ]


def _line(session: Session, sink: OutboxSink, last: int) -> SinkLine:
    of_sink = or_(_events.c.sink.is_(None), _events.c.sink == sink.name)
    after, *in_gaps = unsent_by(session, sink)
    unsent = [_count(session, select(_events.c.id).where(condition, of_sink)) for condition in in_gaps]
    if last - sink.position <= EXACT:
        unsent.append(_count(session, select(_events.c.id).where(after, of_sink)))
    else:  # the ids have few gaps; some of them may be of another sink's events
        unsent.append(Number(number=last - sink.position, is_about=True))
        # A range in place of a LIMIT: PostgreSQL could read and sort all later events.
        after = _events.c.id.between(sink.position + 1, sink.position + EXACT)
    oldest = [
        session.scalar(select(_events.c.at).where(condition, of_sink).order_by(_events.c.id).limit(1))
        for condition in (after, *in_gaps)
    ]
    refused = select(OutboxRefusal.id).where(OutboxRefusal.sink == sink.name)
    again = _count(session, refused.where(OutboxRefusal.retry)).number
    return SinkLine(
        name=sink.name,
        state=sink.state,
        position=sink.position,
        sent=sink.sent,
        sent_at=sink.sent_at,
        unsent=Number(number=sum(one.number for one in unsent), is_about=any(one.is_about for one in unsent)),
        oldest=min(filter(None, oldest), default=None),
        refused=_count(session, refused),
        begins_again=again,
        error=sink.error,
    )


def _count(session: Session, query: Any) -> Number:
    """Return the number of rows of a query, which is not read further than EXACT rows."""
    number = session.scalar(select(func.count()).select_from(query.limit(EXACT + 1).subquery())) or 0
    return Number(number=min(number, EXACT), is_about=number > EXACT)


def last_events(session: Session, limit: int) -> Sequence[OutboxEvent]:
    """Return the newest events without their data, the newest first."""
    query = select(OutboxEvent).options(defer(OutboxEvent.data)).order_by(OutboxEvent.id.desc()).limit(limit)
    return session.scalars(query).all()
