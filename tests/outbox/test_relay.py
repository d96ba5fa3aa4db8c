"""The relay: every event, in the order of its row's changes, whatever sinks, databases and other relays do."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from models import OutboxEvent, OutboxRefusal, OutboxSink, RelayRow
from models.relay import (
    RelayIsAlive,
    RelayLost,
    claim_relay,
    delete_sent,
    hold,
    retry_refused,
    sink_states,
    store_position,
)
from models.run import database_now
from models.session import make_sessions
from outbox.event import Event
from outbox.relay import Relay, RelayEnd
from outbox.sink import SENT, Outcome, Sink, SinkEnded
from tests.outbox.events import (
    DEADLINE,
    RecordingSink,
    gaps,
    history,
    store_changes,
    unsent,
    wait_until,
    without_repeats,
)

WEEK = timedelta(days=7)


def once(engine: Engine, **sinks: Sink) -> RelayEnd:
    return Relay(engine, sinks, keep=WEEK).run(once=True)


def test_every_sink_gets_every_change_in_the_order_of_its_row(engine: Engine) -> None:
    store_changes(engine, [[1, 2, 3], [2], [2, 3], [4, 2]])
    first, second = RecordingSink(), RecordingSink(batch=2)
    assert once(engine, first=first, second=second) == RelayEnd(lost=False, errors={})
    assert without_repeats(first.received) == without_repeats(second.received) == history(engine)
    assert len(first.received) == len(second.received) == 8
    store_changes(engine, [[1]])
    once(engine, first=first, second=second)
    assert len(first.received) == len(second.received) == 9  # nothing is sent twice
    assert unsent(engine) == {"first": 0, "second": 0}


def test_a_relay_that_is_stopped_with_once_has_not_sent_everything(engine: Engine) -> None:
    store_changes(engine, [[1, 2, 3]])
    sink = RecordingSink()
    relay = Relay(engine, {"sink": sink}, keep=WEEK)
    relay.stop()
    assert relay.run(once=True) == RelayEnd(lost=False, interrupted=True, errors={})
    assert once(engine, sink=sink) == RelayEnd(lost=False, errors={})
    assert without_repeats(sink.received) == history(engine)


def test_one_call_has_one_event_of_a_row(engine: Engine) -> None:
    store_changes(engine, [[1, 2], [1, 2], [1]])
    sink = RecordingSink()
    once(engine, sink=sink)
    assert sink.calls == [["[1]", "[2]"], ["[1]", "[2]"], ["[1]"]]


def test_a_sink_that_loses_events_at_random_gets_all_in_their_order(engine: Engine) -> None:
    store_changes(
        engine, [[row for row in range(9) if random.Random(n * 31 + row).random() < 0.5] for n in range(12)]
    )
    dice = random.Random(5)
    sink = RecordingSink(batch=7)
    sink.answer = lambda _: SENT if dice.random() < 0.7 else Outcome(failed="lost")
    relay = Relay(engine, {"sink": sink}, keep=WEEK)
    thread = threading.Thread(target=relay.run)
    thread.start()
    wait_until(lambda: without_repeats(list(sink.received)) == history(engine))
    relay.stop()
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_a_sink_that_is_down_holds_back_nobody(engine: Engine) -> None:
    store_changes(engine, [[1], [2]])
    up, down = RecordingSink(), RecordingSink()
    down.down = "no route"
    end = once(engine, up=up, down=down)
    assert len(up.received) == 2 and end.errors == {"down": "no route"}
    with Session(engine) as session:
        states = {state.name: (state.unsent, state.sent, state.error) for state in sink_states(session)}
    assert states == {"up": (0, 2, None), "down": (2, 0, "no route")}
    down.down = None
    assert once(engine, up=up, down=down).errors == {}
    assert without_repeats(down.received) == history(engine) and len(up.received) == 2


def test_a_sink_that_takes_some_events_and_fails_again_still_has_its_reason(engine: Engine) -> None:
    store_changes(engine, [[1, 2, 3, 4]])
    sink = RecordingSink()
    sink.answer = lambda event: (
        SENT if len(sink.calls) < 3 and event.row_key == f"[{len(sink.calls)}]" else Outcome(failed="full")
    )
    assert once(engine, sink=sink).errors == {"sink": "full"}
    assert len(sink.received) == 2 and len(sink.calls) > 3
    with Session(engine) as session:
        assert [(state.unsent, state.error) for state in sink_states(session)] == [(2, "full")]
    sink.answer = lambda _: SENT
    once(engine, sink=sink)
    with Session(engine) as session:
        assert [(state.unsent, state.error) for state in sink_states(session)] == [(0, None)]


def test_a_refused_event_is_kept_with_its_reason_and_the_rest_goes_on(engine: Engine) -> None:
    store_changes(engine, [[1, 2, 3], [2]])
    sink = RecordingSink()
    sink.answer = lambda event: Outcome(refused="too large") if event.row_key == "[2]" else SENT
    assert once(engine, sink=sink).errors == {}
    assert set(without_repeats(sink.received)) == {"quote/[1]", "quote/[3]"}
    with Session(engine) as session:
        refusals = session.scalars(select(OutboxRefusal)).all()
        assert [(one.sink, one.reason) for one in refusals] == [("sink", "too large")] * 2
        now = database_now(session)
        assert delete_sent(session, ["sink"], now - WEEK, 100) == 0
        assert delete_sent(session, ["sink"], now + WEEK, 100) == 2  # but not the refused ones
        assert session.scalar(select(func.count()).select_from(OutboxEvent)) == 2
        session.commit()
    with Session(engine) as session:
        session.execute(update(OutboxRefusal).values(retry=True))
        session.commit()
    sink.answer = lambda _: SENT
    once(engine, sink=sink)
    assert without_repeats(sink.received) == history(engine)
    with Session(engine) as session:
        assert session.scalars(select(OutboxRefusal)).all() == []


def test_once_sends_all_refused_events_again_and_says_what_is_left(engine: Engine) -> None:
    store_changes(engine, [[1, 2, 3, 4, 5, 6, 7]])
    sink = RecordingSink(batch=2)
    sink.answer = lambda _: Outcome(refused="no queue")
    assert once(engine, sink=sink) == RelayEnd(lost=False, errors={}, refused={"sink": 7})

    def retry() -> int:
        with Session(engine) as session, session.begin():
            return retry_refused(session, None)[0]

    assert retry() == 7
    sink.answer = lambda event: (
        Outcome(refused="no queue")
        if event.row_key == "[2]"
        else Outcome(failed="full")
        if event.row_key == "[4]"
        else SENT
    )
    assert once(engine, sink=sink) == RelayEnd(lost=False, errors={"sink": "full"}, refused={"sink": 1})
    assert set(without_repeats(sink.received)) == {"quote/[1]", "quote/[3]"}
    assert retry() == 1
    sink.answer = lambda _: SENT
    assert once(engine, sink=sink) == RelayEnd(lost=False, errors={})
    assert without_repeats(sink.received) == history(engine)
    assert len(sink.received) == 7


def test_a_receiver_that_ends_gets_nothing_more(engine: Engine) -> None:
    store_changes(engine, [[1]])
    sink = RecordingSink()

    def end(_event: Event) -> Outcome:
        raise SinkEnded("HTTP 410")

    sink.answer = end
    assert once(engine, sink=sink).errors == {"sink": "HTTP 410"}
    sink.answer = lambda _: SENT
    assert once(engine, sink=sink).errors == {"sink": "it has ended"}
    assert sink.received == []
    with Session(engine) as session:
        assert session.scalars(select(OutboxSink.state)).all() == ["ended"]


def test_a_fault_of_a_sink_is_no_loss_of_the_place(engine: Engine) -> None:
    store_changes(engine, [[1]])
    sink = RecordingSink()

    def fail(_event: Event) -> Outcome:
        raise RuntimeError

    sink.answer = fail
    end = once(engine, sink=sink)
    assert end.faults == ["sink"] and not end.lost


def test_a_second_relay_is_refused_until_the_first_has_no_heartbeat(engine: Engine) -> None:
    sessions = make_sessions(engine)
    first = claim_relay(sessions, ["sink"])
    with pytest.raises(RelayIsAlive, match="another relay sends the events: process"):
        claim_relay(sessions, ["sink"])
    with sessions.begin() as session:
        session.execute(update(RelayRow).values(heartbeat_at=database_now(session) - timedelta(minutes=1)))
    second = claim_relay(sessions, ["sink"])
    store_changes(engine, [[1]])
    with pytest.raises(RelayLost), sessions.begin() as session:
        store_position(session, "sink", 10, sent=1, refused={}, now=database_now(session), gaps=[(1, 9)])
        hold(session, first)
    assert gaps(engine) == [] and unsent(engine) == {"sink": 1}
    with sessions.begin() as session:
        store_position(session, "sink", 10, sent=1, refused={}, now=hold(session, second), gaps=[(1, 9)])
    assert gaps(engine) == [(1, 9)]


def test_a_relay_that_runs_sends_new_events_soon(engine: Engine) -> None:
    sink = RecordingSink()
    relay = Relay(engine, {"sink": sink}, keep=WEEK)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        for number in range(3):
            store_changes(engine, [[number]])
            wait_until(lambda: without_repeats(list(sink.received)) == history(engine))
    finally:
        relay.stop()
        thread.join(DEADLINE)
    assert len(sink.received) == 3
    with Session(engine) as session:
        assert session.scalar(select(RelayRow.owner)) is None  # the next relay need not wait
