"""Writing the rows of a batch into an existing table, and their bookkeeping into the table of ours.

Another program may have written the table since the last crawl, so the stored values are always read. A row is left
alone if its item is the last one and the row is as it was after that item was stored; so a trigger or a column that
rounds does not make a change in every run. The history has the difference between the row before and after the write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from crawler.page.row import ValidRow, content_hash
from models.bulk_insert import insert_rows
from models.change import CHANGED, CREATED, NO_FIELDS, RETURNED, Change
from models.chunks import chunks
from models.existing.definition import ExistingRow
from models.existing.reflection import TIME_OF_THE_RUN, Parent, ReflectedTable
from pipelines.storage.changed_fields import changed_fields
from pipelines.storage.database_errors import MissingParent
from pipelines.storage.parent_rows import parents_first
from pipelines.storage.seen_stamp import SeenStamp
from pipelines.storage.statements import key_in, keys_in, upsert

Key = tuple[Any, ...]
Values = Mapping[str, Any]


def write_existing(
    session: Session, model: type[ExistingRow], rows: Mapping[Key, ValidRow], stamp: SeenStamp
) -> list[Change]:
    """Write the rows, which are unique by key, and return the changes.

    Raises:
        MissingParent: a field names a parent row that is not stored.
        KeyTaken: the database takes the key of a stored row for another one.
    """
    changes: list[Change] = []
    for keys in chunks(parents_first(model, rows)):
        changes += _write(session, model, {key: rows[key] for key in keys}, stamp)
    return changes


def write_gone(session: Session, model: type[ExistingRow], keys: Sequence[Key], now: datetime) -> None:
    """Write into the column that the definition names that these rows are gone; nothing if it names none."""
    _write_gone_column(session, model.read(), keys, 0, now)


class KeyTaken(ValueError):
    """The table has a row whose key the database does not tell from that of the item, for instance in another case."""


class _Bookkeeping(NamedTuple):
    """What the bookkeeping table has about a row."""

    content_hash: bytes | None
    stored_hash: bytes | None
    gone_at: datetime | None


@dataclass
class _Plan:
    """What is written for a batch."""

    new: list[Key] = field(default_factory=list)
    updates: dict[Key, dict[str, Any]] = field(default_factory=dict)  # the fields that differ
    equal: list[Key] = field(default_factory=list)  # compared, and no field differs
    unchanged: list[Key] = field(
        default_factory=list
    )  # not compared: the last item, and no one wrote the row


def _write(
    session: Session, model: type[ExistingRow], rows: Mapping[Key, ValidRow], stamp: SeenStamp
) -> list[Change]:
    there = model.read()
    keys = list(rows)
    stored = _read(session, there, model, keys)
    known = _read_bookkeeping(session, model, keys)
    hashes = {key: row.digest or _hash_of(model, row.values) for key, row in rows.items()}
    plan = _plan_of(rows, stored, known, hashes)
    if plan.new:
        _insert_new(session, there, model, rows, plan, stored)
    _update(session, there, rows, plan.updates)
    returned = [key for key in keys if key in known and known[key].gone_at is not None and key in stored]
    _write_gone_column(session, there, returned, 1, stamp.now)
    written = [*plan.new, *plan.updates]
    after = {**stored, **_read(session, there, model, written, lock=False)}
    changes = []
    for key in keys:
        if key not in stored:
            changes.append(Change(model, key, CREATED, NO_FIELDS, after[key]))
            continue
        different = changed_fields(stored[key], after[key])
        tracked = {name: pair for name, pair in different.items() if name not in model.untracked()}
        if key in returned:
            changes.append(Change(model, key, RETURNED, tracked, after[key]))
        elif tracked:
            changes.append(Change(model, key, CHANGED, tracked, after[key]))
    _mark(session, model, [key for key in plan.unchanged if key not in returned], stamp)
    fresh = [key for key in keys if key not in set(plan.unchanged) or key in returned]
    _store_bookkeeping(session, model, fresh, after, hashes, stamp)
    return changes


def _plan_of(
    rows: Mapping[Key, ValidRow],
    stored: Mapping[Key, Values],
    known: Mapping[Key, _Bookkeeping],
    hashes: Mapping[Key, bytes | None],
) -> _Plan:
    plan = _Plan()
    for key, row in rows.items():
        if key not in stored:
            plan.new.append(key)
            continue
        before, kept = stored[key], known.get(key)
        same_item = kept is not None and kept.content_hash is not None and kept.content_hash == hashes[key]
        if kept is not None and same_item and kept.stored_hash == content_hash(list(before.values())):
            plan.unchanged.append(key)
        elif different := changed_fields(before, row.values):
            plan.updates[key] = {name: new for name, (_, new) in different.items()}
        else:
            plan.equal.append(key)
    return plan


def _hash_of(model: type[ExistingRow], values: Values) -> bytes | None:
    """Return the hash of an item; None if it leaves out a field."""
    return content_hash(model.values_getter()(values)) if len(values) == len(model.fields()) else None


def _read(
    session: Session,
    there: ReflectedTable,
    model: type[ExistingRow],
    keys: Sequence[Key],
    *,
    lock: bool = True,
) -> dict[Key, dict[str, Any]]:
    """Return the values of the stored rows with these keys. They stay locked until the transaction ends."""
    if not keys:
        return {}
    columns = [column.label(name) for name, column in there.values.items()]
    condition = keys_in(session, [there.values[name] for name in model.key()], keys)
    query = select(*columns).select_from(there.rows).where(condition)
    if lock:
        query = query.with_for_update(of=there.table)
    key_of, wanted = model.key_getter(), set(keys)
    found: dict[Key, dict[str, Any]] = {}
    for values in session.execute(query).mappings():
        row = dict(values)
        key = key_of(row)
        if key not in wanted:
            asked = next((one for one in keys if str(one).casefold() == str(key).casefold()), keys[0])
            raise KeyTaken(
                f"{model.definition.full_name} has a row with the key {'/'.join(map(str, key))}, which its collation "
                f"takes for {'/'.join(map(str, asked))}: write the key in the spider as it is in the table"
            )
        found[key] = row
    return found


def _read_bookkeeping(
    session: Session, model: type[ExistingRow], keys: Sequence[Key]
) -> dict[Key, _Bookkeeping]:
    columns = model.bookkeeping_table().c
    names = [columns[name] for name in model.key()]
    query = select(*names, columns.content_hash, columns.stored_hash, columns.gone_at)
    found = {}
    for *key, item_hash, stored_hash, gone_at in session.execute(
        query.where(key_in(session, model, keys)).with_for_update()
    ):
        found[tuple(key)] = _Bookkeeping(item_hash, stored_hash, gone_at)
    return found


def _insert_new(
    session: Session,
    there: ReflectedTable,
    model: type[ExistingRow],
    rows: Mapping[Key, ValidRow],
    plan: _Plan,
    stored: dict[Key, dict[str, Any]],
) -> None:
    """Insert the new rows. Another program may insert one of them meanwhile: that one is updated, and no new row."""
    savepoint = session.begin_nested()
    try:
        _insert(session, there, model, [rows[key].values for key in plan.new])
        savepoint.commit()
    except IntegrityError:
        savepoint.rollback()
        meanwhile = _read(session, there, model, plan.new)
        if not meanwhile:
            raise
        stored |= meanwhile
        added = _plan_of({key: rows[key] for key in meanwhile}, meanwhile, {}, dict.fromkeys(meanwhile))
        plan.new = [key for key in plan.new if key not in meanwhile]
        plan.updates |= added.updates
        plan.equal += added.equal
        if plan.new:
            _insert(session, there, model, [rows[key].values for key in plan.new])


def _insert(
    session: Session, there: ReflectedTable, model: type[ExistingRow], rows: Sequence[Values]
) -> None:
    """Insert the rows. A row of the batch may be the parent of another one, which is inserted after it."""
    constants = {there.table.c[name].key: value for name, value in model.definition.new.items()}
    if there.gone is not None:
        constants[there.gone.key] = there.gone_values[1]
    left = list(rows)
    while left:
        stored_values = _as_stored(session, there, left)
        ready = [values for values in stored_values if not isinstance(values, MissingParent)]
        if not ready:
            raise next(values for values in stored_values if isinstance(values, MissingParent))
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for values in ready:
            by_columns[tuple(values)].append(values)
        for names, some in by_columns.items():
            columns = {name: [values[name] for values in some] for name in names}
            with _zero_dates(session, there):
                insert_rows(session, insert(there.table), columns, constants)
        left = [
            row for row, values in zip(left, stored_values, strict=True) if isinstance(values, MissingParent)
        ]


@contextmanager
def _zero_dates(session: Session, there: ReflectedTable) -> Iterator[None]:
    """Allow MySQL's 0000-00-00 as the default of a column that the new rows leave out."""
    if not there.has_zero_dates:
        yield
        return
    mode = session.scalar(text("SELECT @@sql_mode"))
    session.execute(text("SET SESSION sql_mode = :mode"), {"mode": without_zero_date_modes(mode)})
    try:
        yield
    except DBAPIError:
        # The connection may be lost; another one has the modes of its own.
        with suppress(DBAPIError):
            session.execute(text("SET SESSION sql_mode = :mode"), {"mode": mode})
        raise
    session.execute(text("SET SESSION sql_mode = :mode"), {"mode": mode})


