"""One row: its values today, its history, the course of its numbers, its parents and its children."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.queries.changes import ChangeLine, changes_of_row
from console.queries.site_types import OTHER, SiteColumn, beginning, bound
from console.queries.site_values import WrongValue, is_storable, spellings, value_of_json
from console.queries.sites import Reference, SiteTable, children_of, key_of
from console.queries.table_filter import EQUAL, WITH_GONE, Condition, TableFilter, key_as_json, run_query
from console.queries.tables import Count, ListedRow, count_rows, list_rows
from models.change import CHANGED, key_hash, key_text
from models.json_values import BYTES, bytes_from_text, to_json_value

LONGEST_VALUE = 20_000  # characters of a value on the page of a row
MOST_CHANGES = 2000  # the newest changes of a row in its charts
CHILDREN = 20  # rows of a child table on the page of a row
MOST_SPELLINGS = 16


@dataclass(frozen=True, kw_only=True)
class FieldValue:
    """A value of a row today.

    Attributes:
        cut: the value is longer.
        before: the value before its last change, which was at ``changed_at``; None if it has never changed.
        has_changed: whether ``before`` is a value.
    """

    column: SiteColumn
    value: Any
    cut: bool = False
    before: Any = None
    changed_at: datetime | None = None
    run_id: int | None = None

    @property
    def has_changed(self) -> bool:
        return self.changed_at is not None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row today."""

    key: str
    fields: Sequence[FieldValue]
    bookkeeping: Mapping[str, Any]

    @property
    def is_gone(self) -> bool:
        return self.bookkeeping.get("gone_at") is not None

    @property
    def values(self) -> dict[str, Any]:
        return {one.column.name: one.value for one in self.fields}


@dataclass(frozen=True, kw_only=True)
class Family:
    """Rows of another table that belong to a row, or the one to which it belongs.

    Attributes:
        conditions: those of a filter for them; None if a value is one that no filter can have.
        key: of the parent, if the foreign key names its natural key.
    """

    site: SiteTable
    reference: Reference
    conditions: tuple[Condition, ...]
    rows: Sequence[ListedRow] = ()
    count: Count | None = None
    key: str | None = None


def find_row(session: Session, site: SiteTable, key: str, *, whole: bool = False) -> Row | None:
    """Return the row with this natural key, as the history writes it; None if the table has no such row.

    Args:
        whole: with values of any length.

    Raises:
        WrongValue: the table cannot have such a key.
    """
    parts = key_as_json(key)
    if len(parts) != len(site.key):
        raise WrongValue(f"a key of {site.name} has {len(site.key)} parts: {', '.join(site.key)}")
    same = []
    for column, part in zip(site.key_columns, parts, strict=True):
        wanted = [bound(column, _key_value(site, column, one), site.dialect) for one in spellings(part)]
        compared = column.read if site.dialect == "sqlite" else column.compared
        same.append(compared.in_(wanted) if len(wanted) > 1 else compared == wanted[0])
    columns = list(site.columns.values())
    read = [
        one.read if whole or one.name in site.key else beginning(one, LONGEST_VALUE + 1, site.dialect)
        for one in columns
    ]
    book = [one for name, one in site.bookkeeping.items() if name != "content_hash"]
    query = (
        select(
            *(one.label(f"c{number}") for number, one in enumerate(read)),
            *(one.read.label(f"b{number}") for number, one in enumerate(book)),
        )
        .select_from(site.source)
        .where(*same)
        .limit(1)
    )
    rows = run_query(session, query)
    if not rows:
        return None
    values = rows[0][: len(columns)]
    fields = []
    for column, value in zip(columns, values, strict=True):
        cut = not whole and isinstance(value, str | bytes) and len(value) > LONGEST_VALUE
        fields.append(FieldValue(column=column, value=value[:LONGEST_VALUE] if cut else value, cut=cut))
    by_name = {column.name: value for column, value in zip(columns, values, strict=True)}
    return Row(
        key=key_of(site, by_name),
        fields=fields,
        bookkeeping={one.name: value for one, value in zip(book, rows[0][len(columns) :], strict=True)},
    )


def _key_value(site: SiteTable, column: SiteColumn, part: Any) -> Any:
    """Return the value of a part of a key. A column of SQLite may have values of any type."""
    if site.dialect != "sqlite" or isinstance(part, list | dict):
        return value_of_json(column, part)
    if column.kind == OTHER and isinstance(part, str) and part.startswith(BYTES):
        return bytes_from_text(part)
    try:
        return part if column.kind == OTHER and not isinstance(part, str) else value_of_json(column, part)
    except WrongValue:
        if part is None or not is_storable(part):
            raise
        return part


def history_of_row(
    session: Session, table: str, key: str, *, before: int | None = None, limit: int = 50
) -> list[ChangeLine]:
    """Return the changes of a row, the newest first; its table and the row itself may be no more.

    Raises:
        WrongValue: the key is no natural key.
    """
    parts = key_as_json(key)
    ways = itertools.islice(itertools.product(*(spellings(part) for part in parts)), MOST_SPELLINGS)
    keys = list(dict.fromkeys(key_text(way) for way in ways))
    if not all(is_storable(one) for one in keys):
        raise WrongValue("the key has a half of a character, which no row has")
    return changes_of_row(session, table, [key_hash(one) for one in keys], keys, before=before, limit=limit)


