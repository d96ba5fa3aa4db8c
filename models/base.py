"""Row: the base class of the models of a site's tables, and what other packages may ask of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, ColumnElement, ForeignKey, FromClause, MetaData, Table, inspect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedColumn,
    Mapper,
    RelationshipProperty,
    declared_attr,
    mapped_column,
)

from models.column_hints import hint_error
from models.column_types import UnsupportedType, default_error, supported_type
from models.types import Digest, UtcDateTime

Getter = Callable[[Mapping[str, Any]], tuple[Any, ...]]


class ModelError(Exception):
    """Splashdown cannot keep the table of this model current; the message says what to change."""


class Base(DeclarativeBase):
    """The base class of all models."""

    # Named constraints, so that a migration can name them too.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ModelItem(dict[str, Any]):
    """An item that has its model; ``Model.item(...)`` makes it."""

    model: type[Row]


@dataclass(frozen=True, kw_only=True)
class Children:
    """The child table behind a list in an item: a book's ``reviews``."""

    model: type[Row]
    columns_from_parent: Mapping[str, str]  # the child's column -> the parent's

    @property
    def own_key(self) -> tuple[str, ...]:
        """Return the columns of the child's key that identify a child among those of its parent."""
        return tuple(name for name in self.model.key() if name not in self.columns_from_parent)


@dataclass(frozen=True, kw_only=True)
class ForeignKeyOfFields:
    """A foreign key: the values of ``fields`` name the row of ``table`` that has them in its columns ``referred``."""

    fields: tuple[str, ...]
    table: Table
    referred: tuple[str, ...]


