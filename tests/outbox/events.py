"""Events for tests: changes of rows that a real writer has stored, and what consumers get."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.orm import Session

from models import OutboxEvent, OutboxGap, Quote, RowChange
from models.relay import sink_states
from outbox.address import SinkAddress
from outbox.event import Event
from outbox.sink import SENT, Outcome, SinkDown
from tests.pipelines.runs import Run, page

DEADLINE = 60.0  # seconds

_versions = itertools.count()


def store_changes(engine: Engine, versions: Sequence[Sequence[int]]) -> None:
    """Commit a page for each list of row numbers; a row changes each time that its number is in a list."""
    store_rows(engine, [dict.fromkeys(rows, f"version {next(_versions)}") for rows in versions])


def store_rows(engine: Engine, pages: Iterable[Mapping[int, str]]) -> None:
    """Commit pages with rows: the texts by the numbers of the rows."""
    run = Run(engine, outbox=True)
    for texts in pages:
        run.commit(
            page(
                *(
                    (Quote, {"quote_id": row, "body": body, "author": "ann", "tags": None})
                    for row, body in texts.items()
                )
            )
        )
    run.finish()


def history(engine: Engine) -> dict[str, list[Any]]:
    """Return what each row's consumers must get, in order: the changes of ``row_change`` by table and natural key."""
    found: dict[str, list[Any]] = {}
    with Session(engine) as session:
        for change in session.scalars(select(RowChange).order_by(RowChange.id)):
            row = f"{change.table_name}/{change.row_key}"  # the subject of its events
            found.setdefault(row, []).append([change.kind, change.fields or {}])
    return found


def without_repeats(envelopes: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what a consumer has by row, in its order, after it has dropped repeats by the event's id."""
    seen: set[str] = set()
    found: dict[str, list[Any]] = {}
    for envelope in envelopes:
        if envelope["id"] in seen:
            continue
        seen.add(envelope["id"])
        found.setdefault(envelope["subject"], []).append(
            [envelope["data"]["kind"], envelope["data"]["changed"]]
        )
    return found


def unsent(engine: Engine) -> dict[str, int]:
    """Return how many events each sink has not got, by its name."""
    with Session(engine) as session:
        return {state.name: state.unsent for state in sink_states(session)}


def withhold_events(engine: Engine) -> list[dict[str, Any]]:
    """Delete all events, and return them in the order of their ids: as if they were not committed yet."""
    with Session(engine) as session:
        table = OutboxEvent.__table__
        events = [dict(row) for row in session.execute(select(table).order_by(table.c.id)).mappings()]
        session.execute(delete(OutboxEvent))
        session.commit()
    return events


def commit_events(engine: Engine, events: Sequence[dict[str, Any]]) -> None:
    """Commit events that were withheld, with the ids that they had."""
    if not events:
        return
    with Session(engine) as session:
        session.execute(insert(OutboxEvent), events)
        session.commit()


def gaps(engine: Engine, sink: str = "sink") -> list[tuple[int, int]]:
    """Return the first and the last ids of a sink's gaps."""
    query = select(OutboxGap.first_id, OutboxGap.last_id).where(OutboxGap.sink == sink)
    with Session(engine) as session:
        return sorted((first, last) for first, last in session.execute(query))


class RecordingSink:
    """A sink in memory. It passes the same tests as the real brokers."""

    def __init__(self, batch: int = 50) -> None:
        self.batch = batch
        self.received: list[dict[str, Any]] = []
        self.calls: list[list[str]] = []
        self.answer: Callable[[Event], Outcome] = lambda _: SENT
        self.down: str | None = None
        self.lock = threading.Lock()

    def open(self) -> None:
        if self.down:
            raise SinkDown(self.down)

    def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        if self.down:
            raise SinkDown(self.down)
        outcomes = []
        with self.lock:
            self.calls.append([event.row_key for event in events])
            for event in events:
                outcome = self.answer(event)
                outcomes.append(outcome)
                if outcome.sent:
                    self.received.append(json.loads(event.structured))
        return outcomes

    def close(self) -> None:
        pass


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, "the deadline is over"
        time.sleep(0.01)


def address(text: str) -> SinkAddress:
    return SinkAddress.of(text)
