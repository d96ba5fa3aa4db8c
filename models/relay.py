"""The relay's tables: which relay sends the events, how far each sink is, and what a sink refused.

One relay sends at a time. ``outbox_relay`` has one row with its owner, and every transaction of a relay calls ``hold``,
which locks this row: a relay that lost it to another one cannot write any more.

A sink is at a *position*: it has confirmed or refused all its events up to this id, without those in its *gaps*. A gap
is some ids up to the position that had no committed event. Events come into a gap if a transaction commits after a
later one; the relay looks for them, and sends them first. It reads the events of a sink in the order of their ids, in
one snapshot. That is the order of each row: the second transaction of a row waits for the row's lock, so its event has
a larger id, and no snapshot has it without the first one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Integer,
    Row,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column, sessionmaker

from models.base import Base
from models.event_fields import fields_of, fields_text
from models.outbox import SINK_NAME_LENGTH, OutboxEvent
from models.process_id import Process
from models.run import database_now
from models.types import ExactString, FreeText, UtcDateTime

LEASE = timedelta(seconds=15)  # a relay without a heartbeat for so long has lost its place
ONLY = 1  # the id of the only row of outbox_relay

GAPS_AT_ONCE = 100  # in one query

ACTIVE, ENDED = "active", "ended"  # states of a sink
# The error of a sink that was not in BROKER_URL when events were deleted.
MISSED = "events were deleted before it got them"


class RelayIsAlive(Exception):
    """Another relay sends the events; the message names it."""


class RelayLost(Exception):
    """Another relay has taken over; what this one wrote before is safe."""


class RelayRow(Base):
    """The relay that sends now."""

    __tablename__ = "outbox_relay"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str | None] = mapped_column(ExactString(200))
    number: Mapped[int] = mapped_column(BigInteger, default=0)  # of the relay: each one has the next number
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OutboxSink(Base):
    """A sink and its position: the id of an event."""

    __tablename__ = "outbox_sink"

    name: Mapped[str] = mapped_column(ExactString(SINK_NAME_LENGTH), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str] = mapped_column(ExactString(8), default=ACTIVE)
    sent: Mapped[int] = mapped_column(BigInteger, default=0)  # events, over all relays
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(FreeText())  # why it does not get on now
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when a relay was last configured with it


class OutboxGap(Base):
    """A gap of a sink: ids up to its position that had no event when the relay read those around them.

    All ids up to the position that have no event are in gaps, also those of deleted events. So an event is found
    whatever its id is, and gaps with nothing between them become one.
    """

    __tablename__ = "outbox_gap"

    sink: Mapped[str] = mapped_column(ExactString(SINK_NAME_LENGTH), primary_key=True)
    first_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_id: Mapped[int] = mapped_column(BigInteger)


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
    """The place of the relay, which this process has.

    ``missed`` says which of its sinks have missed events while they were not in BROKER_URL, and why.
    """

    owner: str
    number: int
    missed: Mapping[str, str] = field(default_factory=dict)


def claim_relay(sessions: sessionmaker[Session], sinks: Sequence[str]) -> HeldRelay:
    """Take the place of the relay, and make the sinks known. A new sink gets every event that is kept.

    Raises:
        RelayIsAlive: another relay has it, and its heartbeat is not old.
    """
    try:
        with sessions.begin() as session:
            if session.get(RelayRow, ONLY) is None:
                session.add(RelayRow(id=ONLY, owner=None, number=0, heartbeat_at=None))
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
        known = {one.name: one.error for one in session.execute(select(OutboxSink.name, OutboxSink.error))}
        for name in sinks:
            if name in known:
                session.execute(
                    update(OutboxSink).where(OutboxSink.name == name).values(used_at=now, error=None)
                )
            else:
                session.add(OutboxSink(name=name, position=0, state=ACTIVE, sent=0, used_at=now))
        errors = {name: known.get(name) for name in sinks}
        missed = {name: error for name, error in errors.items() if error and error.startswith(MISSED)}
        return HeldRelay(owner=row.owner, number=row.number, missed=missed)


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


def gaps_with_events(session: Session, sinks: Sequence[str]) -> list[tuple[int, int]]:
    """Return the gaps of the sinks in which there are events now: the first event's id, and the end of the gap."""
    gaps = session.execute(
        select(OutboxGap.first_id, OutboxGap.last_id)
        .where(OutboxGap.sink.in_(sinks))
        .order_by(OutboxGap.first_id)
    ).all()
    found = []
    for start in range(0, len(gaps), GAPS_AT_ONCE):
        some = gaps[start : start + GAPS_AT_ONCE]
        # With the numbers in the text, each is one look into the index, whatever the database knows about the table.
        looks = ", ".join(
            f"(SELECT MIN(id) FROM outbox_event WHERE id BETWEEN {int(first)} AND {int(last)})"  # noqa: S608
            for first, last in some
        )
        ids = session.connection().exec_driver_sql(f"SELECT {looks}").one()
        found += [(id_, last) for id_, (_, last) in zip(ids, some, strict=True) if id_ is not None]
    return found


