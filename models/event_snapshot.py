"""Snapshots of a table as events, so that a new consumer has the whole table and misses no change after it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from sqlalchemy import Engine, insert, select, tuple_

from models.base import Row
from models.change import key_text
from models.json_values import to_json_value
from models.outbox import SNAPSHOT, OutboxEvent
from models.run import database_now
from models.session import make_sessions
from models.text import json_text

ROWS_AT_ONCE = 500
SOURCE = "snapshot"  # in place of a spider


def store_snapshot(engine: Engine, model: type[Row], sink: str | None = None) -> Iterator[int]:
    """Store an event for each row that is not gone, some rows in each transaction; yield how many are stored so far.

    The rows of a transaction are locked: a change of one of them commits before its snapshot, or after it, and its
    event is numbered so.

    Args:
        sink: the only sink that gets them; None: all sinks.
    """
    sessions = make_sessions(engine)
    values = model.value_columns()
    key = [values[name] for name in model.key()]
    query = (
        select(*(values[name].label(name) for name in model.fields()))
        .select_from(model.rows_from())
        .where(model.bookkeeping_table().c.gone_at.is_(None))
        .order_by(*key)
        .limit(ROWS_AT_ONCE)
        .with_for_update(of=model.table())
    )
    last: tuple[object, ...] | None = None
    stored = 0
    while True:
        with sessions.begin() as session:
            now = database_now(session)
            if last is None:
                following = query
            else:
                following = query.where(key[0] > last[0] if len(key) == 1 else tuple_(*key) > tuple_(*last))
            rows = [dict(row) for row in session.execute(following).mappings()]
            if not rows:
                return
            session.execute(insert(OutboxEvent), [_event(model, row, sink) | {"at": now} for row in rows])
            last = model.key_getter()(rows[-1])
            stored += len(rows)
        yield stored


def _event(model: type[Row], row: dict[str, object], sink: str | None) -> dict[str, object]:
    table, key = model.__tablename__, model.key_getter()(row)
    text = key_text(key)
    data = {
        "table": table,
        "key": {name: to_json_value(part) for name, part in zip(model.key(), key, strict=True)},
        "kind": SNAPSHOT,
        "changed": {},
        "row": {name: to_json_value(value) for name, value in row.items()},
        "run": None,
        "page": None,
    }
    return {
        "event_id": str(uuid.uuid4()),
        "sink": sink,
        "table_name": table,
        "kind": SNAPSHOT,
        "row_key": text,
        "spider": SOURCE,
        "run_id": None,
        "data": json_text(data),
    }
