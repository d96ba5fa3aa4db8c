"""The fields of an event in one text, as the relay reads them: drivers need more time for a value than for its size."""

from __future__ import annotations

from functools import reduce
from typing import Any

from sqlalchemy import String, case, cast, func, or_, select
from sqlalchemy.orm import Session

from models.outbox import OutboxEvent

_events: Any = OutboxEvent.__table__
# What a sink needs of an event. Only the name of a spider may have the separator: the key and the data are JSON.
EVENT_FIELDS = ("id", "event_id", "table_name", "kind", "row_key", "at", "data", "spider")
_SEPARATOR = "\x1f"
fields_text: Any = reduce(
    lambda text, column: text.concat(_SEPARATOR).concat(column),
    (cast(_events.c[name], String(40)) if name in ("id", "at") else _events.c[name] for name in EVENT_FIELDS),
)


def fields_of(text: str) -> list[str]:
    """Return the fields of an event, or its id alone, from their text."""
    return text.split(_SEPARATOR, len(EVENT_FIELDS) - 1)


def events_between(session: Session, sink: str, first: int, last: int) -> list[list[str]]:
    """Return the committed events with these ids, in their order: the texts of ``EVENT_FIELDS``.

    Of another sink's event there is only the id. A LIMIT in place of the largest id could let PostgreSQL read and sort
    all later events.
    """
    own = or_(_events.c.sink.is_(None), _events.c.sink == sink)
    query = (
        select(case((own, fields_text), else_=cast(_events.c.id, String(40))))
        .where(_events.c.id.between(first, last))
        .order_by(_events.c.id)
    )
    return list(map(fields_of, session.connection().scalars(query).all()))


def next_id(session: Session, position: int) -> int | None:
    """Return the smallest id after a position that an event has, of whatever sink."""
    return session.scalar(select(func.min(_events.c.id)).where(_events.c.id > position))
