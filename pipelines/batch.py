"""One batch of rows, written in one transaction's session: parents, then children, a statement a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.schema import sort_tables

from models import Row
from pipelines.row import ValidRow
from pipelines.statements import remove_vanished, upsert


def write_batch(session: Session, rows: Sequence[ValidRow], *, run_id: int, now: datetime) -> None:
    """Upsert the rows, in the order of their tables' foreign keys, and make their lists of children whole.

    A natural key that occurs more than once is written once, as if the rows had come one after the other.
    """
    merged: dict[type[Row], dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
    lists: dict[tuple[type[Row], str], dict[tuple[Any, ...], list[tuple[Any, ...]]]] = defaultdict(dict)
    for row in rows:
        merged[row.model].setdefault(row.key, {}).update(row.values)
        for name, items in row.children.items():
            children = row.model.children()[name]
            previous = lists[row.model, name].get(row.key, [])
            for key in previous:
                merged[children.model].pop(key, None)
            kept = []
            for values in items:
                child_key = tuple(values[column] for column in children.model.key())
                merged[children.model].setdefault(child_key, {}).update(values)
                kept.append(child_key)
            lists[row.model, name][row.key] = kept

    seen = {"first_seen_at": now, "last_seen_at": now, "run_id": run_id}
    by_table = {model.table(): model for model in merged}
    for table in sort_tables(by_table):  # parents first
        _upsert(session, by_table[table], merged[by_table[table]], seen)
    for (model, name), by_parent in lists.items():
        children = model.children()[name]
        positions = [model.key().index(parent) for parent in children.columns_from_parent.values()]
        remove_vanished(
            session,
            children,
            {tuple(parent[i] for i in positions): kept for parent, kept in by_parent.items()},
        )


def _upsert(
    session: Session,
    model: type[Row],
    rows: dict[tuple[Any, ...], dict[str, Any]],
    seen: dict[str, Any],
) -> None:
    # Items may leave out columns: a statement for each set of them, so that what is not said is not overwritten.
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for key in sorted(rows, key=repr):  # always in one order, so that two writers do not deadlock
        by_columns[tuple(rows[key])].append(rows[key] | seen)
    dialect = session.get_bind().dialect.name
    for columns, values in by_columns.items():
        session.execute(upsert(dialect, model, (*columns, *seen)), values)
