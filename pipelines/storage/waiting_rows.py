"""Waiting rows: rows that come before their parent row, and are stored after it.

The transaction of their page saves them among the rejected items. The transaction that stores the parent row, or the
end of the run, stores them too. The rest stays rejected, and the reason names the parent row that did not come.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.orm import Session

from crawler.page.row import Rejection, ValidRow
from models import RejectedItem, Row
from models.change import Change
from models.chunks import chunks
from models.json_values import from_json_value
from models.run import database_now
from models.run_condition import in_run
from models.run_stats import row_models
from pipelines.storage.parent_rows import references_to, split_by_parents
from pipelines.storage.refused_rows import find_refused_rows, is_row_error, rejection_from_row
from pipelines.storage.retry import Transactions
from pipelines.storage.run_context import RunContext
from pipelines.storage.statements import key_in
from pipelines.storage.write_history import write_changes
from pipelines.storage.write_rows import write_batch

logger = logging.getLogger("splashdown.run")

BATCH = 500

_items: Table = RejectedItem.__table__  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class Released:
    """Rows that waited and are stored now. ``models`` has the models of all rows that do not wait any more."""

    rows: Sequence[ValidRow] = ()
    models: Sequence[type[Row]] = ()
    changes: Sequence[Change] = ()


NOTHING_RELEASED = Released()


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """A waiting row, with its id and time in ``rejected_item``."""

    id: int
    row: ValidRow
    at: datetime


def separate_waiting_rows(
    session: Session, context: RunContext, rows: Sequence[ValidRow]
) -> tuple[list[ValidRow], Mapping[int, Rejection]]:
    """Return the rows that can be written, and the rejections of the waiting rows by the ``id()`` of the row."""
    ready, waiting = split_by_parents(session, rows)
    rejections = {}
    for row, reference in waiting:
        context.awaited.add(reference.digest)
        reason = f"waits for its parent row, which is not stored: {reference}"
        rejections[id(row)] = replace(rejection_from_row(row, reason), waits_for=reference.digest)
    return ready, rejections


def awaited_parents(session: Session, run_id: int) -> set[bytes]:
    """Return the digests of the parent rows that the waiting rows of a resumed run wait for."""
    query = select(_items.c.waits_for).where(_is_waiting(run_id)).distinct()
    return {bytes(digest) for digest in session.scalars(query) if digest is not None}


def release_waiting_rows(
    session: Session, context: RunContext, rows: Sequence[ValidRow], now: datetime
) -> Released:
    """Store the rows that waited for these rows, which were just written, and the rows that waited for those.

    ``context.awaited`` keeps the digests, because this transaction may be rolled back and repeated.
    """
    stored: list[ValidRow] = []
    models: list[type[Row]] = []
    changes: list[Change] = []
    stored_now = rows
    while stored_now:
        digests = {
            reference.digest for row in stored_now for reference in references_to(row)
        } & context.awaited
        found: list[_Waiting] = []
        for some in chunks(sorted(digests)):
            found += _read(session, context, _items.c.waits_for.in_(some))
        if not found:
            break
        result = _store(session, context, found, now)
        stored += result.rows
        models += result.models
        changes += result.changes
        stored_now = result.rows
    return Released(rows=stored, models=models, changes=changes)


def store_waiting_rows_at_end(transactions: Transactions, context: RunContext) -> None:
    """Store, at the end of a run, the waiting rows whose parent row another run has stored."""
    if not context.awaited and not context.run.resumed and not context.run.is_shared:
        return

    last = left = stored = 0

    def store_batch(session: Session) -> tuple[int, int, int]:
        """Return how many waiting rows were read, how many of them are stored now, and the id of the last one."""
        found = _read(session, context, _items.c.id > last, limit=BATCH)
        if not found:
            return 0, 0, last
        now = database_now(session)
        result = _store(session, context, found, now)
        if result.changes:
            write_changes(session, context, list(result.changes), now)
        return len(found), len(result.rows), found[-1].id

    while True:
        last = left = progress = 0
        while True:
            # ``last`` changes after the COMMIT only: a transaction that is repeated reads the same rows.
            read, stored_now, last = transactions.run(store_batch)
            if not read:
                break
            left += read - stored_now
            progress += stored_now
        stored += progress
        if not progress:
            break
    if stored or left:
        logger.info(
            "%s: %d waiting rows are stored at the end, %d are rejected because their parent row "
            "did not come",
            context.run.spider,
            stored,
            left,
        )


def _is_waiting(run_id: int) -> Any:
    return in_run(_items.c.run_id, run_id) & _items.c.waits_for.is_not(None) & _items.c.replayed_at.is_(None)


def _read(session: Session, context: RunContext, which: Any, limit: int | None = None) -> list[_Waiting]:
    query = select(_items.c.id, _items.c.table_name, _items.c.item, _items.c.at)
    query = query.where(_is_waiting(context.run.id), which).order_by(_items.c.id).limit(limit)
    models = {model.__tablename__: model for model in row_models()}
    return [
        _Waiting(id=found.id, row=row_from_json(found.item, models[found.table_name]), at=found.at)
        for found in session.execute(query)
        if found.table_name in models
    ]


def row_from_json(item: Mapping[str, Any], model: type[Row]) -> ValidRow:
    """Return the row of a rejected item that was validated before.

    Raises:
        ValueError: the types of the model's columns have changed.
    """
    fields, lists = model.fields(), model.children()
    return ValidRow(
        model,
        {name: from_json_value(item[name], column.type) for name, column in fields.items() if name in item},
        {name: [_child(child, lists[name].model) for child in item[name]] for name in lists if name in item},
    )


def _child(item: Mapping[str, Any], model: type[Row]) -> Mapping[str, Any]:
    row = row_from_json(item, model)
    return {**row.values, **row.children}


def _store(session: Session, context: RunContext, found: Sequence[_Waiting], now: datetime) -> Released:
    """Store the rows whose parent rows are stored, and delete them from the rejected items."""
    outdated = _outdated(session, context, found)
    current = [candidate for candidate in found if candidate.id not in outdated]
    ready, waiting = split_by_parents(session, [candidate.row for candidate in current])
    ids = {id(candidate.row): candidate.id for candidate in current}
    for row, reference in waiting:
        context.awaited.add(reference.digest)
        session.execute(update(_items).where(_items.c.id == ids[id(row)]).values(waits_for=reference.digest))
    refused: dict[int, str] = dict.fromkeys(outdated, "a later item of the same run was stored in its place")
    savepoint = session.begin_nested()
    try:
        changes = write_batch(session, ready, run_id=context.run.id, now=now)
        savepoint.commit()
    except Exception as error:
        savepoint.rollback()
        if not is_row_error(error):
            raise
        trial = session.begin_nested()
        reasons_of = {id(row): reason for row, reason, _ in find_refused_rows(session, context, ready)}
        trial.rollback()
        refused |= {ids[row]: reason for row, reason in reasons_of.items()}
        ready = [row for row in ready if id(row) not in reasons_of]
        changes = write_batch(session, ready, run_id=context.run.id, now=now)
    for number, reason in refused.items():
        session.execute(
            update(_items).where(_items.c.id == number).values(reasons={"": reason}, waits_for=None)
        )
    for some in chunks([ids[id(row)] for row in ready]):
        session.execute(delete(_items).where(_items.c.id.in_(some)))
    models = [row.model for row in ready] + [
        candidate.row.model for candidate in found if candidate.id in refused
    ]
    return Released(rows=ready, models=models, changes=changes)


def _outdated(session: Session, context: RunContext, found: Sequence[_Waiting]) -> set[int]:
    """Return the ids of the waiting rows that are out of date: this run has stored a later item of the same row."""
    by_model: dict[type[Row], dict[tuple[Any, ...], list[_Waiting]]] = {}
    for candidate in found:
        by_model.setdefault(candidate.row.model, {}).setdefault(candidate.row.key, []).append(candidate)
    old: set[int] = set()
    for model, by_key in by_model.items():
        columns = model.bookkeeping_table().c
        names = [columns[name] for name in model.key()]
        for some in chunks(list(by_key)):
            query = select(*names, columns.last_seen_at).where(
                key_in(session, model, some), columns.run_id == context.run.id
            )
            for *key, seen in session.execute(query):
                waiting = by_key.get(tuple(key), [])
                # A rejection marks the row as seen too, at the time of the rejection.
                if waiting and seen > max(candidate.at for candidate in waiting):
                    old |= {candidate.id for candidate in waiting}
    return old
