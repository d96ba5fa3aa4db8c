"""Finding the rows that cannot be stored, by halves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crawler.page.item_json import plain_item
from crawler.page.row import Rejection, ValidRow
from crawler.run.errors import DatabaseLost
from models import Row
from models.run import RunLost, database_now
from models.worker import PartitionsLost
from pipelines.storage.database_errors import Fault, error_text, fault_of
from pipelines.storage.parent_rows import parents_first
from pipelines.storage.run_context import RunContext
from pipelines.storage.write_history import write_changes
from pipelines.storage.write_rows import tables_in_order, write_batch


def is_row_error(error: Exception) -> bool:
    """Return whether a row may be the cause: then the row is rejected and the run continues."""
    if isinstance(error, DBAPIError):
        return fault_of(error) is Fault.ROW
    return not isinstance(error, MemoryError | RunLost | PartitionsLost | DatabaseLost)


def find_refused_rows(
    session: Session, context: RunContext, rows: Sequence[ValidRow]
) -> list[tuple[ValidRow, str, Exception]]:
    """Return the rows that cannot be stored with their changes and events, each with its reason and its error.

    The other rows stay written. The rows are tried in the order in which they are written, each half in a savepoint.
    """
    return _refused(session, context, in_write_order(rows))


def in_write_order(rows: Sequence[ValidRow]) -> list[ValidRow]:
    """Return the rows in the order in which they are written."""
    by_model: dict[type[Row], dict[tuple[object, ...], list[ValidRow]]] = {}
    for row in rows:
        by_model.setdefault(row.model, {}).setdefault(row.key, []).append(row)
    ordered = []
    for model in tables_in_order(by_model):
        of_model = by_model[model]
        for key in parents_first(model, {key: some[-1] for key, some in of_model.items()}):
            ordered += of_model[key]
    return ordered


def _refused(
    session: Session, context: RunContext, rows: Sequence[ValidRow]
) -> list[tuple[ValidRow, str, Exception]]:
    savepoint = session.begin_nested()
    try:
        now = database_now(session)
        changes = write_batch(session, rows, run_id=context.run.id, now=now)
        if changes:
            outer = session.begin_nested()
            write_changes(session, context, changes, now)
            outer.rollback()  # the changes are only tried here
        savepoint.commit()
    except Exception as error:
        if not is_row_error(error):
            raise
        savepoint.rollback()
        if len(rows) == 1:
            what = "the database refused it" if isinstance(error, DBAPIError) else "it cannot be stored"
            return [(rows[0], f"{what}: {error_text(error)}", error)]
        middle = len(rows) // 2
        return _refused(session, context, rows[:middle]) + _refused(session, context, rows[middle:])
    return []


def rejection_from_row(row: ValidRow, reason: str) -> Rejection:
    """Return the rejected item for a row that cannot be stored."""
    return Rejection(
        model=row.model,
        item=plain_item({**row.values, **row.children}),
        reasons={"": reason},
        key=row.key,
        validated=True,
    )
