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
    null,
    select,
    tuple_,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import NullType, TypeEngine

from models import Row
from models.base import Children
from models.chunks import chunks
from models.types import MYSQL


@lru_cache(maxsize=256)
def upsert(dialect: str, model: type[Row], columns: tuple[str, ...]) -> Insert:
    """INSERT that updates the row with the same natural key instead, for ``executemany`` with ``columns``.

    ``first_seen_at`` stays as it was on a row that is there, and the row is not gone any more.
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
        return insert.on_duplicate_key_update(
            [*guards, *((name, insert.inserted[name]) for name in updated), ("gone_at", null())]
        )
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(model.key()),
        set_={name: statement.excluded[name] for name in updated} | {"gone_at": null()},
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
    dialect = session.get_bind().dialect
    item = _item_type(columns[0], dialect)
    if item is not None and dialect.name == "postgresql":
        return columns[0] == any_(bindparam(None, values, type_=postgresql.ARRAY(item)))
    if item is not None and dialect.name in MYSQL:
        return columns[0].op("IN", is_comparison=True)(bindparam(None, values, type_=NullType()))
    return columns[0].in_(values)


def _item_type(column: Column[Any], dialect: Dialect) -> TypeEngine[Any] | None:
    """The type of the column's values where the driver takes a list of them as one parameter, in a third of the time.

    Text has no length here. A cast to VARCHAR(20)[] would cut what is longer, in silence.
    """
    if isinstance(column.type, Enum) or column.type.dialect_impl(dialect).bind_processor(dialect) is not None:
        return None
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return next((item for of, item in ITEM_TYPES if isinstance(kind, of)), None)


ITEM_TYPES: list[tuple[type[TypeEngine[Any]], TypeEngine[Any]]] = [(String, Text()), (Integer, BigInteger())]


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
