"""Tables: the list, the rows of one table, its facets, and exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from console.database import engine, now, reading
from console.exports.contents import export_of_rows
from console.exports.formats import CSV, MEDIA_TYPES
from console.exports.stream import export_response
from console.filters import asked_rows, asked_table, query_text, rows_arguments
from console.paging import asked_after, asked_size, listing
from console.queries.facets import facets_of
from console.queries.rows import filter_text
from console.queries.site_values import WrongValue
from console.queries.sites import SiteTable, children_of, site_tables
from console.queries.table_filter import EQUAL, GONE, OPERATORS, Condition, TableFilter, can_sort, key_as_json
from console.queries.tables import count_rows, list_rows, listed_columns, place_length, table_size
from console.texts import short, value_text
from crawler.security.plain_text import without_controls

blueprint = Blueprint("tables", __name__, url_prefix="/tables")

CELL = 160  # characters of a value in a list
FITTING = 10  # columns of a list for which nobody has chosen columns
GONE_WORDS = dict(zip(GONE, ("not gone", "with gone rows", "only gone rows"), strict=True))


@blueprint.get("/")
def page() -> str:
    session = reading()
    tables = site_tables(engine())
    lines = [(site, table_size(session, site), children_of(tables, site)) for site in tables.values()]
    return render_template("tables.html", tables=lines)


@blueprint.get("/rows")
def show() -> str:
    site = asked_table(reading())
    wanted = asked_rows(site)
    size, after = asked_size(), asked_after(*[object] * place_length(site, wanted))
    shown = replace(wanted, columns=wanted.columns or fitting_columns(site))
    try:
        rows = list_rows(reading(), site, shown, after=after, limit=size + 1)
    except WrongValue as error:
        abort(400, str(error))
    columns = listed_columns(site, shown)
    return render_template(
        "rows.html",
        site=site,
        wanted=wanted,
        rows=listing(rows, size, lambda row: row.place),
        columns=columns,
        operators=OPERATORS,
        gone_words=GONE_WORDS,
        formats=MEDIA_TYPES,
        can_sort=can_sort,
        address=address_of(site, wanted),
        facets_address=address_of(site, wanted, endpoint="tables.facets"),
        export_address=address_of(site, wanted, endpoint="tables.export"),
        sort_address=lambda column: sort_address(site, wanted, column),
        chips=[
            (one, address_of(site, replace(wanted, conditions=_without(wanted.conditions, number))))
            for number, one in enumerate(wanted.conditions)
        ],
    )


@blueprint.get("/facets")
def facets() -> str:
    """Return the part of a page with the number of rows and the facets, which may need longer than the rows."""
    site = asked_table(reading())
    wanted = asked_rows(site)
    try:
        count, found = count_rows(reading(), site, wanted), facets_of(reading(), site, wanted)
    except WrongValue as error:
        abort(400, str(error))

    def address(column: str, text: str | None) -> str:
        others = tuple(one for one in wanted.conditions if one.column != column)
        chosen = Condition(column=column, operator=EQUAL if text is not None else "empty", value=text or "")
        return address_of(site, replace(wanted, conditions=(*others, chosen)))

    chosen = {(one.column, one.value) for one in wanted.conditions if one.operator == EQUAL}
    return render_template("facets.html", count=count, facets=found, address=address, chosen=chosen)


@blueprint.get("/export")
def export() -> Response:
    site = asked_table(reading())
    wanted = asked_rows(site)
    try:
        made = export_of_rows(reading(), site, wanted, now())
    except WrongValue as error:
        abort(400, str(error))
    return export_response(engine(), made, request.args.get("format", CSV))


def fitting_columns(site: SiteTable) -> tuple[str, ...]:
    """Return the columns of a list for which nobody has chosen columns: the key, and the first others."""
    others = [name for name in site.columns if name not in site.key]
    last = [name for name in ("last_seen_at",) if name in site.bookkeeping and name not in site.columns]
    return (*site.key, *others[: FITTING - len(site.key)], *last)


def address_of(site: SiteTable, wanted: TableFilter, *, endpoint: str = "tables.show") -> str:
    """Return the address of the rows of a filter."""
    return f"{url_for(endpoint)}?{query_text([('table', site.name), *rows_arguments(wanted)])}"


def sort_address(site: SiteTable, wanted: TableFilter, column: str) -> str:
    """Return the address of the list sorted by a column; the other way round if it is sorted by that already."""
    is_sorted = wanted.sort == column or (wanted.sort is None and site.key[0] == column)
    descending = is_sorted and not wanted.descending
    sort = None if column == site.key[0] else column
    return address_of(site, replace(wanted, sort=sort, descending=descending))


def row_address(table: str, key: str) -> str | None:
    """Return the address of the page of a row; None if the key is too long for an address."""
    text = query_text([("table", table), ("key", key)])
    return f"{url_for('changes.row')}?{text}" if len(text) < LONGEST_ADDRESS else None


def table_address(name: str) -> str:
    """Return the address of the rows of a table."""
    return f"{url_for('tables.show')}?{query_text([('table', name)])}"


def family_address(site: SiteTable, conditions: Sequence[Condition]) -> str:
    """Return the address of the rows that belong to a row."""
    return address_of(site, TableFilter(conditions=tuple(conditions), gone="with"))


LONGEST_ADDRESS = 6000


def _without(conditions: Sequence[Condition], number: int) -> tuple[Condition, ...]:
    return tuple(one for place, one in enumerate(conditions) if place != number)


@blueprint.app_template_filter("query_text")
def _query_text(arguments: Sequence[tuple[str, Any]]) -> str:
    return query_text(arguments)


@blueprint.app_template_filter("key_text")
def shown_key(key: str) -> str:
    """Return a natural key as people read it: its parts with "/" between them."""
    try:
        return " / ".join(value_text(part) for part in key_as_json(key))
    except WrongValue:
        return key


@blueprint.app_template_filter("cell")
def cell(value: Any) -> str:
    """Return a value of a list as text; of bytes the first ones in hexadecimal."""
    if isinstance(value, bytes):
        return f"{value[:16].hex()}{'…' if len(value) > 16 else ''}"
    return short(value, CELL)


@blueprint.app_template_filter("lines")
def lines(value: Any, longest: int) -> str:
    """Return a value as text that keeps its lines, without other control characters."""
    if not isinstance(value, str):
        return cell(value) if isinstance(value, bytes) else value_text(value)
    return without_controls(value[:longest], "\n")


@blueprint.app_template_test("datetime")
def is_datetime(value: Any) -> bool:
    """Return whether a value is a time."""
    return isinstance(value, datetime)


@blueprint.app_context_processor
def functions() -> dict[str, Any]:
    """Let all templates link to rows and tables."""
    return {
        "row_address": row_address,
        "table_address": table_address,
        "family_address": family_address,
        "filter_text": filter_text,
    }
