"""The rows of a batch into their tables: what is new or other is written, the rest is only marked as seen.

Parents come before children, and each table takes a handful of statements whatever the batch's size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.schema import sort_tables

from crawler.row import ValidRow, content_hash
from models import Row
from models.change import CHANGED, CREATED, GONE, RETURNED, Change
from models.chunks import chunks
from pipelines.bulk import insert_rows
from pipelines.compare import changed_fields
from pipelines.statements import insert_new, key_in, remove_vanished, upsert
from pipelines.transient import is_transient

Key = tuple[Any, ...]
Values = Mapping[str, Any]
_Written = list[tuple[Values, bytes | None]]  # each with its hash, where all of its fields are known


@dataclass(frozen=True, kw_only=True)
class _Sighting:
    """What every row gets that this batch saw."""

    run_id: int
    now: datetime

    @property
    def columns(self) -> dict[str, Any]:
        return {"last_seen_at": self.now, "run_id": self.run_id}


def write_batch(session: Session, rows: Sequence[ValidRow], *, run_id: int, now: datetime) -> list[Change]:
    """Write the rows and make their lists of children whole; gives what changed by it."""
    merged: dict[type[Row], dict[Key, Values]] = defaultdict(dict)
    digests: dict[type[Row], dict[Key, bytes]] = defaultdict(dict)
    lists: dict[tuple[type[Row], str], dict[Key, list[Key]]] = defaultdict(dict)
    for row in rows:
        key = row.key
        of_model = merged[row.model]
        if key in of_model:
            of_model[key] = {**of_model[key], **row.values}
            digests[row.model].pop(key, None)
        else:
            of_model[key] = row.values
            if row.digest is not None:
                digests[row.model][key] = row.digest
        for name, items in row.children.items():
            _merge_children(merged, lists[row.model, name], row.model, name, key, items)
    seen = _Sighting(run_id=run_id, now=now)
    changes: list[Change] = []
    by_table = {model.table(): model for model in merged}
    for table in sort_tables(by_table):  # parents first
        model = by_table[table]
        changes += _write_table(session, model, merged[model], digests[model], seen)
    for (model, name), by_parent in lists.items():
        children = model.children()[name]
        positions = [model.key().index(parent) for parent in children.columns_from_parent.values()]
        kept = {tuple(parent[i] for i in positions): keys for parent, keys in by_parent.items()}
        changes += [
            Change(model=children.model, key=key, kind=GONE)
            for key in remove_vanished(session, children, kept)
        ]
    return changes


def _merge_children(
    merged: dict[type[Row], dict[Key, Values]],
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
        key = tuple(values[column] for column in children.model.key())
        of_child[key] = {**of_child.get(key, {}), **values}
        kept.append(key)
    by_parent[parent] = kept


def _write_table(
    session: Session,
    model: type[Row],
    rows: dict[Key, Values],
    digests: Mapping[Key, bytes],  # of some of them
    seen: _Sighting,
) -> list[Change]:
    fields = tuple(model.fields())
    keys = _in_order(rows)
    stored = _stored_hashes(session, model, keys)
    hashes = {
        key: digests.get(key) or content_hash(model.values_of(values))
        for key, values in rows.items()
        if len(values) == len(fields)
    }
    # An item that leaves out a field has no hash of its own: its row is compared field by field.
    unsure = [key for key in keys if key in stored and (key not in hashes or stored[key][0] != hashes[key])]
    before = _stored_rows(session, model, unsure)
    changes: list[Change] = []
    created: _Written = []
    altered: _Written = []
    touched: list[Key] = []
    for key in keys:
        values = rows[key]
        if key not in stored:
            created.append((values, hashes.get(key)))
            changes.append(Change(model, key, CREATED, row=values))
            continue
        digest, gone_at = stored[key]
        tracked: dict[str, tuple[Any, Any]] = {}
        after = values
        if key in before:
            after = {**before[key], **values}
            news = changed_fields(before[key], values)
            tracked = {name: pair for name, pair in news.items() if name not in model.untracked()}
            digest_after = hashes.get(key) or content_hash(model.values_of(after))
            if news or digest != digest_after:
                altered.append((values, digest_after))
            else:
                touched.append(key)
        else:
            touched.append(key)
        if gone_at is not None:
            changes.append(Change(model=model, key=key, kind=RETURNED, fields=tracked, row=after))
        elif tracked:
            changes.append(Change(model=model, key=key, kind=CHANGED, fields=tracked, row=after))
    _write(session, model, created, seen, new=True)
    _write(session, model, altered, seen)
    returned = {change.key for change in changes if change.kind == RETURNED}
    _touch(session, model, [key for key in touched if key not in returned], seen.columns)
    _touch(session, model, [key for key in touched if key in returned], seen.columns | {"gone_at": None})
    return changes


def _in_order(keys: Iterable[Key]) -> list[Key]:
    """Always in one order, so that two writers do not deadlock."""
    try:
        return sorted(keys)
    except TypeError:  # JSON, say, of which one is no less than another
        return sorted(keys, key=repr)


def _stored_hashes(
    session: Session, model: type[Row], keys: Sequence[Key]
) -> dict[Key, tuple[bytes | None, datetime | None]]:
    table = model.table()
    names = model.key()
    query = select(*(table.c[name] for name in names), table.c.content_hash, table.c.gone_at)
    found = {}
    for some in chunks(keys):
        # Another run may write the same table; the rows that we compare with stay as they are until we are done.
        rows = session.execute(query.where(key_in(session, model, some)).with_for_update()).all()
        for *key, digest, gone_at in rows:
            found[tuple(key)] = (digest, gone_at)
    return found


def _stored_rows(session: Session, model: type[Row], keys: Sequence[Key]) -> dict[Key, Values]:
    table = model.table()
    query = select(*(table.c[name] for name in model.fields()))
    found: dict[Key, Values] = {}
    for some in chunks(keys):
        for row in session.execute(query.where(key_in(session, model, some))).mappings():
            found[tuple(row[name] for name in model.key())] = dict(row)
    return found


def _write(session: Session, model: type[Row], rows: _Written, seen: _Sighting, *, new: bool = False) -> None:
    # Items may leave out columns: a statement for each set of them, so that what is not said is not overwritten.
    by_columns: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for values, digest in rows:
        by_columns[tuple(values)].append((*values.values(), digest))
    same = {"first_seen_at": seen.now, **seen.columns}
    dialect = session.get_bind().dialect.name
    for names, of_names in by_columns.items():
        columns = dict(zip((*names, "content_hash"), zip(*of_names, strict=True), strict=True))
        if new and dialect == "postgresql" and _copied(session, model, columns, same):
            continue
        insert_rows(session, upsert(dialect, model, (*columns, *same)), columns, same)


def _copied(
    session: Session, model: type[Row], columns: Mapping[str, Sequence[Any]], same: Mapping[str, Any]
) -> bool:
    """Try the quick way for rows that were not there a moment ago; whatever hinders it, the upsert has the say."""
    try:
        with session.begin_nested():
            insert_rows(session, insert_new(model), columns, same)
    except DBAPIError as error:
        if is_transient(error):
            raise
        return False
    return True


def _touch(session: Session, model: type[Row], keys: Sequence[Key], columns: Mapping[str, Any]) -> None:
    for some in chunks(keys):
        session.execute(update(model.table()).where(key_in(session, model, some)).values(**columns))
