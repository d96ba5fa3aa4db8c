"""Events: how far each sink is, what it refused, and what operators send again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from console.queries import events as queries
from models.crawl_order import CrawlOrder
from models.outbox import OutboxEvent
from models.relay import OutboxGap, OutboxRefusal, OutboxSink, RelayRow
from models.run import database_now
from models.session import make_engine, make_sessions
from tests.console.conftest import Client
from tests.console.runs import OWNER

SINK = "amqp://127.0.0.1/changes"
OTHER = "<b>mqtt</b>"


@pytest.fixture
def each_engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def add_events(session: Session, now: datetime, first: int, last: int, **values: Any) -> None:
    """Insert events with these ids; the first one is as many minutes old as it has successors."""
    session.execute(
        insert(OutboxEvent),
        [
            {
                "id": one,
                "event_id": f"event-{one}",
                "table_name": "book",
                "kind": "changed",
                "row_key": '["<script>1</script>"]',
                "spider": "books",
                "at": now - timedelta(minutes=last - one),
                "data": '{"secret": "hunter2secret"}',
                **values,
            }
            for one in range(first, last + 1)
        ],
    )


def fill(engine: Engine) -> datetime:
    """Store ten events, two sinks, and refused events."""
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        add_events(session, now, 1, 8)
        add_events(session, now, 9, 10)
        session.add(RelayRow(id=1, owner=OWNER, number=1, heartbeat_at=now))
        session.add(OutboxSink(name=SINK, position=8, sent=7, sent_at=now, used_at=now))
        session.add(
            OutboxSink(name=OTHER, position=3, state="ended", used_at=now, error="password=hunter2secret <i>")
        )
        session.flush()
        for event in (1, 2, 3):
            session.add(OutboxRefusal(sink=OTHER, event=event, reason="<script>2</script>", at=now))
        session.add(OutboxRefusal(sink=SINK, event=1, reason="too large", at=now, retry=True))
    return now


def test_each_sink_says_what_it_has_not_sent(each_engine: Engine) -> None:
    now = fill(each_engine)
    with Session(each_engine) as session:
        found = {one.name: one for one in queries.sinks(session)}
        relay = queries.relay(session, now)
    assert (found[SINK].unsent.number, found[SINK].refused.number, found[SINK].begins_again) == (2, 1, 1)
    assert found[SINK].oldest == now - timedelta(minutes=1)
    assert (found[OTHER].unsent.number, found[OTHER].state) == (7, "ended")
    assert found[OTHER].oldest == now - timedelta(minutes=4)
    assert relay is not None
    assert relay.process == "process 123 on crawler.example"


def test_an_event_in_a_gap_is_not_sent(each_engine: Engine) -> None:
    now = fill(each_engine)
    with make_sessions(each_engine).begin() as session:
        session.add_all(OutboxGap(sink=SINK, first_id=first, last_id=first + 1) for first in (2, 4))
        session.add(OutboxGap(sink=OTHER, first_id=11, last_id=12))
    with Session(each_engine) as session:
        found = {one.name: one for one in queries.sinks(session)}
    assert (found[SINK].unsent.number, found[SINK].oldest) == (6, now - timedelta(minutes=6))
    assert found[OTHER].unsent.number == 7


def test_an_event_for_one_sink_is_not_counted_for_others(engine: Engine) -> None:
    fill(engine)
    with make_sessions(engine).begin() as session:
        add_events(session, database_now(session), 11, 12, sink=SINK)
    with Session(engine) as session:
        assert {one.name: one.unsent.number for one in queries.sinks(session)} == {SINK: 4, OTHER: 7}


def test_many_unsent_events_are_about(
    engine: Engine, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "EXACT", 4)
    fill(engine)
    with Session(engine) as session:
        other, sink = queries.sinks(session)
    assert (sink.unsent.number, sink.unsent.is_about) == (2, False)
    assert (other.unsent.number, other.unsent.is_about) == (7, True)  # 10 - 3 by their ids
    assert "about 7" in viewer.text("/events/")


def test_the_page_shows_hostile_texts_as_text_and_no_secret(engine: Engine, operator: Client) -> None:
    fill(engine)
    for path in ("/events/", "/api/v1/events", "/api/v1/events/refused"):
        text = operator.text(path)
        assert "hunter2secret" not in text, path
        if not path.startswith("/api"):
            for hostile in ("<script>1", "<script>2", "<b>mqtt", "<i>"):
                assert hostile not in text, hostile
    assert "is sent again" in operator.text("/events/")


def test_refused_events_are_paged(engine: Engine, viewer: Client) -> None:
    fill(engine)
    seen: list[int] = []
    after = ""
    for _ in range(4):
        page = viewer.get(f"/api/v1/events/refused?limit=2&after={after}").json
        seen += [row["id"] for row in page["rows"]]
        if (after := page["after"] or "") == "":
            break
    assert seen == [4, 3, 2, 1]
    assert "Next page" in viewer.text("/events/?limit=2")
    assert viewer.get("/events/?after=x").status_code == 400


def test_an_operator_sends_refused_events_again(engine: Engine, operator: Client, viewer: Client) -> None:
    fill(engine)
    assert operator.post("/events/again", {"sink": OTHER}).location == "/events/"
    assert operator.post("/api/v1/events/again", json={}).status_code == 201
    with Session(engine) as session:
        orders = session.query(CrawlOrder).order_by(CrawlOrder.id).all()
    assert [(order.kind, order.arguments) for order in orders] == [
        ("send_again", {"sink": OTHER}),
        ("send_again", {"sink": None}),
    ]
    assert operator.post("/events/again", {"sink": "none"}).status_code == 404
    assert operator.post("/api/v1/events/again", json={"sink": "none"}).status_code == 404
    assert operator.post("/api/v1/events/again", json={"sink": 5}).status_code == 400
    assert viewer.post("/events/again", {"sink": OTHER}).status_code == 403
    assert viewer.post("/api/v1/events/again", json={}).status_code == 403
    assert "Send again" not in viewer.text("/events/")


def test_a_relay_that_is_gone_is_not_shown_as_running(engine: Engine, viewer: Client) -> None:
    assert "No relay has run yet" in viewer.text("/events/")
    with make_sessions(engine).begin() as session:
        old = database_now(session) - timedelta(hours=1)
        session.add(RelayRow(id=1, owner=OWNER, number=1, heartbeat_at=old))
    text = viewer.text("/events/")
    assert "No relay is running" in text
    assert "No sink has refused an event" in text
    assert "No change has made an event yet" in text
