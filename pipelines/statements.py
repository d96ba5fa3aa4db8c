"""The SQL that keeps a table current: one dialect-true upsert, and what it takes to remove vanished children."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Dialect,
    Enum,
    Index,
    Integer,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    any_,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import TypeEngine

from models import Row
from models.base import Children
from models.chunks import chunks


@lru_cache(maxsize=256)
def upsert(dialect: str, model: type[Row], columns: tuple[str, ...]) -> Insert:
    """INSERT that updates the row with the same natural key instead, for ``executemany`` with ``columns``.

    ``first_seen_at`` stays as it was on a row that is there.
    """
    table = model.table()
    updated = [name for name in columns if name not in model.key() and name != "first_seen_at"]
    if dialect in ("mysql", "mariadb"):
        insert = mysql.insert(table)
        # MySQL's upsert matches on any unique key: a new book with another book's ISBN would overwrite that other
        # book. Where there is such a key, a row matched by it is refused: its own key would become NULL.
        guards = [
            (name, func.if_(table.c[name] == insert.inserted[name], table.c[name], None))
            for name in model.key()
            if _has_other_unique_keys(table)
        ]
        return insert.on_duplicate_key_update([*guards, *((name, insert.inserted[name]) for name in updated)])
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(model.key()),
        set_={name: statement.excluded[name] for name in updated},
    )


@cache
def insert_new(model: type[Row]) -> Insert:
    """INSERT of rows that are not there."""
    return insert(model.table())


def _has_other_unique_keys(table: Table) -> bool:
    return any(isinstance(c, UniqueConstraint) for c in table.constraints) or any(
        isinstance(i, Index) and i.unique for i in table.indexes
    )


def key_in(session: Session, model: type[Row], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """The condition that a row's natural key is one of these."""
    columns = [model.table().c[name] for name in model.key()]
    if len(columns) > 1:
        return tuple_(*columns).in_(keys)
    values = [key[0] for key in keys]
    array = _array_of(columns[0], session.get_bind().dialect)
    if array is not None:
        return columns[0] == any_(bindparam(None, values, type_=array))
    return columns[0].in_(values)


def _array_of(column: Column[Any], dialect: Dialect) -> postgresql.ARRAY[Any] | None:
    """The array for many values of the column, where that is one parameter and not thousands: a third of the time.

    An array of text has no length. A cast to VARCHAR(20)[] would cut what is longer, in silence.
    """
    type_ = column.type.dialect_impl(dialect)
    if (
        dialect.name != "postgresql"
        or type_.bind_processor(dialect) is not None
        or isinstance(column.type, Enum)
    ):
        return None
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return next((postgresql.ARRAY(item) for of, item in ARRAYS if isinstance(kind, of)), None)


ARRAYS: list[tuple[type[TypeEngine[Any]], TypeEngine[Any]]] = [(String, Text()), (Integer, BigInteger())]


def remove_vanished(
    session: Session,
    children: Children,
    kept: Mapping[tuple[Any, ...], Iterable[tuple[Any, ...]]],
) -> list[tuple[Any, ...]]:
    """Delete the children of the parents in ``kept`` that are not among the keys kept for them; gives their keys.

    ``kept`` maps a parent's key, as its children carry it, to the whole keys of the children to keep.
    """
    table = children.model.table()
    key = [table.c[name] for name in children.model.key()]
    parent = [table.c[name] for name in children.columns_from_parent]
    vanished: list[tuple[Any, ...]] = []
    for parents in chunks(list(kept)):
        present = session.execute(select(*key).where(tuple_(*parent).in_(parents)))
        wanted = {child for one in parents for child in kept[one]}
        vanished += [tuple(found) for found in present if tuple(found) not in wanted]
    for some in chunks(vanished):
        session.execute(delete(table).where(tuple_(*key).in_(some)))
    return vanished
