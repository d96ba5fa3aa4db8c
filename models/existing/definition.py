"""``existing(...)``: a model for a table that exists already and belongs to another program.

The definition says which columns the items fill. The table itself is read from the database when a crawl or a command
opens it (models.existing.reflection). docs/tables.md describes both for users.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import Column, ColumnElement, FromClause, Table
from sqlalchemy.types import TypeEngine

from models.base import (
    BOOKKEEPING,
    RESERVED,
    Base,
    Children,
    ForeignKeyOfFields,
    Getter,
    ModelError,
    Row,
    getter,
)

if TYPE_CHECKING:
    from models.existing.reflection import ReflectedTable


NAME_LENGTH = 64  # of the columns that name a table in the history and among the rejected items


@dataclass(frozen=True, kw_only=True)
class Target:
    """The column that a field fills. With ``value`` it is a foreign key, and the field has another value of the parent.

    ``"category_id.name"``: the field has the category's name, and the column gets the id of the category with it.
    """

    column: str
    value: str | None = None
    parent: str | None = None  # the parent table, if the database does not know the foreign key

    def __str__(self) -> str:
        return self.column if self.value is None else f"{self.column}.{self.value}"

    def in_table(self, columns: Container[str]) -> Target:
        """Return the target in a table with these columns: a column may have a name with a dot."""
        return Target(column=str(self)) if self.parent is None and str(self) in columns else self


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a call of ``existing`` says."""

    schema: str | None
    name: str
    key: tuple[str, ...]  # fields
    targets: Mapping[str, Target]  # by field; the key's come first
    new: Mapping[str, Any] = field(default_factory=dict)  # values of new rows, by column
    gone: str | None = None  # a column of the table that says that a row is gone
    gone_values: tuple[Any, Any] | None = None  # when it is gone, and when it is not
    info: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    types: Mapping[str, TypeEngine[Any]] = field(default_factory=dict)
    timezone: str | None = None

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def __str__(self) -> str:
        fields = ", ".join(f"{name} -> {target}" for name, target in self.targets.items())
        return f"{self.full_name} (key {', '.join(self.key)}; {fields})"


class ExistingRow(Row):
    """The base class of the models that ``existing`` makes. Such a model has no list of children."""

    __abstract__ = True

    definition: ClassVar[Definition]
    reflected: ClassVar[ReflectedTable | None] = None  # when the database is open
    problem: ClassVar[str | None] = None  # why the table cannot be fed; when the database is open

    @classmethod
    def read(cls) -> ReflectedTable:
        """Return the table as the database has it.

        Raises:
            ModelError: the database was not opened, or the table cannot be fed.
        """
        if cls.reflected is None:
            raise ModelError(cls.problem or f"the table {cls.definition.full_name} was not read yet")
        return cls.reflected

    @classmethod
    def has_table(cls) -> bool:
        return "definition" in vars(cls)

    @classmethod
    def key(cls) -> tuple[str, ...]:
        return cls.definition.key

    @classmethod
    def fields(cls) -> Mapping[str, Column[Any]]:
        """Return a column for each field, with the type and the limits of the table's column."""
        return cls.read().fields

    @classmethod
    def key_getter(cls) -> Getter:
        return getter(cls.definition.key)

    @classmethod
    def values_getter(cls) -> Getter:
        return getter(tuple(cls.definition.targets))

    @classmethod
    def untracked(cls) -> frozenset[str]:
        return frozenset(
            name for name, hints in cls.definition.info.items() if hints.get("tracked", True) is False
        )

    @classmethod
    def children(cls) -> Mapping[str, Children]:
        return {}

    @classmethod
    def table(cls) -> Table:
        return cls.read().table

    @classmethod
    def bookkeeping_table(cls) -> Table:
        return cls.read().bookkeeping

    @classmethod
    def rows_from(cls) -> FromClause:
        return cls.read().rows_with_bookkeeping

    @classmethod
    def value_columns(cls) -> Mapping[str, ColumnElement[Any]]:
        return cls.read().values

    @classmethod
    def parent_keys(cls) -> tuple[ForeignKeyOfFields, ...]:
        return cls.read().parent_keys

    @classmethod
    def fields_in_columns(cls, columns: tuple[str, ...]) -> tuple[str, ...] | None:
        filled = {target.column: name for name, target in cls.read().targets.items() if target.value is None}
        names = tuple(filled[column] for column in columns if column in filled)
        return names if len(names) == len(columns) else None


_models: dict[str, type[ExistingRow]] = {}  # by the table's full name


def existing_models() -> list[type[ExistingRow]]:
    """Return the models of all existing tables, in the order of their names."""
    return [_models[name] for name in sorted(_models)]


