"""The relay's tables: which relay sends the events, how far each sink is, and what a sink refused.

One relay sends at a time. ``outbox_relay`` has one row with its owner, and every transaction of a relay calls ``hold``,
which locks this row: a relay that lost it to another one cannot write any more.

The relay numbers the committed events (``OutboxEvent.sequence``). Two events of a row are numbered in the order of
their commits: the second transaction waits for the row's lock, so its event has a larger id, and no transaction sees
it without the first one. A sink is at a *position*: it has confirmed or refused all its events up to this number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Integer,
    Row,
    String,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column, sessionmaker

from models.base import Base
from models.outbox import SINK_NAME_LENGTH, OutboxEvent
from models.process_id import Process
from models.run import database_now
from models.types import ExactString, FreeText, UtcDateTime

LEASE = timedelta(seconds=15)  # a relay without a heartbeat for so long has lost its place
ONLY = 1  # the id of the only row of outbox_relay

ACTIVE, ENDED = "active", "ended"  # states of a sink


class RelayIsAlive(Exception):
    """Another relay sends the events; the message names it."""


class RelayLost(Exception):
    """Another relay has taken over; what this one wrote before is safe."""


class RelayRow(Base):
    """The relay that sends now, and the largest number that an event has."""

    __tablename__ = "outbox_relay"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str | None] = mapped_column(ExactString(200))
    number: Mapped[int] = mapped_column(BigInteger, default=0)  # of the relay: each one has the next number
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0)


class OutboxSink(Base):
    """A sink and its position."""

    __tablename__ = "outbox_sink"

    name: Mapped[str] = mapped_column(ExactString(SINK_NAME_LENGTH), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str] = mapped_column(ExactString(8), default=ACTIVE)
    sent: Mapped[int] = mapped_column(BigInteger, default=0)  # events, over all relays
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(FreeText())  # why it does not get on now
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when a relay was last configured with it


_events: Any = OutboxEvent.__table__
# What a sink needs of an event. Only the name of a spider may have the separator: the key and the data are JSON.
EVENT_FIELDS = ("id", "sequence", "event_id", "table_name", "kind", "row_key", "at", "data", "spider")
_SEPARATOR = "\x1f"
# In one text: drivers need more time for the values of an event than for its size.
_fields_text: Any = reduce(
    lambda text, column: text.concat(_SEPARATOR).concat(column),
    (
        cast(_events.c[name], String(40)) if name in ("id", "sequence", "at") else _events.c[name]
        for name in EVENT_FIELDS
    ),
)
# In the order of the index.
FIRST_WITHOUT_NUMBER = (
    select(_events.c.id)
    .where(_events.c.sequence.is_(None))
    .order_by(_events.c.sequence, _events.c.id)
    .limit(1)
)


class OutboxRefusal(Base):
    """An event that a sink refused for good, with its reason. It is sent again on request only."""

    __tablename__ = "outbox_refusal"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    sink: Mapped[str] = mapped_column(ExactString(SINK_NAME_LENGTH), index=True)
    event: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), ForeignKey("outbox_event.id"), index=True
    )
    reason: Mapped[str] = mapped_column(FreeText())
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    retry: Mapped[bool] = mapped_column(default=False)


@dataclass(frozen=True, kw_only=True)
class HeldRelay:
    """The place of the relay, which this process has."""

    owner: str
    number: int


def claim_relay(sessions: sessionmaker[Session], sinks: Sequence[str]) -> HeldRelay:
    """Take the place of the relay, and make the sinks known. A new sink gets every event that is kept.

    Raises:
        RelayIsAlive: another relay has it, and its heartbeat is not old.
    """
    try:
        with sessions.begin() as session:
            if session.get(RelayRow, ONLY) is None:
                session.add(RelayRow(id=ONLY, owner=None, number=0, heartbeat_at=None, last_sequence=0))
    except IntegrityError:
        pass  # another relay has just inserted it
    with sessions.begin() as session:
        row = session.scalars(select(RelayRow).where(RelayRow.id == ONLY).with_for_update()).one()
        now = database_now(session)
        owner = Process.parse(row.owner) if row.owner else None
        age = now - row.heartbeat_at if row.heartbeat_at else LEASE
        # Also a process that is alive loses its place: it may be stopped, and it cannot write afterwards.
        if owner is not None and age < LEASE and owner.may_be_alive(age, LEASE):
            raise RelayIsAlive(
                f"another relay sends the events: {owner.shown} (last heartbeat {row.heartbeat_at:%F %T} UTC)"
            )
        row.owner, row.number, row.heartbeat_at = str(Process.current()), row.number + 1, now
        known = set(session.scalars(select(OutboxSink.name)))
        for name in sinks:
            if name in known:
                session.execute(
                    update(OutboxSink).where(OutboxSink.name == name).values(used_at=now, error=None)
                )
            else:
                session.add(OutboxSink(name=name, position=0, state=ACTIVE, sent=0, used_at=now))
        return HeldRelay(owner=row.owner, number=row.number)


def hold(session: Session, relay: HeldRelay) -> datetime:
    """Lock the place of the relay for this transaction, write a heartbeat, and return the time.

    Raises:
        RelayLost: another relay has taken over.
    """
    now = database_now(session)
    done = session.execute(
        update(RelayRow)
        .where(RelayRow.id == ONLY, RelayRow.owner == relay.owner, RelayRow.number == relay.number)
        .values(heartbeat_at=now)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise RelayLost("another relay has taken over")
    return now


def release_relay(session: Session, relay: HeldRelay) -> None:
    """Give up the place of the relay, so that the next one need not wait."""
    session.execute(
        update(RelayRow)
        .where(RelayRow.id == ONLY, RelayRow.owner == relay.owner, RelayRow.number == relay.number)
        .values(owner=None, heartbeat_at=None)
    )


def has_new_events(session: Session) -> bool:
    """Return whether there are events without a number."""
    return session.scalar(FIRST_WITHOUT_NUMBER) is not None


def last_number(session: Session) -> int:
    """Return the largest number that an event has got."""
    return session.scalar(select(RelayRow.last_sequence).where(RelayRow.id == ONLY)) or 0


def number_events(session: Session, limit: int) -> tuple[int, int]:
    """Number committed events that have no number, in the order of their ids; return how many, and the last number.

    Call ``hold`` afterwards: this takes long, and the sinks store their positions meanwhile. The events are named by
    their ids: a condition would wait for events that are not committed.
    """
    last = last_number(session)
    ids = _ids_without_number(session, limit)
    if not ids:
        return 0, last
    offset = max(0, last + 1 - ids[0])
    for start in range(0, len(ids), 2000):
        some = ids[start : start + 2000]
        condition = (
            _events.c.id.between(some[0], some[-1])
            if some[-1] - some[0] == len(some) - 1  # most often there is no gap
            else _events.c.id.in_(some)
        )
        session.execute(update(_events).where(condition).values(sequence=_events.c.id + offset))
    last = ids[-1] + offset
    session.execute(update(RelayRow).where(RelayRow.id == ONLY).values(last_sequence=last))
    return len(ids), last


def _ids_without_number(session: Session, limit: int) -> Sequence[int]:
    """Return the smallest ids of committed events that have no number, about ``limit``."""
    first = session.scalar(FIRST_WITHOUT_NUMBER)
    if first is None:
        return ()
    # Without a lower limit: an event with a smaller id may have been committed since, and a later one of its row.
    there = _events.c.sequence.is_(None), _events.c.id < first + limit
    smallest, largest, count = session.execute(
        select(func.min(_events.c.id), func.max(_events.c.id), func.count()).where(*there)
    ).one()
    if largest - smallest == count - 1:  # most often there is no gap, and the database need not send the ids
        return range(smallest, largest + 1)
    return session.scalars(select(_events.c.id).where(*there).order_by(_events.c.id)).all()


def events_after(session: Session, sink: str, position: int, limit: int) -> list[list[str]]:
    """Return a sink's events with the ``limit`` numbers after a position: the texts of ``EVENT_FIELDS``.

    A LIMIT in place of the largest number would let PostgreSQL read and sort all later events.
    """
    query = (
        select(_fields_text)
        .where(
            _events.c.sequence.between(position + 1, position + limit),
            or_(_events.c.sink.is_(None), _events.c.sink == sink),
        )
        .order_by(_events.c.sequence)
    )
    return [_fields_of(text) for (text,) in session.connection().execute(query)]


def _fields_of(text: str) -> list[str]:
    return text.split(_SEPARATOR, len(EVENT_FIELDS) - 1)


def next_number(session: Session, position: int) -> int | None:
    """Return the smallest number after a position that an event has, of whatever sink."""
    return session.scalar(select(func.min(_events.c.sequence)).where(_events.c.sequence > position))


def store_position(
    session: Session, sink: str, position: int, *, sent: int, refused: Mapping[int, str], now: datetime
) -> None:
    """Store that a sink has confirmed or refused its events up to ``position``. Call ``hold`` before.

    Args:
        sent: how many events it has confirmed since the last call.
        refused: the reasons of the refused events, by the id of the event.
    """
    values: dict[str, object] = {"position": position, "sent": OutboxSink.sent + sent}
    if sent:
        values["sent_at"] = now
    session.execute(
        update(OutboxSink).where(OutboxSink.name == sink, OutboxSink.position <= position).values(**values)
    )
    session.add_all(
        OutboxRefusal(sink=sink, event=event, reason=reason, at=now) for event, reason in refused.items()
    )


def store_error(session: Session, sink: str, error: str | None, *, ended: bool = False) -> None:
    """Store why a sink does not get on, or that it does again. Call ``hold`` before."""
    values: dict[str, object] = {"error": error}
    if ended:
        values["state"] = ENDED
    session.execute(update(OutboxSink).where(OutboxSink.name == sink).values(**values))


def refused_again(session: Session, sink: str, limit: int) -> list[tuple[int, list[str]]]:
    """Return the refused events that a person asked to send again, as ``events_after``, each after its refusal's id."""
    query = (
        select(OutboxRefusal.id, _fields_text)
        .join(OutboxEvent, OutboxEvent.id == OutboxRefusal.event)
        .where(OutboxRefusal.sink == sink, OutboxRefusal.retry)
        .order_by(OutboxEvent.sequence)
        .limit(limit)
    )
    return [(refusal, _fields_of(text)) for refusal, text in session.execute(query)]