def without_zero_date_modes(mode: str) -> str:
    """Return MySQL's ``sql_mode`` without the modes that refuse 0000-00-00."""
    return ",".join(
        one for one in mode.split(",") if one not in ("NO_ZERO_DATE", "NO_ZERO_IN_DATE", "TRADITIONAL")
    )


def _update(
    session: Session,
    there: ReflectedTable,
    rows: Mapping[Key, ValidRow],
    updates: Mapping[Key, Mapping[str, Any]],
) -> None:
    """Write the fields that differ, and no other column."""
    key = [column.name for column in there.key_columns]
    by_fields: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for position, different in updates.items():
        names = tuple(name for name in different if name not in key)
        by_fields[names].append({name: rows[position].values[name] for name in (*key, *names)})
    for names, some in by_fields.items():
        values = _with_stored_parents(session, there, some)
        own_key = [there.columns[name] for name in key]
        statement = update(there.table).where(
            *(column == bindparam(f"key_{column.name}", type_=column.type) for column in own_key)
        )
        statement = statement.values(
            {
                there.columns[name]: bindparam(
                    f"new_{there.columns[name].name}", type_=there.columns[name].type
                )
                for name in names
            }
        )
        parameters = [
            {f"key_{column.name}": one[column.name] for column in own_key}
            | {f"new_{there.columns[name].name}": one[there.columns[name].name] for name in names}
            for one in values
        ]
        session.connection().execute(statement, parameters)


