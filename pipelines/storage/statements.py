"""The SQL that keeps a table current: one dialect-true upsert, and what it takes to remove vanished children."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    cast,
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
from sqlalchemy.types import TypeEngine, UserDefinedType

from models import Row
from models.base import Children
from models.chunks import chunks
from models.copy_text import array_of_bytes, array_of_numbers, array_of_texts
from models.many_rows import InList
from models.types import MYSQL, Digest


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
    return _value_in(session, columns[0], [key[0] for key in keys])


def hash_in(session: Session, column: Column[bytes | None], hashes: Iterable[bytes]) -> ColumnElement[bool]:
    """The condition that a row's hash is one of these."""
    return _value_in(session, column, list(hashes))


def _value_in(session: Session, column: Column[Any], values: list[Any]) -> ColumnElement[bool]:
    """The list goes to the driver as one parameter, where it can: SQLAlchemy and drivers look at each value else."""
    dialect = session.get_bind().dialect
    kinds = set(map(type, values))
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind in ARRAYS and _is_taken_as_it_is(column, dialect):
        if dialect.name in MYSQL:
            return column.op("IN", is_comparison=True)(bindparam(None, InList(values), type_=_Spelt()))
        if dialect.name == "postgresql":
            item, spell = ARRAYS[kind]
            array = bindparam(None, spell(values), type_=_Spelt())
            return column == any_(cast(array, postgresql.ARRAY(item)))
    return column.in_(values)


class _Spelt(UserDefinedType[Any]):
    """A parameter to which SQLAlchemy has nothing to do."""

    cache_ok = True


# Text has no length here. A cast to VARCHAR(20)[] would cut what is longer, in silence.
ARRAYS: dict[type | None, tuple[TypeEngine[Any], Callable[[list[Any]], str]]] = {
    str: (Text(), array_of_texts),
    int: (BigInteger(), array_of_numbers),
    bytes: (postgresql.BYTEA(), array_of_bytes),
}


def _is_taken_as_it_is(column: Column[Any], dialect: Dialect) -> bool:
    """Whether the column's values go to the database as Python has them."""
    if isinstance(column.type, Digest):
        return True  # what SQLAlchemy would do to it makes bytes of bytes
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return (
        isinstance(kind, String | Integer)
        and not isinstance(kind, Enum)
        and column.type.dialect_impl(dialect).bind_processor(dialect) is None
    )


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
