"""The outbox: events that are committed with their rows, and sent later."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.change import Change, key_text
from models.json_values import to_json_value
from models.text import json_text
from models.types import ExactString, LongText, UtcDateTime

NAMESPACE = uuid.UUID("6f1d2f3c-5e0b-5d5a-9c8e-2f4f7f0a9b11")


class OutboxEvent(Base):
    """A CloudEvents 1.0 envelope in JSON; ``event_id`` is the same in every attempt of the transaction."""

    __tablename__ = "outbox_event"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    event_id: Mapped[str] = mapped_column(ExactString(36), unique=True)
    type: Mapped[str] = mapped_column(ExactString(100))
    envelope: Mapped[str] = mapped_column(LongText())
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


def event_rows(
    changes: list[Change], *, spider: str, run_id: int, commit: int, at: datetime
) -> list[dict[str, Any]]:
    """Return the rows of ``outbox_event`` for the changes of the run's transaction number ``commit``.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md describes the envelope.
    """
    rows = []
    for position, change in enumerate(changes):
        event_id = str(uuid.uuid5(NAMESPACE, f"{run_id}/{commit}/{position}"))
        kind = f"splashdown.row.{change.kind}"
        table = change.model.__tablename__
        envelope = {
            "specversion": "1.0",
            "id": event_id,
            "source": f"/splashdown/{spider}",
            "type": kind,
            "subject": f"{table}/{key_text(change.key)}",
            "time": at.isoformat(),
            "datacontenttype": "application/json",
            "data": {
                "table": table,
                "key": {
                    name: to_json_value(part)
                    for name, part in zip(change.model.key(), change.key, strict=True)
                },
                "kind": change.kind,
                "changed": {
                    name: [to_json_value(old), to_json_value(new)]
                    for name, (old, new) in change.fields.items()
                },
                "row": {name: to_json_value(value) for name, value in change.row.items()},
                "run": run_id,
            },
        }
        rows.append(
            {
                "event_id": event_id,
                "type": kind,
                "envelope": json_text(envelope),
                "at": at,
                "sent_at": None,
            }
        )
    return rows
