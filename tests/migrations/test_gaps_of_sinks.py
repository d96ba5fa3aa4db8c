"""The migration to gaps keeps what each sink has got and has not got; after a downgrade all events are sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, bindparam, text

from models.schema import base_revisions, upgrade
from models.session import for_writing
from models.types import UtcDateTime
from outbox.relay import Relay
from tests.outbox.events import RecordingSink, gaps, unsent

NOW = datetime(2026, 11, 1, tzinfo=UTC)
# The ids of events with their numbers: 4 and 3 committed late, 9 and 12 have no number, 1, 6 and 7 are not there.
NUMBERS = {2: 2, 3: 10, 4: 9, 5: 5, 8: 8, 9: None, 10: 11, 11: 12, 12: None}
POSITIONS = {"all": 12, "some": 9, "none": 0, "sink": 8}


def migrate(engine: Engine, to: str) -> None:
    with for_writing(engine).begin() as connection:
        turn = command.downgrade if to < "0018" else command.upgrade
        turn(base_revisions().config(connection), to)


@pytest.fixture
def before(engine: Engine) -> Iterator[Engine]:
    """The database before the migration, with events and sinks."""
    migrate(engine, "0017")
    event = text(
        "INSERT INTO outbox_event (id, event_id, sequence, table_name, kind, row_hash, row_key, spider, at, data) "
        "VALUES (:id, :event_id, :number, 'quote', 'changed', :hash, :key, 'quotes', :at, '{}')"
    ).bindparams(bindparam("at", type_=UtcDateTime()))
    sink = text(
        "INSERT INTO outbox_sink (name, position, state, sent, used_at) VALUES (:name, :position, 'active', 0, :at)"
    ).bindparams(bindparam("at", type_=UtcDateTime()))
    values: list[dict[str, Any]] = [
        {"id": id_, "event_id": str(id_), "number": number, "hash": b"h" * 16, "key": f"[{id_}]", "at": NOW}
        for id_, number in NUMBERS.items()
    ]
    with engine.begin() as connection:
        connection.execute(event, values)
        connection.execute(
            sink, [{"name": name, "position": position, "at": NOW} for name, position in POSITIONS.items()]
        )
        connection.execute(
            text("INSERT INTO outbox_relay (id, number, last_sequence) VALUES (1, 1, 12)"),
        )
    yield engine
    upgrade(engine)


def test_each_sink_gets_what_it_has_not_got(before: Engine) -> None:
    upgrade(before)
    assert gaps(before, "all") == [(1, 1), (6, 7), (9, 9)]
    assert gaps(before, "some") == [(1, 1), (3, 3), (6, 7)]
    assert gaps(before, "sink") == [(1, 1), (3, 4), (6, 7)]
    assert unsent(before) == {"all": 2, "some": 5, "none": 9, "sink": 6}
    sink = RecordingSink()
    assert Relay(before, {"sink": sink}, keep=timedelta(days=1)).run(once=True).errors == {}
    assert [one["subject"] for one in sink.received] == [f"quote/[{id_}]" for id_ in (3, 4, 9, 10, 11, 12)]


def test_after_a_downgrade_all_events_are_sent_again(before: Engine) -> None:
    upgrade(before)
    migrate(before, "0017")
    with before.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM outbox_event WHERE sequence IS NULL")) == 9
        assert connection.scalar(text("SELECT MAX(position) FROM outbox_sink")) == 0
        assert connection.scalar(text("SELECT last_sequence FROM outbox_relay")) == 0
