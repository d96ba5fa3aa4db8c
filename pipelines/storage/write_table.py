"""Writing the rows of a batch into one table.

The database compares first. It marks the rows whose stored hash is the hash of the batch, and returns the stored values
of the other rows. docs/transactions.md ("Isolation") describes the steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CursorResult, Select, and_, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crawler.page.row import ValidRow, content_hash
from models import Row
from models.base import getter
from models.bulk_insert import insert_rows
from models.change import CHANGED, CREATED, NO_FIELDS, RETURNED, Change
from models.chunks import chunks
from pipelines.storage.changed_fields import changed_fields
from pipelines.storage.database_errors import is_transient
from pipelines.storage.parent_rows import parents_first, self_references, without_forward_references
from pipelines.storage.seen_stamp import SeenStamp
from pipelines.storage.statements import hash_in, key_in, plain_insert, upsert

Key = tuple[Any, ...]
Values = Mapping[str, Any]
REPLAN = {"replan": True}  # models.session._execute_unprepared says why
_RowsWithHash = list[
    tuple[Values, bytes | None]
]  # each with its hash, or None if the item leaves out a field


class _Stored(NamedTuple):
    """A row as the table has it."""

    values: Values
    digest: bytes | None
    gone_at: datetime | None


def write_table(
    session: Session,
    model: type[Row],
    rows: Mapping[Key, ValidRow],
    stamp: SeenStamp,
    all_new: set[type[Row]],
) -> list[Change]:
    """Write the rows, which are unique by key, and return the changes.

    Args:
        all_new: the models whose rows were all new in their last batch; updated.
    """
    changes: list[Change] = []
    for keys in chunks(parents_first(model, rows)):
        if model in all_new:
            batch = [rows[key] for key in keys]
            if _try_insert(
                session, model, [(row.values, row.digest or _hash_of_row(row)) for row in batch], stamp
            ):
                created_now = [
                    Change(model, key, CREATED, NO_FIELDS, row.values)
                    for key, row in zip(keys, batch, strict=True)
                ]
                changes += _with_defaults(session, model, created_now)
                continue
            all_new.discard(model)
        changes += _write_compared(session, model, keys, rows, stamp, all_new)
    return changes


def _hash_of_row(row: ValidRow) -> bytes | None:
    """Return the hash of a row that has none yet; None if its item leaves out a field."""
    if len(row.values) == len(row.model.fields()):
        return content_hash(row.model.values_getter()(row.values))
    return None


def _write_compared(
    session: Session,
    model: type[Row],
    keys: Sequence[Key],
    rows: Mapping[Key, ValidRow],
    stamp: SeenStamp,
    all_new: set[type[Row]],
    refused: set[Key] | None = None,
) -> list[Change]:
    """Compare the rows with the table, write the new and the changed ones, and return the changes.

    Args:
        refused: the keys of the rows that were new in the comparison before, and that the database refused.
    """
    hashes = {key: digest for key in keys if (digest := rows[key].digest or _hash_of_row(rows[key]))}
    new, stored = _compare_with_stored(session, model, keys, hashes, stamp)
    (all_new.add if len(new) == len(keys) else all_new.discard)(model)
    changes: list[Change] = []
    created: _RowsWithHash = []
    changed_rows: _RowsWithHash = []
    unchanged: list[Key] = []
    for key in keys:
        if key in new:
            values = rows[key].values
            created.append((values, hashes.get(key)))
            changes.append(Change(model, key, CREATED, NO_FIELDS, values))
        elif key in stored:
            values = rows[key].values
            before, digest, gone_at = stored[key]
            changed = changed_fields(before, values)
            after = {**before, **values}
            digest_after = hashes.get(key) or content_hash(model.values_getter()(after))
            if changed or digest != digest_after:
                changed_rows.append((values, digest_after))
            else:
                unchanged.append(key)
            tracked = {name: pair for name, pair in changed.items() if name not in model.untracked()}
            if gone_at is not None:
                changes.append(Change(model, key, RETURNED, tracked, after))
            elif tracked:
                changes.append(Change(model, key, CHANGED, tracked, after))
    # A plain INSERT also tells whether another transaction has inserted one of the rows since the comparison. On
    # PostgreSQL it can be a COPY.
    if created and not (_may_insert(session, model, created) and _try_insert(session, model, created, stamp)):
        if new != refused and _may_insert(session, model, created):
            return _write_compared(session, model, keys, rows, stamp, all_new, refused=new)
        _write_rows(session, model, created, stamp)
    _write_rows(session, model, changed_rows, stamp)
    changes = _with_defaults(session, model, changes)
    returned = {change.key for change in changes if change.kind == RETURNED}
    _update_rows(session, model, [key for key in unchanged if key not in returned], stamp.columns)
    _update_rows(
        session, model, [key for key in unchanged if key in returned], stamp.columns | {"gone_at": None}
    )
    return changes


def _with_defaults(session: Session, model: type[Row], changes: list[Change]) -> list[Change]:
    """Return the changes; those of new rows get the default values of the fields that their items leave out."""
    defaulted = _fields_with_default(model)
    if not defaulted:
        return changes
    keys = [change.key for change in changes if change.kind == CREATED and not defaulted.issubset(change.row)]
    if not keys:
        return changes
    stored = _read_stored(session, model, keys)
    return [
        change._replace(row={**stored[change.key].values, **change.row})
        if change.kind == CREATED and change.key in stored
        else change
        for change in changes
    ]


@cache
def _fields_with_default(model: type[Row]) -> frozenset[str]:
    """Return the names of the fields that have a default."""
    return frozenset(
        name
        for name, column in model.fields().items()
        if column.default is not None or column.server_default is not None
    )


def _compare_with_stored(
    session: Session,
    model: type[Row],
    keys: Sequence[Key],
    hashes: Mapping[Key, bytes],  # of the complete items
    stamp: SeenStamp,
) -> tuple[set[Key], dict[Key, _Stored]]:
    """Mark the unchanged rows. Return the keys of the new rows, and the stored values of the others that were read.

    A hash covers the key of its row, so a stored hash that is in the batch is the hash of the same row. The rows that
    are read stay locked until the transaction ends: no other run changes them before this transaction replaces them.
    """
    marked_count = _mark_unchanged(session, model, hashes, stamp) if hashes else 0
    if marked_count == len(hashes):
        incomplete = [key for key in keys if key not in hashes]
        stored = _read_stored(session, model, incomplete) if incomplete else {}
        return set(incomplete) - stored.keys(), stored
    if not marked_count:
        stored = _read_stored(session, model, keys)
        return set(keys) - stored.keys(), stored
    # The number of the marked rows is known, not their keys. An earlier batch or a replayed page may have had
    # the same run and time, and then too many rows have our stamp. The second condition sends the hashes
    # again.
    for condition in (_without_our_stamp, _differs_from_batch):
        stored = _read_stored(session, model, keys, condition(session, model, hashes, stamp))
        missing = set(keys) - stored.keys()  # marked, or new
        if len(missing) == marked_count:
            return set(), stored
        marked = _keys_with_our_stamp(session, model, missing, stamp)
        if len(marked) == marked_count:
            break
    return missing - marked, stored


def _mark_unchanged(session: Session, model: type[Row], hashes: Mapping[Key, bytes], stamp: SeenStamp) -> int:
    """Write the stamp into the rows with these hashes that are not gone; return their number."""
    table = model.table()
    same = and_(
        key_in(session, model, list(hashes)),
        hash_in(session, table.c.content_hash, hashes.values()),
        table.c.gone_at.is_(None),
    )
    done = session.execute(update(table).where(same).values(**stamp.columns), execution_options=REPLAN)
    assert isinstance(done, CursorResult)
    return (
        done.rowcount
    )  # the rows that were found: the drivers also count rows that the UPDATE does not change


def _without_our_stamp(
    _session: Session, model: type[Row], _hashes: Mapping[Key, bytes], stamp: SeenStamp
) -> ColumnElement[bool]:
    """Return a condition that is false for every marked row. It may be false for other rows too."""
    columns = model.table().c
    return or_(columns.run_id != stamp.run_id, columns.last_seen_at != stamp.now)


def _differs_from_batch(
    session: Session, model: type[Row], hashes: Mapping[Key, bytes], stamp: SeenStamp
) -> ColumnElement[bool]:
    """Return a condition that is true for every row that differs from the batch, and false for every marked row."""
    columns = model.table().c
    return or_(
        _without_our_stamp(session, model, hashes, stamp),
        columns.gone_at.is_not(None),
        columns.content_hash.is_(None),
        ~hash_in(session, columns.content_hash, hashes.values()),
    )


def _read_stored(
    session: Session, model: type[Row], keys: Sequence[Key], where: ColumnElement[bool] | None = None
) -> dict[Key, _Stored]:
    query = _select_stored(model).where(key_in(session, model, keys), *([] if where is None else [where]))
    names, key_of = tuple(model.fields()), model.key_getter()
    found = {}
    for *values, digest, gone_at in session.execute(query, execution_options=REPLAN):
        row = dict(zip(names, values, strict=True))
        found[key_of(row)] = _Stored(row, digest, gone_at)
    return found


@cache
def _select_stored(model: type[Row]) -> Select[Any]:
    columns = model.table().c
    fields = [columns[name] for name in model.fields()]
    return select(*fields, columns.content_hash, columns.gone_at).with_for_update()


def _keys_with_our_stamp(
    session: Session, model: type[Row], keys: Iterable[Key], stamp: SeenStamp
) -> set[Key]:
    """Return the keys of the rows with our stamp. A row that another run inserted meanwhile has that run's stamp."""
    columns = model.table().c
    query = select(*(columns[name] for name in model.key())).where(
        key_in(session, model, list(keys)),
        columns.run_id == stamp.run_id,
        columns.last_seen_at == stamp.now,
    )
    return {tuple(row) for row in session.execute(query, execution_options=REPLAN)}


