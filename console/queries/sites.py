"""The tables of the sites, as the database describes them: this process has no models of them.

A table with the bookkeeping columns is a site's. A table of another program has a table of ours beside it, NAME_seen.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, FromClause, MetaData, Table, and_, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import SQLAlchemyError

from console.queries.site_types import SiteColumn, site_column
from models.base import BOOKKEEPING, Base
from models.change import key_text
from models.existing.reflection import NAME_LENGTH

FRESH = 15.0  # seconds for which a description is used again
SEEN = "_seen"
SEEN_COLUMNS = BOOKKEEPING | {"stored_hash"}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A foreign key: the values of ``columns`` name the row of ``table`` that has them in ``referred``."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteTable:
    """A table of a site.

    Attributes:
        name: as the history names it.
        source: what a query selects from: the table, for a table of another program with our bookkeeping beside it.
        columns: the columns of values, by name.
        bookkeeping: the columns of ours, by name; empty if the row of the bookkeeping cannot be found.
        key: the columns of the natural key.
    """

    name: str
    dialect: str
    table: Table
    source: FromClause
    columns: Mapping[str, SiteColumn]
    bookkeeping: Mapping[str, SiteColumn]
    key: tuple[str, ...]
    references: Sequence[Reference]
    indexed: frozenset[str] = field(default_factory=frozenset)  # the first columns of the indexes
    of_another_program: bool = False

    @property
    def all_columns(self) -> dict[str, SiteColumn]:
        """Return the columns that people may see: the values, then the bookkeeping without its hashes."""
        shown = {name: one for name, one in self.bookkeeping.items() if name != "content_hash"}
        return {**self.columns, **{name: one for name, one in shown.items() if name not in self.columns}}

    @property
    def key_columns(self) -> list[SiteColumn]:
        return [self.columns[name] for name in self.key]

    @property
    def gone_at(self) -> SiteColumn | None:
        return self.bookkeeping.get("gone_at")


def key_of(site: SiteTable, values: Mapping[str, Any]) -> str:
    """Return the natural key of a row as the history writes it."""
    return key_text(tuple(values[name] for name in site.key))


@dataclass
class _Known:
    at: float
    tables: dict[str, SiteTable]


_known: weakref.WeakKeyDictionary[Engine, _Known] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def site_tables(engine: Engine) -> dict[str, SiteTable]:
    """Return the tables of the sites by name, as the database has described them at most FRESH seconds ago."""
    with _lock:
        known = _known.get(engine)
        if known is None or time.monotonic() - known.at > FRESH:
            with engine.connect() as connection:
                known = _Known(time.monotonic(), _read(connection))
            _known[engine] = known
        return known.tables


def forget(engine: Engine) -> None:
    """Let the next request read the descriptions again."""
    with _lock:
        _known.pop(engine, None)


def children_of(tables: Mapping[str, SiteTable], parent: SiteTable) -> list[tuple[SiteTable, Reference]]:
    """Return the tables whose rows name rows of this table, by name, with the foreign key."""
    return [
        (one, reference)
        for _, one in sorted(tables.items())
        for reference in one.references
        if reference.table == parent.name and set(reference.referred) <= parent.columns.keys()
    ]


def _read(connection: Connection) -> dict[str, SiteTable]:
    inspector = inspect(connection)
    names = [name for name in inspector.get_table_names() if not _is_ours(name)]
    described = {name: columns for name in names if (columns := _columns(inspector, name, None)) is not None}
    found: dict[str, SiteTable] = {}
    for name, columns in described.items():
        there = {one["name"] for one in columns}
        if name.endswith(SEEN) and there >= SEEN_COLUMNS:
            place = _fed_table(inspector, name, described)
            if place is not None:
                one = _existing_table(connection, inspector, name, columns, *place)
                found[one.name] = one
        elif there >= BOOKKEEPING:
            found[name] = _own_table(connection, inspector, name, columns)
    return dict(sorted(found.items()))


def _is_ours(name: str) -> bool:
    """Return whether the table is one of Splashdown's own, which no site feeds."""
    table = Base.metadata.tables.get(name)
    return name == "alembic_version" or (table is not None and not set(table.columns.keys()) >= BOOKKEEPING)


def _columns(inspector: Inspector, name: str, schema: str | None) -> list[ReflectedColumn] | None:
    """Return the columns of a table; None for a table that was dropped, or that cannot be read."""
    try:
        return inspector.get_columns(name, schema=schema)
    except SQLAlchemyError:
        return None


def _own_table(
    connection: Connection, inspector: Inspector, name: str, described: Sequence[ReflectedColumn]
) -> SiteTable:
    dialect = connection.dialect.name
    table, columns = _table(name, None, described, dialect)
    key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    return SiteTable(
        name=name,
        dialect=dialect,
        table=table,
        source=table,
        columns={one.name: one for one in columns.values() if one.name not in BOOKKEEPING},
        bookkeeping={one.name: one for one in columns.values() if one.name in BOOKKEEPING},
        key=key or tuple(one for one in columns if one not in BOOKKEEPING)[:1],
        references=_references(inspector, name, None, BOOKKEEPING),
        indexed=_indexed(inspector, name, None, key),
    )