def settle_refusals(session: Session, sent: Iterable[int], refused: Mapping[int, str]) -> None:
    """Delete the refusals whose events were sent now, and store the new reasons of the others."""
    sent = list(sent)
    if sent:
        session.execute(delete(OutboxRefusal).where(OutboxRefusal.id.in_(sent)))
    for refusal, reason in refused.items():
        values = {"reason": reason, "retry": False}
        session.execute(update(OutboxRefusal).where(OutboxRefusal.id == refusal).values(**values))


def delete_sent(session: Session, sinks: Sequence[str], before: datetime, limit: int) -> int:
    """Delete events from before a time that each of these sinks has confirmed; return their number.

    Refused events stay until they are sent or dropped.
    """
    position = session.scalar(select(func.min(OutboxSink.position)).where(OutboxSink.name.in_(sinks)))
    if not position:
        return 0
    # Only the first ones are looked at: the times are nearly in the order of the numbers, and many are not old.
    first = (
        select(OutboxEvent.id, OutboxEvent.at)
        .where(OutboxEvent.sequence <= position, ~exists().where(OutboxRefusal.event == OutboxEvent.id))
        .order_by(OutboxEvent.sequence)
        .limit(limit)
    )
    ids = [id_ for id_, at in session.execute(first) if at < before]
    for start in range(0, len(ids), 2000):
        session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(ids[start : start + 2000])))
    return len(ids)


