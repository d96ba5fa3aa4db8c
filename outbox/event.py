"""Event: what a sink sends, as CloudEvents 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from models.outbox import cloud_attributes, structured

JSON = "application/json"
CLOUDEVENTS_JSON = "application/cloudevents+json"


class Event(NamedTuple):
    """An event of the outbox. ``data`` is JSON; ``row_key`` is the natural key as a JSON list.

    The fields are columns of ``outbox_event``.
    """

    id: int
    sequence: int
    event_id: str
    table_name: str
    kind: str
    row_hash: bytes
    row_key: str
    spider: str
    run_id: int | None
    at: datetime
    data: str

    @classmethod
    def of(cls, row: Any) -> Event:
        """Return the event of a row of ``outbox_event``."""
        return cls._make(getattr(row, name) for name in cls._fields)

    @classmethod
    def list_of(cls, rows: Sequence[Any]) -> list[Event]:
        """Return the events of rows of one query."""
        if not rows:
            return []
        values = itemgetter(*(rows[0]._fields.index(name) for name in cls._fields))
        return [cls._make(values(row)) for row in rows]

    @property
    def attributes(self) -> Mapping[str, str]:
        """Return the attributes of CloudEvents."""
        return cloud_attributes(self)

    @property
    def type(self) -> str:
        """Return the attribute ``type``: ``splashdown.book.changed``."""
        return f"splashdown.{self.table_name}.{self.kind}"

    @property
    def structured(self) -> bytes:
        """Return the body in CloudEvents' structured mode: attributes and data in one JSON object."""
        return structured(cloud_attributes(self), self.data).encode()

    @property
    def body(self) -> bytes:
        """Return the body in CloudEvents' binary mode: the data. The attributes are headers of the protocol."""
        return self.data.encode()

    @property
    def routing_key(self) -> str:
        """Return ``book.changed``: the table and the kind."""
        return f"{self.table_name}.{self.kind}"
