"""Changes into the history and the outbox, in the transaction of the rows that changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from models import OutboxEvent, RowChange
from models.change import Change, change_columns
from models.outbox import event_rows
from pipelines.bulk import insert_rows
from pipelines.target import Target

INTO_HISTORY = insert(RowChange.__table__)  # type: ignore[arg-type]


def record(session: Session, target: Target, changes: list[Change], number: int, now: datetime) -> None:
    """Put the changes into the history and, where it is on, into the outbox."""
    run = target.run
    if target.history:
        columns = change_columns(changes)
        same: dict[str, Any] = {"run_id": run.id, "at": now}
        for name in ("table_name", "kind"):  # most often these changes have one
            if len(set(columns[name])) == 1:
                same[name] = columns.pop(name)[0]
        insert_rows(session, INTO_HISTORY, columns, same)
    if target.outbox:
        events = event_rows(changes, spider=run.spider, run_id=run.id, commit=number, at=now)
        session.execute(insert(OutboxEvent.__table__), events)  # type: ignore[arg-type]
