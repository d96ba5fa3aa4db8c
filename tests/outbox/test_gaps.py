"""Gaps: events that commit after later ones are found, and each row is in order; ids come again only as new events."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session

from models import OutboxEvent, OutboxSink
from models.event_fields import events_between
from models.relay import claim_relay, delete_sent, gaps_with_events, runs_of, sink_states
from models.run import database_now
from models.session import make_engine, make_sessions
from outbox import batches
from outbox.batches import Batches
from outbox.delivery import Delivery
from outbox.relay import Relay
from outbox.sink import SENT, Outcome
from tests.outbox.events import (
    DEADLINE,
    RecordingSink,
    commit_events,
    gaps,
    history,
    store_changes,
    unsent,
    wait_until,
    withhold_events,
    without_repeats,
)

WEEK = timedelta(days=7)


def once(engine: Engine, **sinks: Any) -> None:
    assert Relay(engine, sinks, keep=WEEK).run(once=True).errors == {}


def subjects(sink: RecordingSink) -> list[str]:
    return [one["subject"] for one in sink.received]


def delete_all_sent(engine: Engine, sinks: Sequence[str]) -> int:
    with Session(engine) as session:
        number = delete_sent(session, sinks, database_now(session) + WEEK, 100)
        session.commit()
    return number


def test_ids_are_in_runs() -> None:
    assert runs_of([]) == []
    assert runs_of([3, 4, 5, 7, 9, 10]) == [(3, 5), (7, 7), (9, 10)]


def test_events_that_commit_late_are_sent_before_what_follows_them(engine: Engine) -> None:
    """An id is given before the commit, so an event with a smaller id may become visible later."""
    store_changes(engine, [range(1, 9)])
    events = withhold_events(engine)
    ids = [event["id"] for event in events]
    sink = RecordingSink(batch=3)
    commit_events(engine, [events[2], events[6]])
    once(engine, sink=sink)
    assert subjects(sink) == ["quote/[3]", "quote/[7]"]
    assert gaps(engine) == [(1, ids[1]), (ids[3], ids[5])]
    commit_events(engine, [events[0], events[4], events[5], events[7]])
    assert unsent(engine) == {"sink": 4}
    once(engine, sink=sink)
    assert subjects(sink)[2:] == ["quote/[1]", "quote/[5]", "quote/[6]", "quote/[8]"]
    commit_events(engine, [events[1], events[3]])
    once(engine, sink=sink)
    assert subjects(sink)[6:] == ["quote/[2]", "quote/[4]"]
    assert gaps(engine) == ([(1, ids[0] - 1)] if ids[0] > 1 else []) and unsent(engine) == {"sink": 0}


def test_a_full_gap_goes_before_what_follows_it(engine: Engine) -> None:
    """Events of a gap may be more than a batch. Then neither a later gap nor a later event is in it."""
    store_changes(engine, [range(1, 10)])
    events = withhold_events(engine)
    sink = RecordingSink(batch=2)
    commit_events(engine, [events[4], events[6]])
    once(engine, sink=sink)
    commit_events(engine, [*events[:4], events[5], *events[7:]])
    once(engine, sink=sink)
    assert subjects(sink)[2:] == [f"quote/[{number}]" for number in (1, 2, 3, 4, 6, 8, 9)]
    assert all(len(call) <= 2 for call in sink.calls)


def test_a_gap_that_is_not_read_to_its_end_ends_the_batch(engine: Engine) -> None:
    """The second event of row 3 is in a later gap than the first one, which is behind an id without an event."""
    store_changes(engine, [[1], [2], [3], [9], [3], [8]])
    events = withhold_events(engine)
    sink = RecordingSink(batch=2)
    commit_events(engine, [events[3], events[5]])
    once(engine, sink=sink)
    commit_events(engine, [events[0], events[2], events[4]])
    once(engine, sink=sink)
    assert [(one["subject"], one["data"]["kind"]) for one in sink.received[2:]] == [
        ("quote/[1]", "created"),
        ("quote/[3]", "created"),
        ("quote/[3]", "changed"),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_transactions_that_commit_in_any_order_lose_nothing(
    engine: Engine, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are committed in another order than that of their ids; one of the two sinks loses some."""
    dice = random.Random(seed)
    monkeypatch.setattr(batches, "FIRST_SIZE", 3)
    monkeypatch.setattr("models.relay.GAPS_AT_ONCE", 2)
    store_changes(engine, [[row for row in range(6) if dice.random() < 0.5] for _ in range(10)])
    expected = history(engine)
    events = withhold_events(engine)
    first, second = RecordingSink(batch=4), RecordingSink(batch=7)
    second.answer = lambda _: SENT if dice.random() < 0.8 else Outcome(failed="lost")
    relay = Relay(engine, {"first": first, "second": second}, keep=WEEK)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        while events:
            some: list[dict[str, Any]] = []
            rows: set[str] = set()  # that have an event that is not committed yet
            for event in events:
                if event["row_key"] not in rows and dice.random() < 0.3:
                    some.append(event)
                else:
                    rows.add(event["row_key"])
            before = len(first.received)
            commit_events(engine, some)
            events = [event for event in events if event not in some]
            if dice.random() < 0.7 and some:
                wait_until(lambda: len(first.received) > before)  # noqa: B023
        wait_until(lambda: without_repeats(list(second.received)) == expected)
        wait_until(lambda: without_repeats(list(first.received)) == expected)
        wait_until(lambda: unsent(engine) == {"first": 0, "second": 0})
    finally:
        relay.stop()
        thread.join(DEADLINE)
    assert not thread.is_alive()


