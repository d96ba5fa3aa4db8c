"""Writing the rows of a batch into their tables: new and changed rows are written, the others are marked as seen.

Parent rows are written before child rows. Each table takes a few statements, whatever the size of the batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.schema import sort_tables

from crawler.page.row import ValidRow
from models import Row
from models.change import GONE, Change
from models.existing.definition import ExistingRow
from pipelines.storage.seen_stamp import SeenStamp
from pipelines.storage.statements import delete_missing_children
from pipelines.storage.write_existing import write_existing
from pipelines.storage.write_table import Key, write_table


def write_batch(
    session: Session,
    rows: Sequence[ValidRow],
    *,
    run_id: int,
    now: datetime,
    all_new: set[type[Row]] | None = None,
) -> list[Change]:
    """Write the rows, delete the children that are not in their parent's list any more, and return the changes.

    Args:
        all_new: the models whose rows were all new in the last batch; updated. It decides which statement is tried
            first, and never what is stored.
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
            _merge_children(merged, lists, model, key, lists_of_row)
    stamp = SeenStamp(run_id=run_id, now=now)
    changes: list[Change] = []
    for model in tables_in_order(merged):
        if issubclass(model, ExistingRow):
            changes += write_existing(session, model, merged[model], stamp)
        else:
            changes += write_table(
                session, model, merged[model], stamp, set() if all_new is None else all_new
            )
    for (model, name), by_parent in lists.items():
        children = model.children()[name]
        positions = [model.key().index(parent) for parent in children.columns_from_parent.values()]
        kept = {tuple(parent[i] for i in positions): keys for parent, keys in by_parent.items()}
        changes += [
            Change(model=children.model, key=key, kind=GONE)
            for key in delete_missing_children(session, children, kept)
        ]
    return changes


def tables_in_order(models: Iterable[type[Row]]) -> list[type[Row]]:
    """Return the models of parent rows before those of child rows."""
    by_table = {model.table(): model for model in models}
    # An existing table has no foreign keys here: its parent keys also name parents that the database does not know.
    between = [(parent.table, table) for table, model in by_table.items() for parent in model.parent_keys()]
    own = [(parent, table) for parent, table in between if parent is not table and parent in by_table]
    return [by_table[table] for table in sort_tables(by_table, extra_dependencies=own)]


def _merge(row: ValidRow, values: Mapping[str, Any]) -> ValidRow:
    """Return the row with the values of a later item."""
    return ValidRow(row.model, {**row.values, **values})


def _merge_children(
    merged: dict[type[Row], dict[Key, ValidRow]],
    lists: dict[tuple[type[Row], str], dict[Key, list[Key]]],
    model: type[Row],
    parent: Key,
    children_of_row: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    for name, items in children_of_row.items():
        child_model = model.children()[name].model
        nested = child_model.children()
        of_child = merged[child_model]
        by_parent = lists[model, name]
        for key in by_parent.get(parent, ()):
            of_child.pop(key, None)
        kept = []
        for values in items:
            below = {one: values[one] for one in nested if one in values}
            own = {one: value for one, value in values.items() if one not in below} if below else values
            child = ValidRow(child_model, own)
            key = child.key
            of_child[key] = _merge(of_child[key], own) if key in of_child else child
            kept.append(key)
            if below:
                _merge_children(merged, lists, child_model, key, below)
        by_parent[parent] = kept