@dataclass(frozen=True, kw_only=True)
class SinkState:
    """What is known about a sink; ``oldest`` is the time of the oldest event that it has not confirmed."""

    name: str
    state: str
    sent: int
    sent_at: datetime | None
    unsent: int
    oldest: datetime | None
    refused: int
    error: str | None


def sink_states(session: Session, sinks: Sequence[str] | None = None) -> list[SinkState]:
    """Return the states of the sinks, by name; by default of all that a relay ever had."""
    query = select(OutboxSink).order_by(OutboxSink.name)
    if sinks is not None:
        query = query.where(OutboxSink.name.in_(sinks))
    states = []
    for sink in session.scalars(query):
        unsent, oldest = 0, None
        # In two queries: with an OR, PostgreSQL reads the whole table.
        for condition in (OutboxEvent.sequence > sink.position, OutboxEvent.sequence.is_(None)):
            number, first = session.execute(
                select(func.count(), func.min(OutboxEvent.at)).where(
                    condition, or_(OutboxEvent.sink.is_(None), OutboxEvent.sink == sink.name)
                )
            ).one()
            unsent += number
            oldest = min(filter(None, (oldest, first)), default=None)
        refused = session.scalar(select(func.count()).where(OutboxRefusal.sink == sink.name))
        states.append(
            SinkState(
                name=sink.name,
                state=sink.state,
                sent=sink.sent,
                sent_at=sink.sent_at,
                unsent=unsent,
                oldest=oldest,
                refused=refused or 0,
                error=sink.error,
            )
        )
    return states


def refusals(session: Session, limit: int, *, before: int | None = None) -> Sequence[Row[Any]]:
    """Return the refused events, the newest first: the refusal's columns, and the event's id, subject and size.

    Args:
        before: only refusals with a smaller id.
    """
    query = (
        select(
            OutboxRefusal.id,
            OutboxRefusal.sink,
            OutboxRefusal.reason,
            OutboxRefusal.at,
            OutboxRefusal.retry,
            OutboxEvent.event_id,
            OutboxEvent.table_name,
            OutboxEvent.row_key,
            OutboxEvent.kind,
            func.length(OutboxEvent.data).label("size"),
        )
        .join(OutboxEvent, OutboxEvent.id == OutboxRefusal.event)
        .order_by(OutboxRefusal.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(OutboxRefusal.id < before)
    return session.execute(query).all()


def retry_refused(session: Session, sink: str | None) -> tuple[int, int]:
    """Let the relay send the refused events again, and begin again with sinks that have ended.

    Returns:
        How many events, and how many sinks.
    """
    events = update(OutboxRefusal).where(OutboxRefusal.retry.is_(False))
    sinks = update(OutboxSink).where(OutboxSink.state == ENDED)
    if sink is not None:
        events = events.where(OutboxRefusal.sink == sink)
        sinks = sinks.where(OutboxSink.name == sink)
    refused = session.execute(events.values(retry=True))
    begun = session.execute(sinks.values(state=ACTIVE, error=None))
    return refused.rowcount, begun.rowcount  # type: ignore[attr-defined]


def newest_events(session: Session, limit: int) -> list[OutboxEvent]:
    """Return the newest events, the oldest of them first."""
    query = select(OutboxEvent).order_by(OutboxEvent.id.desc()).limit(limit)
    return list(reversed(session.scalars(query).all()))