def with_last_changes(row: Row, changes: Sequence[ChangeLine]) -> Row:
    """Return the row with the value that each field had before its last change.

    Args:
        changes: of the row, the newest first.
    """
    last: dict[str, tuple[Any, ChangeLine]] = {}
    for change in changes:
        for name, (old, _new) in (change.fields or {}).items():
            last.setdefault(name, (old, change))
    fields = [
        FieldValue(
            column=one.column,
            value=one.value,
            cut=one.cut,
            before=last[one.column.name][0],
            changed_at=last[one.column.name][1].at,
            run_id=last[one.column.name][1].run_id,
        )
        if one.column.name in last
        else one
        for one in row.fields
    ]
    return Row(key=row.key, fields=fields, bookkeeping=row.bookkeeping)


# --- Charts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Course:
    """The values of a number over time; None where it had no value."""

    at: Sequence[datetime]
    values: Sequence[float | None]


def course_of(
    field: str,
    changes: Sequence[ChangeLine],
    *,
    first_seen_at: datetime | None,
    last_seen_at: datetime | None,
) -> Course:
    """Return the values of a field between the times at which its row was seen first and last.

    Args:
        changes: of the row, the newest first.
    """
    at: list[datetime] = []
    values: list[float | None] = []
    for change in reversed(changes):
        if change.kind == CHANGED and change.fields is not None and field in change.fields:
            old, new = change.fields[field]
            if not at and first_seen_at is not None and first_seen_at < change.at:
                at.append(first_seen_at)
                values.append(as_number(old))
            if at and change.at <= at[-1]:  # two changes in one transaction
                values[-1] = as_number(new)
                continue
            at.append(change.at)
            values.append(as_number(new))
    if at and last_seen_at is not None and last_seen_at > at[-1]:
        at.append(last_seen_at)
        values.append(values[-1])
    return Course(at=at, values=values)


def as_number(value: Any) -> float | None:
    """Return a value of the history as a number for a chart; None if it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(Decimal(value)) if isinstance(value, str) else float(value)
    except (InvalidOperation, ValueError, TypeError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def changed_numbers(row: Row | None, changes: Sequence[ChangeLine]) -> list[str]:
    """Return the fields whose numbers have changed, in the order of the columns."""
    changed = {
        name
        for change in changes
        for name, (old, new) in (change.fields or {}).items()
        if as_number(old) is not None or as_number(new) is not None
    }
    if row is None:
        return sorted(changed)
    return [one.column.name for one in row.fields if one.column.is_number and one.column.name in changed]


# --- Parents and children ----------------------------------------------------------------------------------------


def source_url(row: Row) -> str | None:
    """Return the address of the row on its site: the value of the first column whose name ends with "url"."""
    for one in row.fields:
        named = one.column.name.lower().endswith("url") and not one.cut
        if named and isinstance(one.value, str) and one.value.startswith(("http://", "https://")):
            return one.value
    return None


def children(session: Session, tables: Mapping[str, SiteTable], site: SiteTable, row: Row) -> list[Family]:
    """Return the rows of child tables that name this row: the first ones of each table, and how many there are."""
    found = []
    for child, reference in children_of(tables, site):
        conditions = _conditions(child, reference.columns, [row.values[name] for name in reference.referred])
        if conditions is None:
            continue
        wanted = TableFilter(conditions=conditions, gone=WITH_GONE)
        found.append(
            Family(
                site=child,
                reference=reference,
                conditions=conditions,
                rows=list_rows(session, child, wanted, limit=CHILDREN, longest=120),
                count=count_rows(session, child, wanted, most=1000),
            )
        )
    return found


def parents(tables: Mapping[str, SiteTable], site: SiteTable, row: Row) -> list[Family]:
    """Return the rows of other tables of sites that this row names."""
    found = []
    for reference in site.references:
        parent = tables.get(reference.table)
        if parent is None or not set(reference.columns) <= row.values.keys():
            continue
        by_column = dict(
            zip(reference.referred, (row.values[name] for name in reference.columns), strict=True)
        )
        conditions = _conditions(parent, reference.referred, list(by_column.values()))
        if conditions is not None:
            key = key_of(parent, by_column) if set(parent.key) == by_column.keys() else None
            found.append(Family(site=parent, reference=reference, conditions=conditions, key=key))
    return found


def _conditions(
    site: SiteTable, columns: Sequence[str], values: Sequence[Any]
) -> tuple[Condition, ...] | None:
    if any(value is None for value in values) or not set(columns) <= site.columns.keys():
        return None
    return tuple(
        Condition(column=name, operator=EQUAL, value=filter_text(value))
        for name, value in zip(columns, values, strict=True)
    )


def filter_text(value: Any) -> str:
    """Return a value of a column as the text of a filter that finds it."""
    return value.hex() if isinstance(value, bytes) else str(to_json_value(value))
