"""The rows of a batch into one table.

The database compares: it marks as seen those whose hash is the one that it holds, and brings what it holds of the
others, which are new, changed, gone, or known in part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CursorResult, Select, and_, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from crawler.row import ValidRow, content_hash
from models import Row
from models.base import getter
from models.change import CHANGED, CREATED, NO_FIELDS, RETURNED, Change
from models.chunks import chunks
from pipelines.bulk import insert_rows
from pipelines.compare import changed_fields
from pipelines.statements import hash_in, insert_new, key_in, upsert
from pipelines.transient import is_transient

Key = tuple[Any, ...]
Values = Mapping[str, Any]
PLAN_ANEW = {"plan_anew": True}  # models.session says why
_Written = list[tuple[Values, bytes | None]]  # each with its hash, where all of its fields are known


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What every row gets that this batch saw."""

    run_id: int
    now: datetime

    @property
    def columns(self) -> dict[str, Any]:
        return {"last_seen_at": self.now, "run_id": self.run_id}

    @property
    def first_columns(self) -> dict[str, Any]:
        """What a row gets that may be new."""
        return {"first_seen_at": self.now, **self.columns}


class _Stored(NamedTuple):
    """What the database holds of a row."""

    values: Values
    digest: bytes | None
    gone_at: datetime | None


def write_table(
    session: Session,
    model: type[Row],
    rows: Mapping[Key, ValidRow],
    seen: Sighting,
    all_new: set[type[Row]],
) -> list[Change]:
    """Write rows that are given by their keys, each once; gives what changed by it."""
    changes: list[Change] = []
    for keys in chunks(_in_order(rows)):
        if model in all_new:
            given = [rows[key] for key in keys]
            if _inserted(session, model, [(row.values, row.digest or _hash_of(row)) for row in given], seen):
                changes += [
                    Change(model, key, CREATED, NO_FIELDS, row.values)
                    for key, row in zip(keys, given, strict=True)
                ]
                continue
            all_new.discard(model)
        changes += _write_some(session, model, keys, rows, seen, all_new)
    return changes


def _in_order(keys: Iterable[Key]) -> list[Key]:
    """Always in one order, so that two writers seldom deadlock."""
    try:
        return sorted(keys)
    except TypeError:  # JSON, say, of which one is no less than another
        return sorted(keys, key=repr)


def _hash_of(row: ValidRow) -> bytes | None:
    """The hash of a row that did not bring it along; an item that leaves out a field has none of its own."""
    if len(row.values) == len(row.model.fields()):
        return content_hash(row.model.values_getter()(row.values))
    return None


def _write_some(
    session: Session,
    model: type[Row],
    keys: Sequence[Key],
    rows: Mapping[Key, ValidRow],
    seen: Sighting,
    all_new: set[type[Row]],
) -> list[Change]:
    hashes = {key: digest for key in keys if (digest := rows[key].digest or _hash_of(rows[key]))}
    new, stored = _compare(session, model, keys, hashes, seen)
    (all_new.add if len(new) == len(keys) else all_new.discard)(model)
    changes: list[Change] = []
    created: _Written = []
    altered: _Written = []
    touched: list[Key] = []
    for key in keys:
        if key in new:
            values = rows[key].values
            created.append((values, hashes.get(key)))
            changes.append(Change(model, key, CREATED, NO_FIELDS, values))
        elif key in stored:
            values = rows[key].values
            before, digest, gone_at = stored[key]
            news = changed_fields(before, values)
            after = {**before, **values}
            digest_after = hashes.get(key) or content_hash(model.values_getter()(after))
            if news or digest != digest_after:
                altered.append((values, digest_after))
            else:
                touched.append(key)
            tracked = {name: pair for name, pair in news.items() if name not in model.untracked()}
            if gone_at is not None:
                changes.append(Change(model, key, RETURNED, tracked, after))
            elif tracked:
                changes.append(Change(model, key, CHANGED, tracked, after))
    # COPY is for new rows only.
    quick = session.get_bind().dialect.name == "postgresql" and bool(created)
    if not (quick and _inserted(session, model, created, seen)):
        _write(session, model, created, seen)
    _write(session, model, altered, seen)
    returned = {change.key for change in changes if change.kind == RETURNED}
    _touch(session, model, [key for key in touched if key not in returned], seen.columns)
    _touch(session, model, [key for key in touched if key in returned], seen.columns | {"gone_at": None})
    return changes