def test_a_batch_has_the_events_of_one_moment(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of a row that commit while a batch is read are in it together, or not at all."""
    engine = make_engine(server_url)
    store_changes(engine, [[1, 2], [1]])
    events = withhold_events(engine)
    commit_events(engine, [events[1]])
    sink = RecordingSink()
    once(engine, sink=sink)

    def gaps_and_then_commits(session: Session, sinks: Sequence[str]) -> list[tuple[int, int]]:
        found = gaps_with_events(session, sinks)
        if events:
            commit_events(engine, [events[0], events[2]])
            events.clear()
        return found

    monkeypatch.setattr(batches, "gaps_with_events", gaps_and_then_commits)
    assert Batches(engine, "sink", 10).take(0).is_empty
    once(engine, sink=sink)
    assert without_repeats(sink.received) == history(engine) and len(sink.received) == 3
    engine.dispose()


def test_an_open_transaction_holds_back_nobody(server_url: str) -> None:
    engine = make_engine(server_url)
    store_changes(engine, [[1, 2, 3]])
    events = withhold_events(engine)
    sink = RecordingSink()
    with engine.connect() as connection:
        connection.execute(insert(OutboxEvent), [events[0]])
        commit_events(engine, [events[1]])
        once(engine, sink=sink)
        assert subjects(sink) == ["quote/[2]"]
        connection.commit()
    with engine.connect() as connection:
        connection.execute(insert(OutboxEvent), [events[2]])
        connection.rollback()
    once(engine, sink=sink)
    assert subjects(sink) == ["quote/[2]", "quote/[1]"]
    engine.dispose()


def test_deleted_events_and_rolled_back_ones_become_one_gap(engine: Engine) -> None:
    store_changes(engine, [range(1, 9)])
    events = withhold_events(engine)
    sink = RecordingSink()
    commit_events(engine, [*events[1:3], *events[5:]])
    once(engine, sink=sink)
    commit_events(engine, [events[3]])  # the sink has not got it
    assert delete_all_sent(engine, ["sink"]) == 5
    last = events[-1]["id"]
    assert gaps(engine) == [(1, last)] and unsent(engine) == {"sink": 1}
    once(engine, sink=sink)
    assert subjects(sink)[-1] == "quote/[4]" and delete_all_sent(engine, ["sink"]) == 1
    assert gaps(engine) == [(1, last)]
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(OutboxEvent)) == 0
    store_changes(engine, [[1]])  # SQLite gives the ids again
    once(engine, sink=sink)
    assert subjects(sink)[-1] == "quote/[1]" and len(sink.received) == 7


def test_an_event_that_one_sink_has_not_got_is_kept(engine: Engine) -> None:
    store_changes(engine, [[1, 2]])
    events = withhold_events(engine)
    first, second = RecordingSink(), RecordingSink()
    commit_events(engine, [events[1]])
    once(engine, first=first, second=second)
    commit_events(engine, [events[0]])
    once(engine, first=first)
    assert delete_all_sent(engine, ["first", "second"]) == 1
    with Session(engine) as session:
        assert session.scalars(select(OutboxEvent.id)).all() == [events[0]["id"]]
    assert unsent(engine) == {"first": 0, "second": 1}


def test_an_event_for_another_sink_has_only_its_id(engine: Engine) -> None:
    store_changes(engine, [[1]])
    (event,) = withhold_events(engine)
    commit_events(engine, [event | {"sink": "other"}])
    with Session(engine) as session:
        assert events_between(session, "sink", event["id"], event["id"]) == [[str(event["id"])]]
    sink = RecordingSink()
    once(engine, sink=sink)
    with Session(engine) as session:
        assert session.scalar(select(OutboxSink.position)) == event["id"]
    assert sink.received == []


def test_gaps_that_cannot_be_stored_are_stored_before_the_next_batch(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise events in these gaps could be overtaken."""
    store_changes(engine, [[1, 2]])
    events = withhold_events(engine)
    commit_events(engine, [events[1]])
    sink = RecordingSink()
    place = claim_relay(make_sessions(engine), ["sink"])
    delivery = Delivery("sink", sink, engine, place, lambda: None)
    store = delivery._store
    monkeypatch.setattr(delivery, "_store", lambda: None)
    assert delivery._send_next()
    assert gaps(engine) == []
    monkeypatch.setattr(delivery, "_store", store)
    commit_events(engine, [events[0]])
    assert delivery._send_next()
    assert subjects(sink) == ["quote/[2]", "quote/[1]"]


def test_a_sink_that_comes_back_after_events_were_deleted_is_told_so(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    store_changes(engine, [[1], [2]])
    once(engine, stays=RecordingSink(), leaves=RecordingSink())
    once(engine, stays=RecordingSink())
    assert delete_all_sent(engine, ["stays"]) == 2  # both sinks have them
    store_changes(engine, [[3]])
    once(engine, stays=RecordingSink())
    with Session(engine) as session:
        states = {state.name: (state.in_use, state.unsent, state.error) for state in sink_states(session)}
    assert states == {"stays": (True, 0, None), "leaves": (False, 1, None)}
    once(engine, stays=RecordingSink(), leaves=RecordingSink())
    store_changes(engine, [[4]])
    once(engine, stays=RecordingSink())
    assert delete_all_sent(engine, ["stays"]) == 2
    store_changes(engine, [[5]])
    back = RecordingSink()
    for _ in range(2):
        once(engine, stays=RecordingSink(), leaves=back)
    assert subjects(back) == ["quote/[5]"]
    (warning,) = [one.getMessage() for one in caplog.records if one.name == "splashdown.relay"]
    assert warning.startswith(
        "leaves is in BROKER_URL again, and events were deleted before it got them, the last"
    )
    assert warning.endswith(
        "`scrapy events --snapshot TABLE --sink leaves` sends it the rows of a table as they are now"
    )
