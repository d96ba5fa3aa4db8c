"""The outbox: events that are committed with their rows, and sent later by the relay."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.change import Change
from models.json_values import to_json_value
from models.redaction import redacted
from models.text import json_text
from models.types import ExactString, LongText, UtcDateTime

SNAPSHOT = "snapshot"  # the kind of an event that is no change: it has a row as it is
SINK_NAME_LENGTH = 200
OUTBOX_CHANNEL = "splashdown_outbox"  # of PostgreSQL's NOTIFY: new events are committed


class OutboxEvent(Base):
    """A CloudEvents 1.0 event.

    ``event_id`` is random, because a new database must not repeat the ids of the old one.
    """

    __tablename__ = "outbox_event"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    event_id: Mapped[str] = mapped_column(ExactString(36))
    sink: Mapped[str | None] = mapped_column(ExactString(SINK_NAME_LENGTH))  # None: for all sinks
    table_name: Mapped[str] = mapped_column(ExactString(64))
    kind: Mapped[str] = mapped_column(ExactString(8))
    row_key: Mapped[str] = mapped_column(LongText())  # the natural key as a JSON list
    spider: Mapped[str] = mapped_column(ExactString(255))
    run_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    data: Mapped[str] = mapped_column(LongText())  # JSON

    @property
    def envelope(self) -> str:
        """Return the event as JSON, in CloudEvents' structured mode."""
        return structured(self)


def cloud_attributes(event: Any) -> dict[str, str]:
    """Return the attributes of CloudEvents for an event of the outbox.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md describes them.
    """
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": f"/splashdown/{event.spider}",
        "type": f"splashdown.{event.table_name}.{event.kind}",
        "subject": f"{event.table_name}/{event.row_key}",
        "time": event.at.isoformat(),
        "datacontenttype": "application/json",
    }


def structured(event: Any) -> str:
    """Return the JSON of an event: its attributes, and its data, which is JSON already.

    ``json.dumps`` of ``cloud_attributes`` takes longer, although most of the attributes need no escape.
    """
    table_name = event.table_name
    before, after = _around_subject(event.spider, table_name, event.kind, event.at)
    subject = _text(f"{table_name}/{event.row_key}")
    return f'{{"specversion": "1.0", "id": "{event.event_id}{before}{subject}{after}{event.data}}}'


_text = json.encoder.encode_basestring  # what json.dumps makes of a str, and faster


@lru_cache(maxsize=1000)  # the events of a transaction have few of them
def _around_subject(spider: str, table_name: str, kind: str, at: datetime) -> tuple[str, str]:
    """Return the JSON between an event's id and its subject, and that between its subject and its data."""
    source, type_ = _text(f"/splashdown/{spider}"), _text(f"splashdown.{table_name}.{kind}")
    return (
        f'", "source": {source}, "type": {type_}, "subject": ',
        f', "time": "{at.isoformat()}", "datacontenttype": "application/json", "data": ',
    )


PageOf = Callable[[Change], str | None]


def event_columns(changes: Sequence[Change], *, run_id: int | None, page_of: PageOf) -> dict[str, list[Any]]:
    """Return the columns of ``outbox_event`` that ``row_change`` does not have, for the changes of a transaction.

    Args:
        page_of: returns the URL of the page that a changed row came from, if it is known.
    """
    pages = [page_of(change) for change in changes]
    shown = {page: redacted(page) for page in set(pages) if page is not None}  # many changes have one page
    return {
        "event_id": [str(uuid.uuid4()) for _ in changes],
        "data": [
            _data(change, run_id, shown[page] if page is not None else None)
            for change, page in zip(changes, pages, strict=True)
        ],
    }


def _data(change: Change, run_id: int | None, page: str | None) -> str:
    return json_text(
        {
            "table": change.model.__tablename__,
            "key": {
                name: to_json_value(part) for name, part in zip(change.model.key(), change.key, strict=True)
            },
            "kind": change.kind,
            "changed": {
                name: [to_json_value(old), to_json_value(new)] for name, (old, new) in change.fields.items()
            },
            "row": {name: to_json_value(value) for name, value in change.row.items()},
            "run": run_id,
            "page": page,
        }
    )
