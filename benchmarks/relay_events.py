"""Events of 500 bytes for the benchmarks of the relay, written into the outbox without a crawl."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, delete, func, insert, select, text
from sqlalchemy.orm import Session

from models import OutboxEvent, OutboxGap, OutboxRefusal, OutboxSink
from models.bulk_insert import insert_rows
from outbox.event import Event

SIZE = 500  # bytes of the data of an event
CHANGES_OF_A_ROW = 2
AT_ONCE = 5000
TABLE, KIND, SPIDER = "product", "changed", "benchmark"
INTO_OUTBOX = insert(OutboxEvent.__table__)  # type: ignore[arg-type]
BODIES = 1000


def data(number: int) -> str:
    """Return the JSON of an event."""
    body = json.dumps(
        {
            "table": TABLE,
            "key": {"sku": f"SKU{number:07}"},
            "kind": KIND,
            "changed": {"price": [f"{number % 90 + 10}.99", f"{number % 90 + 9}.99"]},
            "row": {
                "sku": f"SKU{number:07}",
                "title": f"A product with the number {number}",
                "stock": number % 50,
            },
            "run": 1,
            "page": f"https://shop.example/products/{number}",
        },
        separators=(",", ":"),
    )
    return f'{body[:-1]},"text":"{uuid.uuid4().hex * 10}'[: SIZE - 2] + '"}'


def row_key(number: int) -> str:
    return f'["SKU{number:07}"]'


def store_events(engine: Engine, number: int) -> None:
    """Empty the outbox, and put events into it."""
    empty_outbox(engine)
    rows = max(1, number // CHANGES_OF_A_ROW)
    for start in range(0, number, AT_ONCE):
        numbers = [n % rows for n in range(start, min(start + AT_ONCE, number))]
        columns = {
            "event_id": [str(uuid.uuid4()) for _ in numbers],
            "row_key": [row_key(n) for n in numbers],
            "data": [data(n) for n in numbers],
        }
        same: dict[str, Any] = {
            "table_name": TABLE,
            "kind": KIND,
            "spider": SPIDER,
            "run_id": 1,
            "at": datetime.now(UTC),
        }
        with Session(engine) as session:
            insert_rows(session, INTO_OUTBOX, columns, same)
            session.commit()


def empty_outbox(engine: Engine) -> None:
    """Delete all events, and what is known about sinks."""
    with Session(engine) as session:
        for table in (OutboxRefusal, OutboxEvent, OutboxGap, OutboxSink):
            session.execute(delete(table))
        session.commit()
    if engine.dialect.name == "postgresql":
        # As autovacuum does, if it is on: otherwise each reader goes through the dead rows of all rounds.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE outbox_event"))


def sent_by(engine: Engine, sink: str) -> int:
    """Return how many events a sink has confirmed."""
    with Session(engine) as session:
        return session.scalar(select(func.max(OutboxSink.sent)).where(OutboxSink.name == sink)) or 0


def messages(number: int) -> Iterator[tuple[Event, bytes]]:
    """Yield events with their bodies as a sink sends them, for clients without a database."""
    found = []
    for n in range(BODIES):
        event = Event(
            id=n,
            event_id=str(uuid.uuid4()),
            table_name=TABLE,
            kind=KIND,
            row_key=row_key(n),
            spider=SPIDER,
            at=datetime.now(UTC),
            data=data(n),
        )
        found.append((event, event.structured))
    return itertools.islice(itertools.cycle(found), number)
