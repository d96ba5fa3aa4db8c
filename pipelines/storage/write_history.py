"""Writing changes into the history and the outbox, in the transaction of the rows that changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from models import OutboxEvent, RowChange
from models.bulk_insert import insert_rows
from models.change import Change, change_columns
from models.outbox import OUTBOX_CHANNEL, PageOf, event_columns
from pipelines.storage.run_context import RunContext

INTO_HISTORY = insert(RowChange.__table__)  # type: ignore[arg-type]
INTO_OUTBOX = insert(OutboxEvent.__table__)  # type: ignore[arg-type]
OF_EVENT = ("table_name", "kind", "row_key")  # columns that ``outbox_event`` and ``row_change`` share
NOTIFY = text(f"NOTIFY {OUTBOX_CHANNEL}")


def write_changes(
    session: Session,
    context: RunContext,
    changes: list[Change],
    now: datetime,
    page_of: PageOf = lambda _: None,
) -> None:
    """Insert the changes into the history and, if the outbox is on, their events into the outbox.

    Args:
        page_of: returns the URL of the page that a changed row came from, for its event.
    """
    run = context.run
    columns = change_columns(changes)
    constants: dict[str, Any] = {"run_id": run.id, "at": now}
    for name in ("table_name", "kind"):  # most often all changes have the same
        if len(set(columns[name])) == 1:
            constants[name] = columns.pop(name)[0]
    if context.history:
        insert_rows(session, INTO_HISTORY, columns, constants)
    if context.outbox:
        events = {name: values for name, values in columns.items() if name in OF_EVENT}
        events |= event_columns(changes, run_id=run.id, page_of=page_of)
        insert_rows(session, INTO_OUTBOX, events, constants | {"spider": run.spider})
        if session.get_bind().dialect.name == "postgresql":
            session.execute(NOTIFY)  # wakes the relay when this transaction commits
