"""Columns whose old values have no meaning in their new type: a migration sets them to NULL before it changes the type.

SQLite keeps such a value, which then cannot be read; MariaDB and PostgreSQL refuse the change of the type. The module
imports Alembic, so only code that writes a migration imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import renderers
from alembic.operations import ops
from sqlalchemy import Column, ColumnElement, Connection, Enum, String, Uuid, func, literal, select
from sqlalchemy.types import TypeDecorator, TypeEngine

from models.base import Row
from models.command_name import command
from models.run_stats import own_models
from models.schema import OTHER_TABLE
from models.session import DatabaseUnusable
from models.types import Choice, ExactNumeric, ListOf, LongJson

TEXT, NUMBER, BOOLEAN, BYTES = "text", "a number", "true or false", "bytes"
DATE, DATETIME, CHOICE, JSON, UUID_TEXT = "a date", "a date and time", "one of some texts", "JSON", "a UUID"
KINDS = {
    str: TEXT,
    int: NUMBER,
    float: NUMBER,
    Decimal: NUMBER,
    bool: BOOLEAN,
    bytes: BYTES,
    datetime: DATETIME,
    date: DATE,
    time: "a time of day",
    timedelta: "a length of time",
    dict: JSON,
    list: JSON,
    UUID: UUID_TEXT,
}


@dataclass(frozen=True, kw_only=True)
class EmptiedColumn:
    """A column that a migration empties; ``old`` and ``new`` say what its values are before and after it."""

    table: str
    column: str
    old: str
    new: str
    is_tracked: bool  # whether the history has the old values

    def __str__(self) -> str:
        kept = "the history keeps them, and " if self.is_tracked else ""
        return (
            f"{self.table}.{self.column} was {self.old} and becomes {self.new}: the migration removes the old values "
            f"of this column from the table; {kept}the next crawl stores the site's values"
        )


class EmptyColumn(ops.MigrateOperation):
    """Sets a column to NULL in all rows."""

    def __init__(self, table: str, column: str) -> None:
        self.table, self.column = table, column


class ChangeEmptiedColumn(ops.AlterColumnOp):
    """Changes the type of a column that has no values; PostgreSQL converts between any two types then."""


@renderers.dispatch_for(EmptyColumn)
def _empty_column(_context: AutogenContext, one: EmptyColumn) -> str:
    table = f"sa.table({one.table!r}, sa.column({one.column!r}))"
    return f"op.execute({table}.update().values({{{one.column!r}: sa.null()}}))"


@renderers.dispatch_for(ChangeEmptiedColumn)
def _change_emptied_column(context: AutogenContext, one: ChangeEmptiedColumn) -> str:
    text: str = renderers.dispatch(ops.AlterColumnOp)(context, one)
    return f"{text.removesuffix(')')},\n{' ' * 11}postgresql_using='NULL')"


def empty_columns(script: ops.MigrationScript, connection: Connection) -> list[EmptiedColumn]:
    """Let a revision that is being written empty the columns whose values do not survive the change; return them.

    Raises:
        DatabaseUnusable: such a column must have a value in each row; the message says what to change in the model.
    """
    models = {model.__tablename__: model for model in own_models() if model.table().schema is None}
    emptied: list[EmptiedColumn] = []
    operations: list[Any] = []
    assert script.upgrade_ops is not None
    for changes in script.upgrade_ops.ops:
        if (
            isinstance(changes, ops.ModifyTableOps)
            and changes.schema is None
            and changes.table_name in models
        ):
            model = models[changes.table_name]
            for place, change in enumerate(changes.ops):
                if isinstance(change, ops.AlterColumnOp) and (
                    one := _emptied_column(model, change, connection)
                ):
                    emptied.append(one)
                    operations += _before(change)
                    changes.ops[place] = _with_null(change)
        operations.append(changes)
    script.upgrade_ops.ops = operations
    return emptied


def _emptied_column(
    model: type[Row], change: ops.AlterColumnOp, connection: Connection
) -> EmptiedColumn | None:
    """Return the column of this change if its values do not survive it."""
    column = model.table().columns[change.column_name]
    if change.modify_type is None or change.existing_type is None or column.computed is not None:
        return None
    old, new = _kind(change.existing_type), _kind(column.type)
    if old is None or new is None or _keeps_values(old, new, column, connection):
        return None
    emptied = EmptiedColumn(
        table=change.table_name,
        column=column.name,
        old=old,
        new=new,
        is_tracked=column.name not in model.untracked(),
    )
    if not column.nullable and connection.scalar(
        select(select(literal(1)).select_from(column.table).exists())
    ):
        raise DatabaseUnusable(_refusal(emptied, column, model))
    return emptied


def _refusal(emptied: EmptiedColumn, column: Column[Any], model: type[Row]) -> str:
    if column.primary_key:
        why = f"it is in the key of the model {model.__name__}: {OTHER_TABLE}"
    else:
        why = (
            f"the model {model.__name__} has no row without it: let it be empty "
            f"(Mapped[... | None] in Python, required: false in YAML)"
        )
    return (
        f"{emptied.table}.{emptied.column} was {emptied.old} and becomes {emptied.new}, so a migration must remove "
        f"its old values, but {why}, then run `{command('migrate --new')}`"
    )


def _before(change: ops.AlterColumnOp) -> list[ops.MigrateOperation]:
    """Return what a revision does before the change of an emptied column."""
    operations: list[ops.MigrateOperation] = []
    if change.existing_nullable is False and change.modify_nullable:
        nullable = ops.AlterColumnOp(
            change.table_name,
            change.column_name,
            existing_type=change.existing_type,
            existing_server_default=change.existing_server_default,
            existing_nullable=False,
            existing_comment=change.existing_comment,
            modify_nullable=True,
        )
        operations.append(ops.ModifyTableOps(change.table_name, [nullable]))
    return [*operations, EmptyColumn(change.table_name, change.column_name)]


def _with_null(change: ops.AlterColumnOp) -> ChangeEmptiedColumn:
    """Return the change of a column that ``_before`` has emptied."""
    if change.existing_nullable is False and change.modify_nullable:
        change.existing_nullable, change.modify_nullable = True, None
    emptied = ChangeEmptiedColumn(change.table_name, change.column_name)
    vars(emptied).update(vars(change))
    return emptied


def _kind(type_: TypeEngine[Any]) -> str | None:
    """Return what the values of a type are; None if we do not know it."""
    if isinstance(type_, ListOf | LongJson):
        return JSON
    while isinstance(type_, TypeDecorator):
        type_ = type_.impl_instance
    if isinstance(type_, Enum):
        return CHOICE
    if isinstance(type_, Uuid):
        return UUID_TEXT
    try:
        return KINDS.get(type_.python_type)
    except NotImplementedError:
        return None


def _keeps_values(old: str, new: str, column: Column[Any], connection: Connection) -> bool:
    """Return whether every old value has a meaning in the new type, and the database converts it."""
    dialect = connection.dialect.name
    if old == new:
        return True
    if new == TEXT:
        return old != BYTES
    if (old, new) == (BOOLEAN, NUMBER):
        return dialect != "postgresql"
    if {old, new} == {DATE, DATETIME}:
        return dialect != "sqlite"
    other = _other_texts(column, dialect) if old == TEXT else None
    if other is None:
        return False
    return not connection.scalar(select(select(literal(1)).select_from(column.table).where(other).exists()))


def _other_texts(column: Column[Any], dialect: str) -> ColumnElement[bool] | None:
    """Return a condition for texts that are no values of the new type; None if that type is not stored as text."""
    texts = func.coalesce(column.table.columns[column.name].cast(String), "")
    if isinstance(column.type, ExactNumeric) and dialect == "sqlite":
        is_text = column.type.precision > ExactNumeric.FLOAT_DIGITS
        return texts.op("GLOB", is_comparison=True)("*[^0-9.eE+-]*") if is_text else None
    enum = column.type.enum if isinstance(column.type, Choice) else column.type
    if isinstance(enum, Enum) and not (enum.native_enum and dialect == "postgresql"):
        return texts.not_in(["", *enum.enums])
    return None