def store_position(
    session: Session,
    sink: str,
    position: int,
    *,
    sent: int,
    refused: Mapping[int, str],
    now: datetime,
    gaps: Iterable[tuple[int, int]] = (),
    filled: Iterable[tuple[int, int]] = (),
) -> None:
    """Store that a sink has confirmed or refused its events up to ``position``. Call ``hold`` before.

    Args:
        sent: how many events it has confirmed since the last call.
        refused: the reasons of the refused events, by the id of the event.
        gaps: the first and the last id of new gaps.
        filled: the first and the last id of events that were in gaps and are confirmed or refused now.
    """
    values: dict[str, object] = {"position": position, "sent": OutboxSink.sent + sent}
    if sent:
        values["sent_at"] = now
    session.execute(
        update(OutboxSink).where(OutboxSink.name == sink, OutboxSink.position <= position).values(**values)
    )
    for first, last in filled:
        for start, end in _take_gaps(session, sink, first, last):
            _add_gap(session, sink, start, first - 1)
            _add_gap(session, sink, last + 1, end)
    for first, last in gaps:
        _add_gap(session, sink, first, last)
    session.add_all(
        OutboxRefusal(sink=sink, event=event, reason=reason, at=now) for event, reason in refused.items()
    )


def _take_gaps(session: Session, sink: str, first: int, last: int) -> list[tuple[int, int]]:
    """Delete the gaps of a sink that have one of these ids; return their first and last ids."""
    there = OutboxGap.sink == sink, OutboxGap.first_id <= last, OutboxGap.last_id >= first
    query = select(OutboxGap.first_id, OutboxGap.last_id).where(*there)
    found = [(start, end) for start, end in session.execute(query)]
    if found:
        session.execute(delete(OutboxGap).where(*there))
    return found


def _add_gap(session: Session, sink: str, first: int, last: int) -> None:
    """Store a gap, together with the gaps that it touches; nothing if it has no id."""
    if first > last:
        return
    touched = _take_gaps(session, sink, first - 1, last + 1)
    first = min([first, *(start for start, _ in touched)])
    last = max([last, *(end for _, end in touched)])
    session.execute(insert(OutboxGap).values(sink=sink, first_id=first, last_id=last))


def runs_of(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of ids without a gap; the ids are in their order."""
    runs: list[tuple[int, int]] = []
    for id_ in ids:
        if runs and runs[-1][1] == id_ - 1:
            runs[-1] = runs[-1][0], id_
        else:
            runs.append((id_, id_))
    return runs


def store_error(session: Session, sink: str, error: str | None, *, ended: bool = False) -> None:
    """Store why a sink does not get on, or that it does again. Call ``hold`` before."""
    values: dict[str, object] = {"error": error}
    if ended:
        values["state"] = ENDED
    session.execute(update(OutboxSink).where(OutboxSink.name == sink).values(**values))


def refused_again(session: Session, sink: str, limit: int) -> list[tuple[int, list[str]]]:
    """Return the refused events that a person asked to send again, each after its refusal's id."""
    query = (
        select(OutboxRefusal.id, fields_text)
        .join(OutboxEvent, OutboxEvent.id == OutboxRefusal.event)
        .where(OutboxRefusal.sink == sink, OutboxRefusal.retry)
        .order_by(OutboxEvent.id)
        .limit(limit)
    )
    return [(refusal, fields_of(text)) for refusal, text in session.execute(query)]


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

    Refused events stay until they are sent or dropped. Another sink that had not got a deleted event has the error
    MISSED, which the next relay with this sink tells.
    """
    position = session.scalar(select(func.min(OutboxSink.position)).where(OutboxSink.name.in_(sinks)))
    if not position:
        return 0
    # Only the first ones are looked at: the times are nearly in the order of the ids, and many are not old.
    first_events = (
        select(OutboxEvent.id, OutboxEvent.at, OutboxEvent.sink)
        .where(OutboxEvent.id <= position, ~exists().where(OutboxRefusal.event == OutboxEvent.id))
        .order_by(OutboxEvent.id)
        .limit(limit)
    )
    old = [event for event in session.execute(first_events) if event.at < before]
    unsent = gaps_with_events(session, sinks) if old else []
    events = [one for one in old if not any(first <= one.id <= last for first, last in unsent)]
    ids = [event.id for event in events]
    positions = select(OutboxSink.name, OutboxSink.position)
    ends = {sink.name: sink.position for sink in session.execute(positions)} if ids else {}
    for sink in ends.keys() - set(sinks):
        unsent = [*gaps_with_events(session, [sink]), (ends[sink] + 1, ids[-1])]
        missed = [
            event.at
            for event in events
            if event.sink in (None, sink) and any(first <= event.id <= last for first, last in unsent)
        ]
        if missed:
            store_error(session, sink, f"{MISSED}, the last one from {max(missed):%F %T} UTC")
    for start in range(0, len(ids), 2000):
        session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(ids[start : start + 2000])))
    for sink, end in ends.items():
        for first, last in runs_of(ids):
            _add_gap(session, sink, first, min(last, end))
    return len(ids)


@dataclass(frozen=True, kw_only=True)
class SinkState:
    """What is known about a sink.

    Attributes:
        in_use: it was in BROKER_URL of the last relay.
        used_at: when the last relay with it began.
        oldest: the time of the oldest event that it has not confirmed.
    """

    name: str
    in_use: bool
    used_at: datetime
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
    last_relay = session.scalar(select(func.max(OutboxSink.used_at)))
    for sink in session.scalars(query):
        unsent, oldest = 0, None
        for condition in unsent_by(session, sink):
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
                in_use=sink.used_at == last_relay,
                used_at=sink.used_at,
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


def unsent_by(session: Session, sink: OutboxSink) -> list[ColumnElement[bool]]:
    """Return a condition for the events after a sink's position, and one for each gap that has events."""
    return [
        OutboxEvent.id > sink.position,
        *(OutboxEvent.id.between(first, last) for first, last in gaps_with_events(session, [sink.name])),
    ]


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
