"""Replaying rejected items: valid ones are stored with their history, in a run of the replay's own.

Their rows belong to the run that rejected the items, or to a later run that has seen them. If they belonged to the
replay, they would have no scope, and no run could mark them as gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scrapy.settings import BaseSettings
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from crawler.page.commit import Commit
from crawler.page.row import ValidRow, row_of
from models import RejectedItem, Row
from models.chunks import chunks
from models.run import ClaimedRun, RunEnd, claim_run, database_now, end_run
from models.run_stats import row_models
from models.run_transaction import begin_transaction
from models.session import make_sessions
from pipelines.storage.refused_rows import find_refused_rows
from pipelines.storage.run_context import RunContext
from pipelines.storage.statements import key_in
from pipelines.storage.transaction import write_pages
from pipelines.storage.waiting_rows import row_from_json
from pipelines.validate import InvalidItem, UnknownField, readable_key, validated

BATCH = 200
Key = tuple[Any, ...]


def replay(
    engine: Engine, settings: BaseSettings, *, spider: str | None = None, run_id: int | None = None
) -> tuple[int, int, int]:
    """Validate the rejected items again and store the valid ones.

    An item is out of date if a later crawl has seen its row: it is not stored, and not listed any more.

    Returns:
        The numbers of items that are stored, still rejected, and out of date.

    Raises:
        RunIsAlive: another process replays.
    """
    sessions = make_sessions(engine)
    run = claim_run(sessions, "replay", {})
    context = RunContext(
        run=run,
        history=settings.getbool("HISTORY_ENABLED", True),
        outbox=settings.getbool("OUTBOX_ENABLED", False),
    )
    stored = left = outdated = last = 0
    commits = run.commits
    is_over = False
    while True:
        with sessions.begin() as session:
            begin_transaction(session, run, commits)
            found = _next(session, spider, run_id, last)
            if found:
                last = found[-1].id
                outdated_items = _outdated(session, found)
                _mark(session, [rejected.id for rejected in outdated_items])
                outdated += len(outdated_items)
                found = [rejected for rejected in found if rejected not in outdated_items]
                valid, invalid = _split_valid(session, context, found)
                run_ids = _run_ids(session, valid)
                write_pages(session, context, [Commit(rows=tuple(row for _, row in valid))])
                _restore_run_ids(session, run, run_ids)
                _mark(session, [rejected.id for rejected, _ in valid])
                stored, left = stored + len(valid), left + invalid
            else:
                is_over = True
                end_run(session, run, RunEnd(reason="finished", finished=True), database_now(session))
        commits += 1
        if is_over:
            return stored, left, outdated


def _outdated(session: Session, found: Sequence[RejectedItem]) -> list[RejectedItem]:
    """Return the items whose row was seen after they were rejected: the row is newer than the item."""
    models = {model.__tablename__: model for model in row_models()}
    by_key: dict[type[Row], dict[Key, list[RejectedItem]]] = {}
    for rejected in found:
        model = models.get(rejected.table_name)
        key = _key_of(rejected, model) if model is not None and rejected.keyed else None
        if model is not None and key is not None:
            by_key.setdefault(model, {}).setdefault(key, []).append(rejected)
    outdated_items: list[RejectedItem] = []
    for model, items in by_key.items():
        columns = model.bookkeeping_table().c
        names = [columns[name] for name in model.key()]
        for some in chunks(list(items)):
            query = select(*names, columns.last_seen_at).where(key_in(session, model, some))
            for *values, seen in session.execute(query):
                # A rejection marks the row as seen too, at the time of the rejection.
                outdated_items += [
                    rejected for rejected in items.get(tuple(values), []) if seen > rejected.at
                ]
    return outdated_items


def _key_of(item: RejectedItem, model: type[Row]) -> Key | None:
    if item.validated:
        try:
            return row_from_json(item.item, model).key
        except (ValueError, KeyError):
            pass
    return readable_key(item.item, model) if isinstance(item.item, dict) else None


def _next(session: Session, spider: str | None, run_id: int | None, last: int) -> list[RejectedItem]:
    query = select(RejectedItem).where(RejectedItem.replayed_at.is_(None), RejectedItem.id > last)
    if spider:
        query = query.where(RejectedItem.spider == spider)
    if run_id:
        query = query.where(RejectedItem.run_id == run_id)
    return list(session.scalars(query.order_by(RejectedItem.id).limit(BATCH)))


def _split_valid(
    session: Session, context: RunContext, found: list[RejectedItem]
) -> tuple[list[tuple[RejectedItem, ValidRow]], int]:
    """Return the valid items with their rows, and the number of the others, which get their new reasons."""
    models: dict[str, type[Row]] = {model.__tablename__: model for model in row_models()}
    valid: list[tuple[RejectedItem, ValidRow]] = []
    for rejected in found:
        model = models.get(rejected.table_name)
        if model is None:
            continue
        try:
            valid.append((rejected, _row_of(rejected, model)))
        except InvalidItem as invalid:
            rejected.reasons = dict(invalid.reasons)
        except UnknownField as unknown:
            rejected.reasons = {unknown.name: "the model has no such field any more"}
    savepoint = session.begin_nested()
    refused = find_refused_rows(session, context, [row for _, row in valid]) if valid else []
    savepoint.rollback()  # the history needs the stored values from before
    reasons = {id(row): reason for row, reason, _ in refused}
    for rejected, row in valid:
        if id(row) in reasons:
            rejected.reasons = {"": reasons[id(row)]}
    storable = [(rejected, row) for rejected, row in valid if id(row) not in reasons]
    return storable, len(found) - len(storable)


def _row_of(item: RejectedItem, model: type[Row]) -> ValidRow:
    if item.validated:
        try:
            return row_from_json(item.item, model)
        except ValueError:  # the model has changed since
            pass
    return row_of(validated(item.item, model), model)


def _run_ids(
    session: Session, valid: Sequence[tuple[RejectedItem, ValidRow]]
) -> dict[type[Row], dict[Key, int]]:
    """Return the id of the run that each row and each child row belongs to."""
    run_ids: dict[type[Row], dict[Key, int]] = {}
    for rejected, row in valid:
        rows = [row, *(child for name in row.children for child in _children(row, name))]
        for each in rows:
            of_model = run_ids.setdefault(each.model, {})
            of_model[each.key] = max(rejected.run_id, of_model.get(each.key, 0))
    for model, of_model in run_ids.items():
        columns = model.bookkeeping_table().c
        key = [columns[name] for name in model.key()]
        for some in chunks(list(of_model)):
            query = select(*key, columns.run_id).where(key_in(session, model, some)).with_for_update()
            for *values, last_run in session.execute(query):
                of_model[tuple(values)] = max(last_run, of_model.get(tuple(values), 0))
    return run_ids


def _children(row: ValidRow, name: str) -> list[ValidRow]:
    return [ValidRow(row.model.children()[name].model, values) for values in row.children[name]]


def _restore_run_ids(
    session: Session, run: ClaimedRun, run_ids: Mapping[type[Row], Mapping[Key, int]]
) -> None:
    """Write the ids of their runs into the rows that the replay has written."""
    for model, of_model in run_ids.items():
        table = model.bookkeeping_table()
        by_run: dict[int, list[Key]] = {}
        for key, owner_id in of_model.items():
            by_run.setdefault(owner_id, []).append(key)
        for owner_id, keys in by_run.items():
            for some in chunks(keys):
                ours = key_in(session, model, some) & (table.c.run_id == run.id)
                session.execute(update(table).where(ours).values(run_id=owner_id))


def _mark(session: Session, ids: list[int]) -> None:
    if ids:
        session.execute(
            update(RejectedItem).where(RejectedItem.id.in_(ids)).values(replayed_at=database_now(session))
        )
