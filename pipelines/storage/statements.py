"""The SQL that writes rows: the upsert of each dialect, conditions on keys, and the deletion of missing children."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Dialect,
    Enum,
    Index,
    Integer,
    LargeBinary,
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
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import TypeEngine, UserDefinedType

from models import Row
from models.base import Children
from models.chunks import chunks
from models.dialect_modules import mysql, postgresql, sqlite
from models.fast_executemany import InList
from models.postgresql_copy import array_of_bytes, array_of_numbers, array_of_texts
from models.types import MYSQL, Digest


@lru_cache(maxsize=256)
def upsert(dialect: str, model: type[Row], columns: tuple[str, ...]) -> Insert:
    """Return an INSERT for ``executemany`` that updates the row with the same natural key instead, if there is one.

    A row that exists keeps its ``first_seen_at``, and its ``gone_at`` becomes NULL. For an existing table this is the
    row of the bookkeeping table.
    """
    table = model.bookkeeping_table()
    updated = [name for name in columns if name not in model.key() and name != "first_seen_at"]
    if dialect in ("mysql", "mariadb"):
        insert = mysql().insert(table)
        # MySQL's upsert matches on any unique key: a new book with another book's ISBN would overwrite the
        # other book. So if the table has another unique key, a row that it matches gets NULL as its natural
        # key, and MySQL refuses the statement.
        guards = [
            (name, func.if_(table.c[name] == insert.inserted[name], table.c[name], None))
            for name in model.key()
            if _has_other_unique_keys(table)
        ]
        upserted: Insert = insert.on_duplicate_key_update(
            [*guards, *((name, insert.inserted[name]) for name in updated), ("gone_at", null())]
        )
        return upserted
    statement = postgresql().insert(table) if dialect == "postgresql" else sqlite().insert(table)
    upserted = statement.on_conflict_do_update(
        index_elements=list(model.key()),
        set_={name: statement.excluded[name] for name in updated} | {"gone_at": null()},
    )
    return upserted


@cache
def plain_insert(model: type[Row]) -> Insert:
    """Return an INSERT for rows that the table does not have."""
    return insert(model.table())


def _has_other_unique_keys(table: Table) -> bool:
    return any(isinstance(c, UniqueConstraint) for c in table.constraints) or any(
        isinstance(i, Index) and i.unique for i in table.indexes
    )


def key_in(session: Session, model: type[Row], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Return the condition on the bookkeeping table that a row's natural key is one of these."""
    return keys_in(session, [model.bookkeeping_table().c[name] for name in model.key()], keys)


def keys_in(
    session: Session, columns: Sequence[ColumnElement[Any]], keys: Sequence[tuple[Any, ...]]
) -> ColumnElement[bool]:
    """Return the condition that the columns have one of these keys."""
    if len(columns) > 1:
        return tuple_(*columns).in_(keys)
    return _value_in(session, columns[0], [key[0] for key in keys])


def hash_in(session: Session, column: Column[bytes | None], hashes: Iterable[bytes]) -> ColumnElement[bool]:
    """Return the condition that a row's hash is one of these."""
    return _value_in(session, column, list(hashes))


def _value_in(session: Session, column: ColumnElement[Any], values: list[Any]) -> ColumnElement[bool]:
    """Return the condition. The list is one parameter if possible: single values are slow in SQLAlchemy and drivers."""
    dialect = session.get_bind().dialect
    kinds = set(map(type, values))
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind in ARRAYS and _is_passed_unchanged(column, dialect):
        if dialect.name in MYSQL:
            return column.op("IN", is_comparison=True)(bindparam(None, InList(values), type_=_Encoded()))
        if dialect.name == "postgresql":
            item, encode = ARRAYS[kind]
            array = bindparam(None, encode(values), type_=_Encoded())
            return column == any_(cast(array, ARRAY(item)))
    return column.in_(values)


class _Encoded(UserDefinedType[Any]):
    """The type of a parameter that is already encoded."""

    cache_ok = True


# Text has no length here: a cast to VARCHAR(20)[] would cut longer values without an error.
ARRAYS: dict[type | None, tuple[TypeEngine[Any], Callable[[list[Any]], str]]] = {
    str: (Text(), array_of_texts),
    int: (BigInteger(), array_of_numbers),
    bytes: (LargeBinary(), array_of_bytes),
}


def _is_passed_unchanged(column: ColumnElement[Any], dialect: Dialect) -> bool:
    """Return whether SQLAlchemy passes the column's values to the driver unchanged."""
    if isinstance(column.type, Digest):
        return True  # SQLAlchemy would convert bytes to bytes
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return (
        isinstance(kind, String | Integer)
        and not isinstance(kind, Enum)
        and column.type.dialect_impl(dialect).bind_processor(dialect) is None
    )


def delete_missing_children(
    session: Session,
    children: Children,
    kept: Mapping[tuple[Any, ...], Iterable[tuple[Any, ...]]],
) -> list[tuple[Any, ...]]:
    """Delete the children of these parents that are not in ``kept``; return the keys of the deleted rows.

    Args:
        kept: the natural keys of the children to keep, by the columns that the children have from their parent.
    """
    table = children.model.table()
    key = [table.c[name] for name in children.model.key()]
    parent = [table.c[name] for name in children.columns_from_parent]
    missing: list[tuple[Any, ...]] = []
    for parents in chunks(list(kept)):
        present = session.execute(select(*key).where(tuple_(*parent).in_(parents)))
        wanted = {child for one in parents for child in kept[one]}
        missing += [tuple(found) for found in present if tuple(found) not in wanted]
    for some in chunks(missing):
        session.execute(delete(table).where(tuple_(*key).in_(some)))
    return missing
