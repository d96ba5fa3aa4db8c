"""Row: what every table of a site has in common, and what the other rooms may ask of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, Table, inspect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, declared_attr, mapped_column

from models.types import Digest, UtcDateTime

Getter = Callable[[Mapping[str, Any]], tuple[Any, ...]]


class ModelError(Exception):
    """A model is written in a way that Splashdown cannot keep current; the message says what to change."""


class Base(DeclarativeBase):
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
    """An item that says which model it is for; made by ``Model.item(...)``."""

    model: type[Row]


@dataclass(frozen=True, kw_only=True)
class Children:
    """The child table behind a list in an item: a book's ``reviews``."""

    model: type[Row]
    columns_from_parent: Mapping[str, str]  # the child's column -> the parent's

    @property
    def own_key(self) -> tuple[str, ...]:
        """The part of the child's key that tells the children of one parent apart."""
        return tuple(name for name in self.model.key() if name not in self.columns_from_parent)


class Row(Base):
    """A record of a site's table.

    A model marks the columns of its natural key with ``primary_key=True``; upserts match on them. Every other
    column is filled by the item's field of the same name. A ``relationship`` to another Row makes the field of
    that name a list of children, which is kept whole: a child that is no longer in the list is deleted.

    Every change of a field goes into the history, unless its column says ``info={"tracked": False}``.
    """

    __abstract__ = True

    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, sort_order=100)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, sort_order=101)

    @declared_attr
    def run_id(cls) -> Mapped[int]:
        """The last run that saw this row."""
        return mapped_column(ForeignKey("crawl_run.id"), sort_order=102)

    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=103)
    content_hash: Mapped[bytes | None] = mapped_column(Digest(16), sort_order=104)  # of all fields

    def __init_subclass__(cls, **kwargs: Any) -> None:
        try:
            super().__init_subclass__(**kwargs)
        except ArgumentError as error:
            if "primary key" in str(error):
                raise ModelError(
                    f"{cls.__module__}.{cls.__name__} has no natural key: mark the column that identifies a row "
                    "on the site with primary_key=True"
                ) from None
            raise

    @classmethod
    def item(cls, **fields: Any) -> ModelItem:
        """An item for this model, in a spider that feeds more than one."""
        item = ModelItem(fields)
        item.model = cls
        return item

    @classmethod
    def key(cls) -> tuple[str, ...]:
        return _shape(cls).key

    @classmethod
    def fields(cls) -> Mapping[str, Column[Any]]:
        """The columns that a spider fills, by name."""
        return _shape(cls).fields

    @classmethod
    def key_getter(cls) -> Getter:
        """What takes the natural key out of a row's values."""
        return _shape(cls).key_of

    @classmethod
    def values_getter(cls) -> Getter:
        """What takes the values of all fields, in their order, and raises KeyError where one is left out."""
        return _shape(cls).values_of

    @classmethod
    def untracked(cls) -> frozenset[str]:
        """The fields whose changes are stored, but are no news: view counters and their like."""
        return _shape(cls).untracked

    @classmethod
    def children(cls) -> Mapping[str, Children]:
        """The lists of children that a spider fills, by the name of the relationship."""
        return _shape(cls).children

    @classmethod
    def table(cls) -> Table:
        assert isinstance(cls.__table__, Table)
        return cls.__table__

    def __repr__(self) -> str:
        key = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self).key())
        return f"{type(self).__name__}({key})"


BOOKKEEPING = frozenset({"first_seen_at", "last_seen_at", "run_id", "gone_at", "content_hash"})


@dataclass(frozen=True, kw_only=True)
class _Shape:
    key: tuple[str, ...]
    key_of: Getter
    fields: Mapping[str, Column[Any]]
    values_of: Getter
    untracked: frozenset[str]
    children: Mapping[str, Children]


def getter(names: tuple[str, ...]) -> Getter:
    """What takes the values of these names out of a mapping, in one step."""
    if len(names) == 1:  # of which itemgetter makes no tuple
        (name,) = names
        return lambda values: (values[name],)
    return itemgetter(*names)


@cache
def _shape(model: type[Row]) -> _Shape:
    mapper: Mapper[Any] = inspect(model)
    table = model.table()
    for column in table.columns:
        if mapper.get_property_by_column(column).key != column.name:
            raise ModelError(
                f"{model.__name__}.{mapper.get_property_by_column(column).key} and its column {column.name!r} "
                "must have one name"
            )
    children = {}
    for relationship in mapper.relationships:
        target = relationship.mapper.class_
        if relationship.uselist and issubclass(target, Row):
            columns = {child.name: parent.name for parent, child in relationship.local_remote_pairs or ()}
            children[relationship.key] = Children(model=target, columns_from_parent=columns)
    fields = {c.name: c for c in table.columns if c.name not in BOOKKEEPING}
    key = tuple(column.name for column in table.primary_key.columns)
    return _Shape(
        key=key,
        key_of=getter(key),
        fields=fields,
        values_of=getter(tuple(fields)),
        untracked=frozenset(c.name for c in table.columns if c.info.get("tracked", True) is False),
        children=children,
    )
