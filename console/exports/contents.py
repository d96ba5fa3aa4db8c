"""What an export has: the rows of a table's filter, or the changes of a filter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, type_coerce
from sqlalchemy.orm import Session

from console.exports.formats import ExportColumn
from console.exports.stream import Export
from console.queries.changes import ChangesFilter, check_changes_filter
from console.queries.changes import conditions_of as changes_conditions
from console.queries.site_types import (
    BINARY,
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    FLOAT,
    INTEGER,
    TEXT,
    TIME,
    AsStored,
)
from console.queries.sites import SiteTable
from console.queries.table_filter import TableFilter, check_filter, conditions_of, run_query
from console.queries.tables import listed_columns, order_of
from models import RowChange
from models.types import LongText

# What SQLite has in a column of a kind; a column with other values is exported as text.
DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
STORED_TYPES: dict[str, tuple[tuple[str, ...], str | None]] = {
    INTEGER: (("integer",), None),
    FLOAT: (("integer", "real"), None),
    DECIMAL: (("integer", "real"), None),
    BOOLEAN: (("integer",), "[01]"),
    DATETIME: (("text",), f"{DAY}[ T][0-2][0-9]:[0-5][0-9]*"),
    DATE: (("text",), DAY),
    TIME: (("text",), "[0-2][0-9]:[0-5][0-9]*"),
    BINARY: (("blob",), None),
}


def export_of_rows(session: Session, site: SiteTable, wanted: TableFilter, now: datetime) -> Export:
    """Return the export of the rows of a filter, in its order, with whole values.

    Raises:
        WrongValue: the table cannot have such a filter.
    """
    check_filter(site, wanted)
    columns = listed_columns(site, wanted)
    exported = [
        ExportColumn(name=one.name, kind=one.kind, digits=one.digits, is_long=one.is_long) for one in columns
    ]
    if site.dialect == "sqlite":
        exported = _as_stored(session, site, wanted, exported)
    query = (
        select(*(one.read.label(f"c{number}") for number, one in enumerate(columns)))
        .select_from(site.source)
        .where(*conditions_of(site, wanted))
        .order_by(*order_of(site, wanted))
    )
    return Export(name=f"{site.name}-{now:%Y-%m-%d}", columns=exported, query=query)


def _as_stored(
    session: Session, site: SiteTable, wanted: TableFilter, columns: Sequence[ExportColumn]
) -> list[ExportColumn]:
    """Return the columns, as text those in which SQLite has values of another type than the column's."""
    checked = [one for one in columns if one.kind in STORED_TYPES]
    if not checked:
        return list(columns)
    known = site.all_columns
    tests = []
    for one in checked:
        stored = type_coerce(known[one.name].read, AsStored())
        types, pattern = STORED_TYPES[one.kind]
        wrong: ColumnElement[bool] = func.typeof(stored).not_in([*types, "null"])
        if pattern is not None:
            wrong = wrong | stored.op("NOT GLOB")(pattern)
        tests.append(func.max(wrong))
    query: Any = select(*tests).select_from(site.source).where(*conditions_of(site, wanted))
    wrong_columns = {
        one.name for one, wrong in zip(checked, run_query(session, query)[0], strict=True) if wrong
    }
    return [replace(one, kind=TEXT) if one.name in wrong_columns else one for one in columns]


CHANGE_COLUMNS = (
    ExportColumn(name="id", kind=INTEGER),
    ExportColumn(name="run_id", kind=INTEGER),
    ExportColumn(name="at", kind=DATETIME),
    ExportColumn(name="table", kind=TEXT),
    ExportColumn(name="key", kind=TEXT, is_long=True),
    ExportColumn(name="kind", kind=TEXT),
    ExportColumn(name="field", kind=TEXT),
    ExportColumn(name="old", kind=TEXT, is_long=True),
    ExportColumn(name="new", kind=TEXT, is_long=True),
)


def export_of_changes(wanted: ChangesFilter, now: datetime) -> Export:
    """Return the export of all changes of a filter, the oldest first: a row for each changed field.

    Raises:
        WrongValue: no change can be like this.
    """
    check_changes_filter(wanted)
    query: Any = (
        select(
            RowChange.id,
            RowChange.run_id,
            RowChange.at,
            RowChange.table_name,
            RowChange.row_key,
            RowChange.kind,
            type_coerce(RowChange.fields, LongText()),
        )
        .where(*changes_conditions(wanted))
        .order_by(RowChange.id)
    )
    field = wanted.field

    def rows_of(row: Any) -> list[tuple[Any, ...]]:
        fields = json.loads(row[6]) if row[6] is not None else None
        if not fields:
            return [(*row[:6], None, None, None)] if field is None else []
        return [
            (*row[:6], name, _as_text(old), _as_text(new))
            for name, (old, new) in fields.items()
            if field is None or name == field
        ]

    name = f"changes-{wanted.table}-{now:%Y-%m-%d}" if wanted.table else f"changes-{now:%Y-%m-%d}"
    return Export(name=name, columns=CHANGE_COLUMNS, query=query, rows_of=rows_of)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
