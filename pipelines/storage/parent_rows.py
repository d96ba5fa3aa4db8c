"""Parent rows: which rows the foreign keys of a row name, which of them are missing, and the order of writing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Table, select, tuple_
from sqlalchemy.orm import Session

from crawler.page.row import ValidRow
from models import Row
from models.base import ForeignKeyOfFields
from models.chunks import chunks
from models.json_values import to_json_value
from models.run_stats import row_models

Key = tuple[Any, ...]
Values = Mapping[str, Any]


class ParentReference(NamedTuple):
    """The parent row that a foreign key names: the row with ``values`` in the columns ``referred`` of ``table``."""

    table: Table
    referred: tuple[str, ...]
    values: Key

    def __str__(self) -> str:
        named = " and ".join(
            f"{name} {value!r}" for name, value in zip(self.referred, self.values, strict=True)
        )
        return f"{self.table.name} with {named}"

    @property
    def digest(self) -> bytes:
        text = json.dumps([self.table.name, self.referred, [to_json_value(value) for value in self.values]])
        return hashlib.blake2b(text.encode(), digest_size=16).digest()


@cache
def self_references(model: type[Row]) -> tuple[ForeignKeyOfFields, ...]:
    """Return the foreign keys of a model that name rows of its own table."""
    return tuple(foreign_key for foreign_key in model.parent_keys() if foreign_key.table is model.table())


@cache
def _referred_columns(table: Table) -> tuple[tuple[str, ...], ...]:
    """Return the groups of columns of a table by which foreign keys name its rows."""
    return tuple(
        {
            foreign_key.referred
            for model in row_models()
            for foreign_key in model.parent_keys()
            if foreign_key.table is table
        }
    )


def references_of(row: ValidRow) -> Iterator[ParentReference]:
    """Yield the parent rows that must be stored before this row and its children."""
    for model, values in _with_children(row.model, row.values, row.children):
        for foreign_key in model.parent_keys():
            wanted = tuple(values.get(name) for name in foreign_key.fields)
            if None not in wanted:
                yield ParentReference(foreign_key.table, foreign_key.referred, wanted)


def references_to(row: ValidRow) -> Iterator[ParentReference]:
    """Yield the references by which other rows may name this row and its children."""
    for model, values in _with_children(row.model, row.values, row.children):
        for referred in _referred_columns(model.table()):
            fields = model.fields_in_columns(referred)
            if fields is not None and all(name in values for name in fields):
                yield ParentReference(model.table(), referred, tuple(values[name] for name in fields))


def _with_children(
    model: type[Row], values: Values, children: Mapping[str, Sequence[Values]]
) -> Iterator[tuple[type[Row], Values]]:
    yield model, values
    for name, items in children.items():
        child = model.children()[name].model
        for item in items:
            yield from _with_children(child, item, {n: item[n] for n in child.children() if n in item})


def split_by_parents(
    session: Session, rows: Sequence[ValidRow]
) -> tuple[list[ValidRow], list[tuple[ValidRow, ParentReference]]]:
    """Return the rows that can be stored together, and the waiting rows, each with a parent row that is missing."""
    wanted = {id(row): list(references_of(row)) for row in rows}
    by_target: dict[tuple[Table, tuple[str, ...]], dict[Key, None]] = {}
    for found in wanted.values():
        for reference in found:
            by_target.setdefault((reference.table, reference.referred), {})[reference.values] = None
    present = {
        ParentReference(table, referred, values)
        for (table, referred), all_values in by_target.items()
        for values in _present(session, table, referred, list(all_values))
    }
    ready = list(rows)
    waiting: list[tuple[ValidRow, ParentReference]] = []
    while True:
        available = present.union(*map(references_to, ready))
        missing = {
            id(row): reference for row in ready for reference in wanted[id(row)] if reference not in available
        }
        if not missing:
            return ready, waiting
        waiting += [(row, missing[id(row)]) for row in ready if id(row) in missing]
        ready = [row for row in ready if id(row) not in missing]


def _present(session: Session, table: Table, referred: tuple[str, ...], values: list[Key]) -> Iterator[Key]:
    columns = [table.c[name] for name in referred]
    for some in chunks(values):
        single = len(columns) == 1
        condition = columns[0].in_([value for (value,) in some]) if single else tuple_(*columns).in_(some)
        for found in session.execute(select(*columns).where(condition)):
            yield tuple(found)


def parents_first(model: type[Row], rows: Mapping[Key, ValidRow]) -> list[Key]:
    """Return the keys in the order in which the rows are written: parent rows before their child rows.

    Otherwise the order is always the same, so that two writers seldom deadlock. Rows that name each other in a circle
    come last.
    """
    keys = _sorted(rows)
    references = self_references(model)
    if not references or len(keys) == 1:
        return keys
    by_values = {
        (foreign_key.referred, tuple(rows[key].values.get(name) for name in fields)): key
        for foreign_key in references
        if (fields := model.fields_in_columns(foreign_key.referred)) is not None
        for key in keys
    }
    followers: dict[Key, list[Key]] = {}
    missing_parents = dict.fromkeys(keys, 0)
    for key in keys:
        for foreign_key in references:
            wanted = tuple(rows[key].values.get(name) for name in foreign_key.fields)
            parent = by_values.get((foreign_key.referred, wanted)) if None not in wanted else None
            if parent is not None and parent != key:
                followers.setdefault(parent, []).append(key)
                missing_parents[key] += 1
    ordered: list[Key] = []
    level = [key for key in keys if not missing_parents[key]]
    while level:
        # Rows with the same columns are written by one statement, so they come one after the other.
        ordered += sorted(level, key=lambda key: tuple(sorted(rows[key].values)))
        following: list[Key] = []
        for key in level:
            for follower in followers.get(key, ()):
                missing_parents[follower] -= 1
                if not missing_parents[follower]:
                    following.append(follower)
        level = following
    placed = set(ordered)
    return ordered + [key for key in keys if key not in placed]


def _sorted(keys: Iterable[Key]) -> list[Key]:
    try:
        return sorted(keys)
    except TypeError:  # values without an order, such as None or members of an enumeration
        return sorted(keys, key=repr)


def without_forward_references(model: type[Row], rows: Sequence[Values]) -> list[Values] | None:
    """Return the rows with NULL in the foreign keys that name a later row of the list; None if no row has one.

    Rows that name each other in a circle are written twice: first like this, then with all their values.
    """
    references = [
        foreign_key
        for foreign_key in self_references(model)
        if all(model.table().c[name].nullable and name not in model.key() for name in foreign_key.fields)
    ]
    if not references:
        return None
    shortened = list(rows)
    found = False
    for foreign_key in references:
        later = {tuple(values.get(name) for name in foreign_key.referred): n for n, values in enumerate(rows)}
        for position, values in enumerate(rows):
            wanted = tuple(values.get(name) for name in foreign_key.fields)
            if later.get(wanted, -1) > position:
                shortened[position] = {**shortened[position], **dict.fromkeys(foreign_key.fields)}
                found = True
    return shortened if found else None