def _compare(
    session: Session,
    model: type[Row],
    keys: Sequence[Key],
    hashes: Mapping[Key, bytes],  # of some of them
    seen: Sighting,
) -> tuple[set[Key], dict[Key, _Stored]]:
    """Mark as seen the rows that are as they were; gives the keys that are new, and what is stored of the others.

    The hash of a row covers its key, so a stored hash that is among ours is the one for that row. The rows that are
    read stay locked: another run may write the same table, and what we compare with is what we replace.
    """
    touched = _touch_same(session, model, hashes, seen) if hashes else 0
    if touched == len(hashes):
        unsure = [key for key in keys if key not in hashes]
        stored = _stored(session, model, unsure) if unsure else {}
        return set(unsure) - stored.keys(), stored
    if not touched:
        stored = _stored(session, model, keys)
        return set(keys) - stored.keys(), stored
    # Those that were marked are told by their number: an earlier batch, or a page that is read again, may have had the
    # same run and time. Their hashes tell as well, and have to be sent once more for it.
    for condition in (_not_of_now, _differs):
        stored = _stored(session, model, keys, condition(session, model, hashes, seen))
        missing = set(keys) - stored.keys()  # marked as seen, or new
        if len(missing) == touched:
            return set(), stored
        marked = _marked(session, model, missing, seen)
        if len(marked) == touched:
            break
    return missing - marked, stored


def _touch_same(session: Session, model: type[Row], hashes: Mapping[Key, bytes], seen: Sighting) -> int:
    """Mark the rows with these hashes as seen, but for those that were gone; gives their number."""
    table = model.table()
    same = and_(
        key_in(session, model, list(hashes)),
        hash_in(session, table.c.content_hash, hashes.values()),
        table.c.gone_at.is_(None),
    )
    done = session.execute(update(table).where(same).values(**seen.columns), execution_options=PLAN_ANEW)
    assert isinstance(done, CursorResult)
    return done.rowcount  # of rows found: our drivers also count those that are the same after it


def _not_of_now(
    _session: Session, model: type[Row], _hashes: Mapping[Key, bytes], seen: Sighting
) -> ColumnElement[bool]:
    """True of no row that ``_touch_same`` marked; untrue of some others perhaps."""
    columns = model.table().c
    return or_(columns.run_id != seen.run_id, columns.last_seen_at != seen.now)


def _differs(
    session: Session, model: type[Row], hashes: Mapping[Key, bytes], seen: Sighting
) -> ColumnElement[bool]:
    """True of all rows that are not as they are given, and of no row that ``_touch_same`` marked."""
    columns = model.table().c
    return or_(
        _not_of_now(session, model, hashes, seen),
        columns.gone_at.is_not(None),
        columns.content_hash.is_(None),
        ~hash_in(session, columns.content_hash, hashes.values()),
    )


def _stored(
    session: Session, model: type[Row], keys: Sequence[Key], where: ColumnElement[bool] | None = None
) -> dict[Key, _Stored]:
    query = _select_stored(model).where(key_in(session, model, keys), *([] if where is None else [where]))
    names, key_of = tuple(model.fields()), model.key_getter()
    found = {}
    for *values, digest, gone_at in session.execute(query, execution_options=PLAN_ANEW):
        row = dict(zip(names, values, strict=True))
        found[key_of(row)] = _Stored(row, digest, gone_at)
    return found


@cache
def _select_stored(model: type[Row]) -> Select[Any]:
    columns = model.table().c
    fields = [columns[name] for name in model.fields()]
    return select(*fields, columns.content_hash, columns.gone_at).with_for_update()


def _marked(session: Session, model: type[Row], keys: Iterable[Key], seen: Sighting) -> set[Key]:
    """Which of these rows ``_touch_same`` marked; what another run inserted since then is not among them."""
    columns = model.table().c
    query = select(*(columns[name] for name in model.key())).where(
        key_in(session, model, list(keys)),
        columns.run_id == seen.run_id,
        columns.last_seen_at == seen.now,
    )
    return {tuple(row) for row in session.execute(query, execution_options=PLAN_ANEW)}


def _by_columns(model: type[Row], rows: _Written) -> Iterator[dict[str, Sequence[Any]]]:
    """The rows as columns, once for each set of columns: what an item does not say is not to be overwritten."""
    fields = tuple(model.fields())
    sets: dict[tuple[str, ...], _Written] = defaultdict(list)
    for row in rows:
        sets[fields if len(row[0]) == len(fields) else tuple(row[0])].append(row)
    for names, some in sets.items():
        values_of = getter(names)
        columns = zip(*[values_of(values) for values, _ in some], strict=True)
        yield dict(zip(names, columns, strict=True)) | {"content_hash": [digest for _, digest in some]}


def _inserted(session: Session, model: type[Row], rows: _Written, seen: Sighting) -> bool:
    """Try the quick way for rows that seem to be new; whatever hinders it, the careful way has the say."""
    try:
        with session.connection().begin_nested():
            for columns in _by_columns(model, rows):
                insert_rows(session, insert_new(model), columns, seen.first_columns)
    except DBAPIError as error:
        if is_transient(error):
            raise
        return False
    return True


def _write(session: Session, model: type[Row], rows: _Written, seen: Sighting) -> None:
    for columns in _by_columns(model, rows):
        same = seen.first_columns
        statement = upsert(session.get_bind().dialect.name, model, (*columns, *same))
        insert_rows(session, statement, columns, same)


def _touch(session: Session, model: type[Row], keys: Sequence[Key], columns: Mapping[str, Any]) -> None:
    if keys:
        session.execute(update(model.table()).where(key_in(session, model, keys)).values(**columns))