def _with_stored_parents(
    session: Session, there: ReflectedTable, rows: Sequence[Values]
) -> list[dict[str, Any]]:
    """Return the values of each row by column.

    Raises:
        MissingParent: a row names a parent row that is not stored.
    """
    found = []
    for values in _as_stored(session, there, rows):
        if isinstance(values, MissingParent):
            raise values
        found.append(values)
    return found


def _as_stored(
    session: Session, there: ReflectedTable, rows: Sequence[Values]
) -> list[dict[str, Any] | MissingParent]:
    """Return the values of each row by column, with the keys of the parent rows that fields name.

    A row that names a parent row that is not stored is a MissingParent.
    """
    ids = {
        name: _ids_of(session, parent, {row[name] for row in rows if row.get(name) is not None})
        for name, parent in there.parents.items()
    }
    return [_with_ids(there, row, ids) for row in rows]


def _with_ids(
    there: ReflectedTable, row: Values, ids: Mapping[str, Mapping[Any, list[Any]]]
) -> dict[str, Any] | MissingParent:
    values = {}
    for name, value in row.items():
        column = there.columns[name].name
        if name not in ids or value is None:
            values[column] = value
            continue
        found = ids[name].get(value, [])
        parent = there.parents[name]
        if not found:
            return MissingParent(f"{parent.table.fullname} has no row with {parent.value.name} {value!r}")
        if len(found) > 1:
            raise ValueError(
                f"{name}: {parent.table.fullname} has {len(found)} rows with {parent.value.name} {value!r}"
            )
        values[column] = found[0]
    return values


def _ids_of(session: Session, parent: Parent, values: Iterable[Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for some in chunks(sorted(values, key=repr)):
        query = select(parent.value, parent.key).where(
            keys_in(session, [parent.value], [(one,) for one in some])
        )
        for value, key in session.execute(query):
            found[value].append(key)
    return found


def _write_gone_column(
    session: Session, there: ReflectedTable, keys: Sequence[Key], which: int, now: datetime
) -> None:
    if there.gone is None or not keys:
        return
    value = now if there.gone_values[which] is TIME_OF_THE_RUN else there.gone_values[which]
    names = [column.name for column in there.key_columns]
    for some in chunks(list(keys)):
        rows = _as_stored(session, there, [dict(zip(names, key, strict=True)) for key in some])
        own = [there.columns[name].name for name in names]
        own_keys = [tuple(row[name] for name in own) for row in rows if isinstance(row, dict)]
        columns = [there.table.c[name] for name in own]
        condition = tuple_(*columns).in_(own_keys) if len(own) > 1 else keys_in(session, columns, own_keys)
        session.execute(update(there.table).where(condition).values({there.gone: value}))


def _mark(session: Session, model: type[ExistingRow], keys: Sequence[Key], stamp: SeenStamp) -> None:
    if keys:
        table = model.bookkeeping_table()
        session.execute(update(table).where(key_in(session, model, keys)).values(**stamp.columns))


def _store_bookkeeping(
    session: Session,
    model: type[ExistingRow],
    keys: Sequence[Key],
    after: Mapping[Key, Values],
    hashes: Mapping[Key, bytes | None],
    stamp: SeenStamp,
) -> None:
    """Store the bookkeeping of rows that were written or compared."""
    if not keys:
        return
    columns: dict[str, Sequence[Any]] = {
        name: [key[position] for key in keys] for position, name in enumerate(model.key())
    }
    columns["content_hash"] = [hashes[key] for key in keys]
    columns["stored_hash"] = [content_hash(list(after[key].values())) for key in keys]
    same = stamp.first_columns
    statement = upsert(session.get_bind().dialect.name, model, (*columns, *same))
    insert_rows(session, statement, columns, same)
