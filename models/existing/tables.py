"""Tables that other programs own, as the database describes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Inspector, MetaData, Table, inspect, text
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import NullType, TypeEngine

from models.existing.field_type import UnsupportedColumn, field_type
from models.types import MYSQL

MYSQL_TRIGGERS = """
SELECT COUNT(*) FROM information_schema.triggers
WHERE event_object_schema = COALESCE(:schema, DATABASE()) AND event_object_table = :name
AND action_timing = 'BEFORE' AND event_manipulation = 'INSERT'
"""
POSTGRESQL_TRIGGERS = MYSQL_TRIGGERS.replace("DATABASE()", "CURRENT_SCHEMA()")


class NotFeedable(Exception):
    """The table of the database does not fit the definition; the message says what to change."""


class Tables:
    """The tables that were read, each once: the parent table of one model may be the table of another."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.inspector: Inspector = inspect(connection)
        self.metadata = MetaData()
        self.dialect = connection.dialect.name
        self.described: dict[str, list[Any]] = {}
        self.primary_keys: dict[str, list[str]] = {}
        self.foreign_keys: dict[
            str, list[Any]
        ] = {}  # by the table's full name, as the inspector describes them

    def get(self, name: str, schema: str | None, zone: str | None = None) -> Table:
        """Return the table with all its columns; those of unsupported types have NullType.

        Raises:
            NotFeedable: there is no such table.
        """
        full_name = f"{schema}.{name}" if schema else name
        if full_name in self.metadata.tables:
            return self.metadata.tables[full_name]
        try:
            described = self.inspector.get_columns(name, schema=schema)
        except NoSuchTableError:
            raise NotFeedable(self._no_such_table(full_name, name, schema)) from None
        if not described:
            raise NotFeedable(self._no_such_table(full_name, name, schema))
        self.described[full_name] = described
        self.primary_keys[full_name] = self.inspector.get_pk_constraint(name, schema=schema)[
            "constrained_columns"
        ]
        columns = [
            Column(
                one["name"],
                self._type(one["type"], zone),
                nullable=one["nullable"],
            )
            for one in described
        ]
        self.foreign_keys[full_name] = list(self.inspector.get_foreign_keys(name, schema=schema))
        return Table(name, self.metadata, *columns, schema=schema)

    def _type(self, type_: TypeEngine[Any], zone: str | None) -> TypeEngine[Any]:
        try:
            return field_type(type_, self.dialect, zone)
        except UnsupportedColumn:
            return NullType()

    def _no_such_table(self, full_name: str, name: str, schema: str | None) -> str:
        there = self.inspector.get_table_names(schema=schema)
        same = [one for one in there if one.lower() == name.lower()]
        hint = (
            f"did you mean {same[0]!r}?" if same else f"there are {', '.join(sorted(there)[:20]) or 'none'}"
        )
        place = f"the schema {schema}" if schema else "the database of DATABASE_URL"
        return f"there is no table {full_name!r} in {place}, or no right to read it; {hint}"

    def unique_keys(self, name: str, schema: str | None) -> list[tuple[str, ...]]:
        """Return the columns of each unique key that holds for all rows and whole values."""
        found = [tuple(self.inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])]
        for index in self.inspector.get_indexes(name, schema=schema):
            options = index.get("dialect_options", {})
            partial = (
                options.get("postgresql_where") or options.get("sqlite_where") or options.get("mysql_length")
            )
            if index["unique"] and not partial and None not in index["column_names"]:
                found.append(tuple(str(column) for column in index["column_names"]))
        if self.dialect == "sqlite":  # there a constraint is no index
            found += [
                tuple(one["column_names"])
                for one in self.inspector.get_unique_constraints(name, schema=schema)
            ]
        return [key for key in found if key]

    def fills_new_rows(self, name: str, schema: str | None) -> bool:
        """Return whether a trigger may fill columns of a new row."""
        if self.dialect == "sqlite":
            return False
        query = text(MYSQL_TRIGGERS if self.dialect in MYSQL else POSTGRESQL_TRIGGERS)
        return bool(self.connection.scalar(query, {"name": name, "schema": schema}))
