"""A downgrade writes the hashes of the rows of events again, as the version before it stored them."""

from __future__ import annotations

from datetime import UTC, datetime

from alembic import command
from sqlalchemy import Engine, insert, text

from models import OutboxEvent
from models.change import key_hash
from models.schema import base_revisions, upgrade
from models.session import for_writing


def test_a_downgrade_writes_the_hashes(engine: Engine) -> None:
    events = [
        {
            "event_id": str(number),
            "table_name": "quote",
            "kind": "changed",
            "row_key": f"[{number}]",
            "spider": "quotes",
            "at": datetime(2026, 12, 1, tzinfo=UTC),
            "data": "{}",
        }
        for number in range(3)
    ]
    with engine.begin() as connection:
        connection.execute(insert(OutboxEvent), events)
    with for_writing(engine).begin() as connection:
        command.downgrade(base_revisions().config(connection), "0018")
    with engine.connect() as connection:
        hashes = connection.execute(text("SELECT row_key, row_hash FROM outbox_event ORDER BY id")).all()
    assert [(key, bytes(hash_)) for key, hash_ in hashes] == [
        (f"[{number}]", key_hash(f"quote/[{number}]")) for number in range(3)
    ]
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM outbox_event")) == 3
