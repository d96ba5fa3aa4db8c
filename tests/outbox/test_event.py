"""Events as a sink gets them from each database, and their JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import OutboxEvent
from models.event_fields import events_between
from outbox.event import Event

TIMES = [
    datetime(2026, 5, 1, 12, tzinfo=UTC),
    datetime(2026, 5, 1, 12, 0, 0, 120_000, tzinfo=UTC),
    datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=UTC),
]


def test_an_event_comes_from_the_database_as_it_was_stored(engine: Engine) -> None:
    with Session(engine, expire_on_commit=False) as session:
        stored = [
            OutboxEvent(
                event_id=f"00000000-0000-4000-8000-{number:012d}",
                table_name="book",
                kind="changed",
                row_key='["ü \\u001f \\"😀\\""]',
                spider="books \x1f of ann's",
                at=at,
                data='{"text":"100 % \\u001f \\u0000 😀"}',
            )
            for number, at in enumerate(TIMES, start=1)
        ]
        session.add_all(stored)
        session.commit()
        found = [Event.of(fields) for fields in events_between(session, "sink", stored[0].id, stored[-1].id)]
    assert [event._asdict() for event in found] == [
        {name: getattr(event, name) for name in Event._fields} for event in stored
    ]
    for event, one in zip(found, stored, strict=True):
        envelope = {**event.attributes, "data": json.loads(event.data)}
        assert json.loads(event.structured) == json.loads(one.envelope) == envelope
