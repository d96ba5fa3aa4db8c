"""Batches of events: how large they are, and that a sink gets its events whatever is between their ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from models import OutboxEvent, OutboxSink
from outbox import delivery
from outbox.batches import FIRST_SIZE, HEAVIEST, Batch, Batches, next_size
from outbox.event import Event
from outbox.relay import Relay, RelayEnd
from outbox.sink import SENT, Outcome, SinkDown
from tests.outbox.events import RecordingSink, history, store_changes, wait_until, without_repeats

WEEK = timedelta(days=7)


def events(number: int, size: int = 100) -> list[Event]:
    return [
        Event(
            id=n,
            event_id=str(n),
            table_name="quote",
            kind="changed",
            row_key=f"[{n}]",
            spider="quotes",
            at=datetime.now(UTC),
            data="x" * size,
        )
        for n in range(number)
    ]


def test_a_batch_grows_up_to_what_the_sink_takes() -> None:
    assert next_size(100, events(100), seconds=0.01, most=1000) == 500
    assert next_size(800, events(800), seconds=0.01, most=1000) == 1000


def test_a_batch_of_a_slow_sink_takes_half_a_second() -> None:
    assert next_size(100, events(100), seconds=10.0, most=1000) == 5
    assert next_size(1, events(1), seconds=10.0, most=1000) == 1


def test_the_connection_in_the_first_batch_does_not_make_the_next_ones_small(engine: Engine) -> None:
    """Kafka's client gets the id of its producer with the first batch, after half a second or a whole one."""
    batches = Batches(engine, "sink", 5000)

    def sent(number: int, seconds: float) -> int:
        batch = Batch(position=0, state="", events=events(number), from_gaps=(), later=(), more=True)
        batches.note(batch, seconds)
        return batches.size

    assert sent(100, 1.0) == 100
    assert sent(100, 1.0) == 50
    batches.connected()
    assert sent(10, 1.0) == 50
    assert sent(50, 0.001) == 250


def test_a_batch_of_large_events_is_small() -> None:
    assert next_size(100, events(10, size=HEAVIEST // 4), seconds=0.01, most=1000) == 4
    assert next_size(100, events(1, size=2 * HEAVIEST), seconds=0.01, most=1000) == 1


def test_ids_of_other_sinks_and_of_no_event_hold_back_nobody(engine: Engine) -> None:
    """Another sink's snapshot, and events that are deleted or were rolled back, are longer than a batch."""
    store_changes(engine, [range(1, 13)])
    with Session(engine) as session:
        ids = session.scalars(select(OutboxEvent.id).order_by(OutboxEvent.id)).all()
        session.execute(update(OutboxEvent).where(OutboxEvent.id.in_(ids[2:7])).values(sink="second"))
        session.execute(delete(OutboxEvent).where(OutboxEvent.id == ids[8]))
        session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(ids[9:11])))
        session.commit()
    first, second = RecordingSink(batch=2), RecordingSink(batch=2)
    Relay(engine, {"first": first, "second": second}, keep=WEEK).run(once=True)
    assert [one["subject"] for one in first.received] == [f"quote/[{n}]" for n in (1, 2, 8, 12)]
    assert [one["subject"] for one in second.received] == [
        f"quote/[{n}]" for n in (1, 2, 3, 4, 5, 6, 7, 8, 12)
    ]
    Relay(engine, {"first": first, "second": second}, keep=WEEK).run(once=True)
    assert len(first.received) == 4 and len(second.received) == 9


def test_a_sink_that_is_down_has_no_part_in_a_long_backlog(engine: Engine) -> None:
    store_changes(engine, [[1, 2, 3, 4, 5], [1, 3, 5], [2, 4]])
    up, down = RecordingSink(batch=3), RecordingSink()
    down.down = "no route"
    end = Relay(engine, {"up": up, "down": down}, keep=WEEK).run(once=True)
    assert end == RelayEnd(lost=False, errors={"down": "no route"})
    assert without_repeats(up.received) == history(engine) and len(up.received) == 10


def test_what_is_confirmed_is_stored_also_if_the_relay_stops_or_the_sink_fails(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions are not stored after each batch. A stop and an error store them, so that nothing is sent twice."""
    monkeypatch.setattr(delivery, "STORE", float("inf"))
    monkeypatch.setattr("outbox.batches.FIRST_SIZE", 2)
    store_changes(engine, [range(1, 11)])
    sink = RecordingSink(batch=2)
    sink.answer = lambda _: SENT if len(sink.received) < 6 else Outcome(failed="the disk is full")
    assert Relay(engine, {"sink": sink}, keep=WEEK).run(once=True).errors == {"sink": "the disk is full"}
    stopping = Relay(engine, {"sink": sink}, keep=WEEK)

    def stop(_event: Event) -> Outcome:
        if len(sink.received) == 7:
            stopping.stop()
            wait_until(lambda: stopping.deliveries[0].is_stopping)
        return SENT

    sink.answer = stop
    stopping.run()
    with Session(engine) as session:
        assert session.scalar(select(OutboxSink.sent)) == len(sink.received) == 8
    Relay(engine, {"sink": sink}, keep=WEEK).run(once=True)
    assert [one["subject"] for one in sink.received] == [f"quote/[{n}]" for n in range(1, 11)]


def test_what_was_read_ahead_of_a_failure_is_read_again(engine: Engine) -> None:
    store_changes(engine, [range(1, 13), range(1, 13)])
    sink = RecordingSink(batch=2)
    failures = iter([5, 9, 17])
    next_failure = next(failures)

    def answer(_event: Event) -> Outcome:
        nonlocal next_failure
        if len(sink.received) == next_failure:
            next_failure = next(failures, -1)
            raise SinkDown("the connection is lost")
        return SENT

    sink.answer = answer
    end = Relay(engine, {"sink": sink}, keep=WEEK).run(once=True)
    assert end.errors == {} and without_repeats(sink.received) == history(engine)


def test_the_first_batch_is_not_larger_than_the_sink_takes(engine: Engine) -> None:
    assert Batches(engine, "sink", 20).size == 20
    assert Batches(engine, "sink", 5000).size == FIRST_SIZE