class Row(Base):
    """A row of a site's table.

    A model marks the columns of its natural key with ``primary_key=True``; upserts match on them. The item's field of
    the same name fills each other column. A ``relationship`` to another Row makes the field of that name a list of
    child rows. The table has exactly the children of the list: a child that is not in the list any more is deleted.

    The history has every change of a field, unless its column has ``info={"tracked": False}``. The other keys of
    ``info`` are hints: models/column_hints.py.
    """

    __abstract__ = True

    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, sort_order=100)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, sort_order=101)

    @declared_attr
    def run_id(cls) -> Mapped[int]:
        """Return the column of the last run that saw this row."""
        return mapped_column(ForeignKey("crawl_run.id"), sort_order=102)

    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=103)
    content_hash: Mapped[bytes | None] = mapped_column(Digest(16), sort_order=104)  # of all fields

    def __init_subclass__(cls, **kwargs: Any) -> None:
        _check_names(cls)
        try:
            super().__init_subclass__(**kwargs)
        except ArgumentError as error:
            if "primary key" in str(error):
                raise ModelError(
                    f"{cls.__module__}.{cls.__name__} has no natural key: mark the column that "
                    "identifies a row "
                    "on the site with primary_key=True"
                ) from None
            raise
        if "__table__" in vars(cls):
            for column in cls.table().columns:
                if column.name not in BOOKKEEPING:
                    _set_type(cls, column)

    @classmethod
    def item(cls, **fields: Any) -> ModelItem:
        """Return an item for this model, in a spider with more than one model."""
        item = ModelItem(fields)
        item.model = cls
        return item

    @classmethod
    def key(cls) -> tuple[str, ...]:
        """Return the names of the columns of the natural key."""
        return _layout(cls).key

    @classmethod
    def fields(cls) -> Mapping[str, Column[Any]]:
        """Return the columns that an item fills, by name."""
        return _layout(cls).fields

    @classmethod
    def key_getter(cls) -> Getter:
        """Return a function that returns the natural key from a row's values."""
        return _layout(cls).key_of

    @classmethod
    def values_getter(cls) -> Getter:
        """Return a function that returns the values of all fields, in order; it raises KeyError if one is missing."""
        return _layout(cls).values_of

    @classmethod
    def untracked(cls) -> frozenset[str]:
        """Return the fields whose values are stored but whose changes are not recorded, such as view counters."""
        return _layout(cls).untracked

    @classmethod
    def children(cls) -> Mapping[str, Children]:
        """Return the lists of children that an item fills, by the name of the relationship."""
        return _layout(cls).children

    @classmethod
    def table(cls) -> Table:
        """Return the model's table."""
        assert isinstance(cls.__table__, Table)
        return cls.__table__

    @classmethod
    def has_table(cls) -> bool:
        """Return whether this class is the model of a table, and not a base class of models."""
        return "__table__" in vars(cls)

    # An existing table (models.existing) has no bookkeeping columns, and its fields have other names than its columns.

    @classmethod
    def bookkeeping_table(cls) -> Table:
        """Return the table that has the bookkeeping columns of each row, and its natural key by the fields' names."""
        return cls.table()

    @classmethod
    def rows_from(cls) -> FromClause:
        """Return what a query selects from that needs fields and bookkeeping columns."""
        return cls.table()

    @classmethod
    def value_columns(cls) -> Mapping[str, ColumnElement[Any]]:
        """Return the columns from which a query reads the fields, by the fields' names."""
        return cls.fields()

    @classmethod
    def parent_keys(cls) -> tuple[ForeignKeyOfFields, ...]:
        """Return the foreign keys of the model, without that of the run."""
        return _parent_keys(cls)

    @classmethod
    def fields_in_columns(cls, columns: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the fields that fill these columns of the table; None if one of them has no field."""
        return columns if cls.fields().keys() >= set(columns) else None

    def __repr__(self) -> str:
        key = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self).key())
        return f"{type(self).__name__}({key})"


# Attributes of a model that Row and SQLAlchemy's base class need: a column of such a name would replace them.
RESERVED = frozenset(name for name in {*vars(Row), *dir(DeclarativeBase)} if not name.startswith("__")) | {
    "metadata",
    "registry",
}
BOOKKEEPING = frozenset({"first_seen_at", "last_seen_at", "run_id", "gone_at", "content_hash"})


def _check_names(model: type[Row]) -> None:
    """Raise ModelError if a column or a list of children of the model has a name that Row itself needs."""
    for cls in model.__mro__[: model.__mro__.index(Row)]:
        mapped = {
            name for name, hint in vars(cls).get("__annotations__", {}).items() if "Mapped[" in str(hint)
        }
        mapped |= {
            name
            for name, value in vars(cls).items()
            if isinstance(value, Column | MappedColumn | RelationshipProperty)
        }
        for name in sorted(mapped & (RESERVED | BOOKKEEPING)):
            if name in BOOKKEEPING:
                what = "every row has a column of that name, which the crawl fills"
            else:
                what = "every model has a method or attribute of that name"
            raise ModelError(
                f"{_place(model)}.{name}: {what}; call it {model.__name__.lower()}_{name}, in items too"
            )


def _place(model: type[Row]) -> str:
    return f"{model.__module__}.{model.__name__}"


def _set_type(model: type[Row], column: Column[Any]) -> None:
    """Replace the column's type by one that means the same on every database.

    Raises:
        ModelError: there is no such type, or the column's default cannot be kept current.
    """
    try:
        if error := default_error(column):
            raise UnsupportedType(error)
        column.type = supported_type(column)
    except UnsupportedType as unsupported:
        raise ModelError(f"{_place(model)}.{column.name} {unsupported}") from None


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """The columns and children of a model, looked up once."""

    key: tuple[str, ...]
    key_of: Getter
    fields: Mapping[str, Column[Any]]
    values_of: Getter
    untracked: frozenset[str]
    children: Mapping[str, Children]


@cache
def _parent_keys(model: type[Row]) -> tuple[ForeignKeyOfFields, ...]:
    found = []
    for constraint in model.table().foreign_key_constraints:
        columns = tuple(element.parent.name for element in constraint.elements)
        if BOOKKEEPING.isdisjoint(columns):
            targets = [element.column for element in constraint.elements]
            table = targets[0].table
            assert isinstance(table, Table)
            referred = tuple(target.name for target in targets)
            found.append(ForeignKeyOfFields(fields=columns, table=table, referred=referred))
    return tuple(sorted(found, key=lambda foreign_key: foreign_key.fields))


def getter(names: tuple[str, ...]) -> Getter:
    """Return a function that returns the values of these names from a mapping, in one step."""
    if len(names) == 1:  # itemgetter returns no tuple then
        (name,) = names
        return lambda values: (values[name],)
    return itemgetter(*names)


@cache
def _layout(model: type[Row]) -> _Layout:
    mapper: Mapper[Any] = inspect(model)
    table = model.table()
    for column in table.columns:
        if column.name not in BOOKKEEPING:
            _set_type(model, column)  # again: now the type of a foreign key is known
        if mapper.get_property_by_column(column).key != column.name:
            raise ModelError(
                f"{model.__name__}.{mapper.get_property_by_column(column).key} and its column "
                f"{column.name!r} "
                "must have the same name"
            )
        if error := hint_error(column):
            raise ModelError(f"{model.__name__}.{column.name}: {error}")
    children = {}
    for relationship in mapper.relationships:
        target = relationship.mapper.class_
        if relationship.uselist and issubclass(target, Row):
            columns = {child.name: parent.name for parent, child in relationship.local_remote_pairs or ()}
            children[relationship.key] = Children(model=target, columns_from_parent=columns)
    fields = {c.name: c for c in table.columns if c.name not in BOOKKEEPING and c.computed is None}
    key = tuple(column.name for column in table.primary_key.columns)
    return _Layout(
        key=key,
        key_of=getter(key),
        fields=fields,
        values_of=getter(tuple(fields)),
        untracked=frozenset(c.name for c in table.columns if c.info.get("tracked", True) is False),
        children=children,
    )