def _column_groups(model: type[Row], rows: _RowsWithHash) -> Iterator[dict[str, Sequence[Any]]]:
    """Yield the rows by column, a group for each set of fields: a field that an item leaves out is not overwritten."""
    fields = tuple(model.fields())

    def names_of(row: tuple[Values, bytes | None]) -> tuple[str, ...]:
        return fields if len(row[0]) == len(fields) else tuple(row[0])

    sets: Iterable[tuple[tuple[str, ...], _RowsWithHash]]
    if self_references(model):  # in their order: a row may be the parent of a later one
        sets = ((names, list(some)) for names, some in groupby(rows, key=names_of))
    else:
        by_names: dict[tuple[str, ...], _RowsWithHash] = defaultdict(list)
        for row in rows:
            by_names[names_of(row)].append(row)
        sets = by_names.items()
    for names, some in sets:
        values_of = getter(names)
        columns = zip(*[values_of(values) for values, _ in some], strict=True)
        yield dict(zip(names, columns, strict=True)) | {"content_hash": [digest for _, digest in some]}


def _may_insert(session: Session, model: type[Row], rows: _RowsWithHash) -> bool:
    """Return whether a plain INSERT is of use. On SQLite no other transaction writes meanwhile."""
    return session.get_bind().dialect.name != "sqlite" and not (
        self_references(model) and without_forward_references(model, [values for values, _ in rows])
    )


