"""Event: what a sink sends, as CloudEvents 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from models.outbox import cloud_attributes, structured

JSON = "application/json"
CLOUDEVENTS_JSON = "application/cloudevents+json"


class Event(NamedTuple):
    """An event of the outbox. ``data`` is JSON; ``row_key`` is the natural key as a JSON list.

    The fields are those of ``models.event_fields.EVENT_FIELDS``.
    """

    id: int
    event_id: str
    table_name: str
    kind: str
    row_key: str
    at: datetime
    data: str
    spider: str

    @classmethod
    def of(cls, fields: Sequence[str]) -> Event:
        """Return the event whose fields the database has as these texts."""
        id_, event_id, table_name, kind, row_key, at, data, spider = fields
        return cls._make((int(id_), event_id, table_name, kind, row_key, _time(at), data, spider))

    @property
    def row(self) -> str:
        """Return what identifies the event's row."""
        return f"{self.table_name}/{self.row_key}"

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
        return structured(self).encode()

    @property
    def body(self) -> bytes:
        """Return the body in CloudEvents' binary mode: the data. The attributes are headers of the protocol."""
        return self.data.encode()

    @property
    def routing_key(self) -> str:
        """Return ``book.changed``: the table and the kind."""
        return f"{self.table_name}.{self.kind}"


@lru_cache(maxsize=1000)  # the events of a transaction have one time
def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