def existing(
    table: str,
    *,
    key: Sequence[str],
    map: Mapping[str, str | tuple[str, str]] | None = None,
    columns: Sequence[str] = (),
    new: Mapping[str, Any] | None = None,
    gone: str | None = None,
    gone_values: tuple[Any, Any] | None = None,
    info: Mapping[str, Mapping[str, Any]] | None = None,
    types: Mapping[str, TypeEngine[Any]] | None = None,
    timezone: str | None = None,
) -> type[ExistingRow]:
    """Return a model for a table that exists already. Only the columns that this call names are written.

    Args:
        table: its name, with a schema if it is not in the default one: ``"shop.product"``.
        key: the fields by which a row is found. The table must have a unique key on their columns.
        map: the column of each field: ``{"price": "unit_price"}``. ``"category_id.name"`` is a foreign key whose
            parent row is found by another column; without a foreign key in the database
            ``("category_id", "shop.category.name")`` names the parent table too.
        columns: further columns, each filled by the field of the same name. So are columns of the key without a map.
        new: values of columns that only new rows get.
        gone: a column that says that a row is gone: a datetime, or 1 and 0, or the ``gone_values``.
        gone_values: the values of ``gone`` of a row that is gone, and of another row.
        info: the hints of fields, as ``info`` of a model's column (docs/values.md).
        types: a type of SQLAlchemy in place of that of the database, by field.
        timezone: the zone of datetimes that the table stores without a zone; by default UTC.

    Raises:
        ModelError: a name is wrong, or the table has another definition.
    """
    definition = _definition(
        table, tuple(key), map or {}, tuple(columns), dict(new or {}), gone, gone_values, timezone
    )
    unknown = [*(info or {}), *(types or {})]
    for name in unknown:
        if name not in definition.targets:
            raise _error(table, f"info= and types= name {name!r}, which is no field; {_fields(definition)}")
    definition = Definition(**{**vars(definition), "info": dict(info or {}), "types": dict(types or {})})
    known = _models.get(definition.full_name)
    if known is not None:
        if str(known.definition) != str(definition) or repr(vars(known.definition)) != repr(vars(definition)):
            raise _error(
                table,
                f"has two definitions, {known.definition} and {definition}: write existing(...) once, "
                "in a module that both sites import",
            )
        return known
    name = "".join(part[:1].upper() + part[1:] for part in definition.name.split("_"))
    model = type(name, (ExistingRow,), _namespace(definition))
    _models[definition.full_name] = model
    return model


def forget_existing_models() -> list[str]:
    """Forget all definitions, for tests that define a table again; return the names of our tables for them."""
    names = [model.reflected.bookkeeping.name for model in _models.values() if model.reflected is not None]
    for name in names:
        if name in Base.metadata.tables:
            Base.metadata.remove(Base.metadata.tables[name])
    _models.clear()
    return names


def _namespace(definition: Definition) -> dict[str, Any]:
    return {
        "__abstract__": True,
        "__doc__": f"A row of the existing table {definition.full_name}.",
        "__tablename__": definition.full_name,
        "definition": definition,
    }


def _definition(
    table: str,
    key: tuple[str, ...],
    mapped: Mapping[str, Any],
    columns: tuple[str, ...],
    new: Mapping[str, Any],
    gone: str | None,
    gone_values: tuple[Any, Any] | None,
    timezone: str | None,
) -> Definition:
    schema, _, name = table.rpartition(".")
    if isinstance(key, str) or not key or not name:
        raise _error(table, "needs a name and a key: existing('product', key=['sku'], ...)")
    if len(table) > NAME_LENGTH:
        raise _error(table, f"the name is longer than {NAME_LENGTH} characters")
    targets = {field_name: _target(table, text) for field_name, text in mapped.items()}
    by_column = {str(target): field_name for field_name, target in targets.items()}
    key = tuple(by_column.get(one, one) if one not in targets else one for one in key)
    for one in (*key, *columns):
        targets.setdefault(one, Target(column=one))
    targets = {one: targets[one] for one in (*key, *targets)}
    # A target with a dot may be a column of this name: only the table says which one it is.
    without_dot = {name: target for name, target in targets.items() if target.value is None or target.parent}
    if error := filled_twice(without_dot, new, gone):
        raise _error(table, error)
    for one in targets:
        if one in BOOKKEEPING or one in RESERVED or not one.isidentifier():
            raise _error(
                table, f"{one!r} cannot be a field: give it another name, map={{'my_{one}': '{one}'}}"
            )
    if gone_values is not None and (gone is None or len(gone_values) != 2):
        raise _error(
            table, "gone_values= has two values, when a row is gone and when it is not, and needs gone="
        )
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise _error(
                table, f"there is no time zone {timezone!r}: write it like 'Europe/Berlin'"
            ) from None
    return Definition(
        schema=schema or None,
        name=name,
        key=key,
        targets=targets,
        new=new,
        gone=gone,
        gone_values=gone_values,
        timezone=timezone,
    )


def _target(table: str, text: Any) -> Target:
    """Return the target that a user has written: a column, "column.value", or (column, "table.value")."""
    if isinstance(text, str) and text:
        column, dot, value = text.partition(".")
        return Target(column=column, value=value if dot else None)
    if isinstance(text, tuple) and len(text) == 2 and all(isinstance(part, str) for part in text):
        parent, _, value = text[1].rpartition(".")
        if parent and value:
            return Target(column=text[0], value=value, parent=parent)
    raise _error(
        table,
        f"map= has {text!r}: write a column, 'category_id.name', or ('category_id', 'shop.category.name')",
    )


def filled_twice(targets: Mapping[str, Target], new: Mapping[str, Any], gone: str | None) -> str | None:
    """Return what is wrong if a column would be filled twice, by two fields or by a field and ``new`` or ``gone``."""
    filled = [target.column for target in targets.values()]
    for column in sorted({one for one in filled if filled.count(one) > 1}):
        return f"has two fields for the column {column!r}"
    for one in (*new, *([gone] if gone else [])):
        if one in filled:
            return f"the column {one!r} is filled by a field: it cannot be in new= or gone= too"
    return None


def _fields(definition: Definition) -> str:
    return f"its fields are {', '.join(definition.targets)}"


def _error(table: str, message: str) -> ModelError:
    return ModelError(f"existing({table!r}): {message}")