def _try_insert(session: Session, model: type[Row], rows: _RowsWithHash, stamp: SeenStamp) -> bool:
    """Insert the rows in a savepoint; return False if the database refuses one, and nothing is inserted then."""
    if self_references(model) and without_forward_references(model, [values for values, _ in rows]):
        return False
    try:
        with session.connection().begin_nested():
            for columns in _column_groups(model, rows):
                insert_rows(session, plain_insert(model), columns, stamp.first_columns)
    except DBAPIError as error:
        if is_transient(error):
            raise
        return False
    return True


def _write_rows(session: Session, model: type[Row], rows: _RowsWithHash, stamp: SeenStamp) -> None:
    if self_references(model) and (
        first := without_forward_references(model, [values for values, _ in rows])
    ):
        _upsert(session, model, [(values, None) for values in first], stamp)
    _upsert(session, model, rows, stamp)


def _upsert(session: Session, model: type[Row], rows: _RowsWithHash, stamp: SeenStamp) -> None:
    for columns in _column_groups(model, rows):
        same = stamp.first_columns
        statement = upsert(session.get_bind().dialect.name, model, (*columns, *same))
        insert_rows(session, statement, columns, same)


def _update_rows(session: Session, model: type[Row], keys: Sequence[Key], columns: Mapping[str, Any]) -> None:
    if keys:
        session.execute(update(model.table()).where(key_in(session, model, keys)).values(**columns))
