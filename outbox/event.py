"""Event: what a sink sends, as CloudEvents 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from models.outbox import cloud_attributes, structured

JSON = "application/json"
CLOUDEVENTS_JSON = "application/cloudevents+json"


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of the outbox. ``data`` is JSON; ``row_key`` is the natural key as a JSON list."""

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
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})

    @cached_property
    def attributes(self) -> Mapping[str, str]:
        """Return the attributes of CloudEvents."""
        return cloud_attributes(self)

    @property
    def structured(self) -> bytes:
        """Return the body in CloudEvents' structured mode: attributes and data in one JSON object."""
        return structured(dict(self.attributes), self.data).encode()

    @property
    def body(self) -> bytes:
        """Return the body in CloudEvents' binary mode: the data. The attributes are headers of the protocol."""
        return self.data.encode()

    @property
    def routing_key(self) -> str:
        """Return ``book.changed``: the table and the kind."""
        return f"{self.table_name}.{self.kind}"