def _existing_table(
    connection: Connection,
    inspector: Inspector,
    seen_name: str,
    seen_described: Sequence[ReflectedColumn],
    name: str,
    schema: str | None,
    described: Sequence[ReflectedColumn],
) -> SiteTable:
    dialect = connection.dialect.name
    table, columns = _table(name, schema, described, dialect)
    seen, seen_columns = _table(seen_name, None, seen_described, dialect)
    fields = tuple(inspector.get_pk_constraint(seen_name)["constrained_columns"])
    primary = tuple(inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])
    unique = [primary] if primary else []
    unique += [
        tuple(str(one) for one in index["column_names"])
        for index in inspector.get_indexes(name, schema=schema)
        if index["unique"] and None not in index["column_names"]
    ]
    if dialect == "sqlite":  # there a constraint is no index
        unique += [tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)]
    key = key_in_table(fields, columns, seen_columns, unique)
    if key is None:
        source: FromClause = table
    else:
        source = table.outerjoin(seen, _same(seen_columns, columns, fields, key))
    return SiteTable(
        name=f"{schema}.{name}" if schema else name,
        dialect=dialect,
        table=table,
        source=source,
        columns=columns,
        bookkeeping={name: seen_columns[name] for name in sorted(BOOKKEEPING)} if key is not None else {},
        key=key or primary or (unique[0] if unique else tuple(columns)[:1]),
        references=_references(inspector, name, schema, frozenset()),
        indexed=_indexed(inspector, name, schema, primary),
        of_another_program=True,
    )


def _same(
    seen: Mapping[str, SiteColumn],
    columns: Mapping[str, SiteColumn],
    fields: tuple[str, ...],
    key: tuple[str, ...],
) -> ColumnElement[bool]:
    return and_(
        *(seen[one].compared == columns[column].compared for one, column in zip(fields, key, strict=True))
    )


def key_in_table(
    fields: tuple[str, ...],
    columns: Mapping[str, SiteColumn],
    seen: Mapping[str, SiteColumn],
    unique: Sequence[tuple[str, ...]],
) -> tuple[str, ...] | None:
    """Return the columns of another program's table that the fields of a key fill; None if that is not clear.

    Only the site's definition knows the column of a field with another name. If one column of a unique key is left for
    the one field without a column, and has values of the same kind, it is that.
    """
    same = [name if name in columns else None for name in fields]
    if None not in same:
        return tuple(name for name in same if name is not None)
    if same.count(None) > 1:
        return None
    missing = fields[same.index(None)]
    candidates = set()
    for one in unique:
        rest = set(one) - {name for name in same if name is not None}
        if len(one) == len(fields) and len(rest) == 1:
            (name,) = rest
            if name in columns and columns[name].kind == seen[missing].kind:
                candidates.add(name)
    if len(candidates) != 1:
        return None
    (found,) = candidates
    return tuple(name if name is not None else found for name in same)


def _fed_table(
    inspector: Inspector, seen: str, described: Mapping[str, list[ReflectedColumn]]
) -> tuple[str, str | None, list[ReflectedColumn]] | None:
    """Return the table of another program to which a bookkeeping table belongs: name, schema, columns."""
    for name, columns in described.items():
        if _seen_name(name) == seen:
            return name, None, columns
    for schema in inspector.get_schema_names():
        if seen.startswith(f"{_flat(schema)}_"):
            for name in inspector.get_table_names(schema=schema):
                if _seen_name(f"{schema}.{name}") == seen:
                    found = _columns(inspector, name, schema)
                    return (name, schema, found) if found is not None else None
    return None


def _seen_name(full_name: str) -> str:
    return f"{_flat(full_name)[: NAME_LENGTH - len(SEEN)]}{SEEN}"


def _flat(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _table(
    name: str, schema: str | None, described: Sequence[ReflectedColumn], dialect: str
) -> tuple[Table, dict[str, SiteColumn]]:
    table = Table(name, MetaData(), *(Column(str(one["name"])) for one in described), schema=schema)
    columns = {}
    for one in described:
        column = table.c[str(one["name"])]
        columns[column.name] = site_column(
            column, one["type"], dialect, nullable=bool(one.get("nullable", True))
        )
    return table, columns


def _references(
    inspector: Inspector, name: str, schema: str | None, without: frozenset[str]
) -> list[Reference]:
    found = []
    for key in inspector.get_foreign_keys(name, schema=schema):
        columns, referred = tuple(key["constrained_columns"]), tuple(key["referred_columns"])
        if without.isdisjoint(columns) and len(columns) == len(referred):
            place = f"{key['referred_schema']}." if key.get("referred_schema") else ""
            found.append(
                Reference(columns=columns, table=f"{place}{key['referred_table']}", referred=referred)
            )
    return found


def _indexed(inspector: Inspector, name: str, schema: str | None, key: tuple[str, ...]) -> frozenset[str]:
    first = {str(one["column_names"][0]) for one in inspector.get_indexes(name, schema=schema)}
    return frozenset(first | set(key[:1]))
