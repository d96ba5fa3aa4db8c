"""Writing changes into the history and the outbox, in the transaction of the rows that changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from models import OutboxEvent, RowChange
from models.change import Change, change_columns
from models.outbox import event_rows
from pipelines.storage.bulk_insert import insert_rows
from pipelines.storage.run_context import RunContext

INTO_HISTORY = insert(RowChange.__table__)  # type: ignore[arg-type]


def write_changes(
    session: Session, context: RunContext, changes: list[Change], number: int, now: datetime
) -> None:
    """Insert the changes into the history and, if the outbox is on, their events into the outbox."""
    run = context.run
    if context.history:
        columns = change_columns(changes)
        constants: dict[str, Any] = {"run_id": run.id, "at": now}
        for name in ("table_name", "kind"):  # most often all changes have the same
            if len(set(columns[name])) == 1:
                constants[name] = columns.pop(name)[0]
        insert_rows(session, INTO_HISTORY, columns, constants)
    if context.outbox:
        events = event_rows(changes, spider=run.spider, run_id=run.id, commit=number, at=now)
        session.execute(insert(OutboxEvent.__table__), events)  # type: ignore[arg-type]
