"""The rows of a batch into their tables: what is new or other is written, the rest is only marked as seen.

Parents come before children, and each table takes a handful of statements whatever the batch's size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.schema import sort_tables

from crawler.row import ValidRow
from models import Row
from models.change import GONE, Change
from pipelines.statements import remove_vanished
from pipelines.table import Key, Sighting, write_table


def write_batch(
    session: Session,
    rows: Sequence[ValidRow],
    *,
    run_id: int,
    now: datetime,
    all_new: set[type[Row]] | None = None,
) -> list[Change]:
    """Write the rows and make their lists of children whole; gives what changed by it.

    ``all_new`` has the models of which the last batch had new rows only, and is kept up to date. What is written is
    the same whatever it says: it says what is tried first.
    """
    merged: dict[type[Row], dict[Key, ValidRow]] = defaultdict(dict)
    lists: dict[tuple[type[Row], str], dict[Key, list[Key]]] = defaultdict(dict)
    key_of = {model: model.key_getter() for model in {row.model for row in rows}}
    for row in rows:
        model, values, lists_of_row, _ = row
        key = key_of[model](values)
        of_model = merged[model]
        of_model[key] = _merge(of_model[key], values) if key in of_model else row
        if lists_of_row:
            for name, items in lists_of_row.items():
                _merge_children(merged, lists[model, name], model, name, key, items)
    seen = Sighting(run_id=run_id, now=now)
    changes: list[Change] = []
    by_table = {model.table(): model for model in merged}
    for table in sort_tables(by_table):  # parents first
        model = by_table[table]
        changes += write_table(session, model, merged[model], seen, set() if all_new is None else all_new)
    for (model, name), by_parent in lists.items():
        children = model.children()[name]
        positions = [model.key().index(parent) for parent in children.columns_from_parent.values()]
        kept = {tuple(parent[i] for i in positions): keys for parent, keys in by_parent.items()}
        changes += [
            Change(model=children.model, key=key, kind=GONE)
            for key in remove_vanished(session, children, kept)
        ]
    return changes


def _merge(row: ValidRow, values: Mapping[str, Any]) -> ValidRow:
    """The row with what was said of it later."""
    return ValidRow(row.model, {**row.values, **values})


def _merge_children(
    merged: dict[type[Row], dict[Key, ValidRow]],
    by_parent: dict[Key, list[Key]],
    model: type[Row],
    name: str,
    parent: Key,
    items: Sequence[Mapping[str, Any]],
) -> None:
    children = model.children()[name]
    of_child = merged[children.model]
    for key in by_parent.get(parent, ()):
        of_child.pop(key, None)
    kept = []
    for values in items:
        child = ValidRow(children.model, values)
        key = child.key
        of_child[key] = _merge(of_child[key], values) if key in of_child else child
        kept.append(key)
    by_parent[parent] = kept
