"""The filters of tables and changes in the arguments of a request, for pages, the API and exports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import abort, request
from sqlalchemy.orm import Session

from console.queries.changes import ChangesFilter
from console.queries.site_values import WrongValue, utc_datetime
from console.queries.sites import SiteTable, site_tables
from console.queries.table_filter import EMPTY, NOT_GONE, Condition, TableFilter, check_filter

MOST_CONDITIONS = 20
LONGEST_KEY = 4000  # characters of a natural key in an address


def asked_table(session: Session, name: str | None = None) -> SiteTable:
    """Return the table of this request: ``?table=``. HTTP 404 if no site has it."""
    name = request.args.get("table", "") if name is None else name
    found = site_tables(session.get_bind().engine).get(name)
    if found is None:
        abort(404, f"no site has a table {name[:100]!r}")
    return found


def asked_rows(site: SiteTable) -> TableFilter:
    """Return the filter of this request. HTTP 400 for one that the table cannot have."""
    arguments = request.args
    columns, operators, values = (arguments.getlist(name) for name in ("column", "op", "value"))
    if len(columns) > MOST_CONDITIONS:
        abort(400, f"a filter has at most {MOST_CONDITIONS} conditions")
    if not len(columns) == len(operators) == len(values):
        abort(400, "each condition of a filter has a column, an op and a value")
    order = arguments.get("order", "asc")
    if order not in ("asc", "desc"):
        abort(400, "order is asc or desc")
    conditions = tuple(
        Condition(column=column, operator=operator, value=value)
        for column, operator, value in zip(columns, operators, values, strict=True)
        if column and (value or operator == EMPTY)
    )
    wanted = TableFilter(
        prefix=arguments.get("q", ""),
        conditions=conditions,
        gone=arguments.get("gone", "") or NOT_GONE,
        sort=arguments.get("sort") or None,
        descending=order == "desc",
        columns=tuple(dict.fromkeys(name for name in arguments.getlist("show") if name)),
    )
    try:
        check_filter(site, wanted)
    except WrongValue as error:
        abort(400, str(error))
    return wanted


def rows_arguments(wanted: TableFilter) -> list[tuple[str, str]]:
    """Return the query arguments of a filter."""
    found = [("q", wanted.prefix)] if wanted.prefix else []
    for one in wanted.conditions:
        found += [("column", one.column), ("op", one.operator), ("value", one.value)]
    if wanted.gone != NOT_GONE:
        found.append(("gone", wanted.gone))
    if wanted.sort is not None:
        found.append(("sort", wanted.sort))
    if wanted.descending:
        found.append(("order", "desc"))
    return [*found, *(("show", name) for name in wanted.columns)]


def query_text(arguments: Sequence[tuple[str, Any]]) -> str:
    """Return query arguments as a part of an address."""
    return urlencode(arguments, errors="replace")


def asked_changes() -> ChangesFilter:
    """Return the filter of changes of this request. HTTP 400 for one that no change can have."""
    arguments = request.args
    number = arguments.get("run", "").strip()
    if number and not (number.isascii() and number.isdecimal() and len(number) < 19):
        abort(400, "run is the number of a run")
    return ChangesFilter(
        table=arguments.get("table") or None,
        kind=arguments.get("kind") or None,
        field=arguments.get("field") or None,
        run_id=int(number) if number else None,
        since=_time("from"),
        until=_time("to"),
        text=arguments.get("text") or None,
    )


def changes_arguments(wanted: ChangesFilter) -> list[tuple[str, str]]:
    """Return the query arguments of a filter of changes."""
    values = {
        "table": wanted.table,
        "kind": wanted.kind,
        "field": wanted.field,
        "run": wanted.run_id,
        "from": wanted.since and f"{wanted.since:%Y-%m-%dT%H:%M:%S}",
        "to": wanted.until and f"{wanted.until:%Y-%m-%dT%H:%M:%S}",
        "text": wanted.text,
    }
    return [(name, str(value)) for name, value in values.items() if value is not None]


def _time(name: str) -> datetime | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        return utc_datetime(text)
    except (ValueError, OverflowError):
        abort(400, f"{name} is a time in UTC such as 2026-11-30T08:00, or a day such as 2026-11-30")


def asked_key() -> str:
    """Return the natural key of this request: ``?key=``, a JSON list."""
    key = request.args.get("key", "")
    if not key or len(key) > LONGEST_KEY:
        abort(400, "key is the natural key of a row as a JSON list")
    return key
