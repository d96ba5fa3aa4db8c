"""The API of tables: the list, one table, its rows, and one row with its history."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields
from flask import Response, abort
from marshmallow.validate import Length, OneOf

from console.api.changes import ChangeRow
from console.api.schemas import ListQuery, Text, listing_of, short_text
from console.database import engine, now, reading
from console.exports.contents import export_of_rows
from console.exports.formats import CSV, JSON_LINES, MEDIA_TYPES, PARQUET
from console.exports.stream import export_response
from console.filters import LONGEST_KEY, asked_rows, asked_table
from console.paging import asked_after, listing
from console.queries import rows as row_queries
from console.queries.facets import facets_of
from console.queries.site_values import WrongValue
from console.queries.sites import SiteTable, children_of, site_tables
from console.queries.table_filter import GONE, LONGEST_TEXT, OPERATORS
from console.queries.tables import ListedRow, count_rows, list_rows, place_length, table_size
from models.json_values import to_json_value

blueprint = APIBlueprint("api_tables", __name__, tag="tables")

LONGEST_VALUE = 10_000  # characters of a value in a list; an export has all of them


class CountOut(Schema):
    """How many rows there are."""

    number = fields.Integer(required=True)
    about = fields.Boolean(required=True, metadata={"description": "an estimate of the database"})
    more = fields.Boolean(required=True, metadata={"description": "there are more than `number`"})


class TableRow(Schema):
    """A table of a site."""

    name = fields.String(required=True)
    key = fields.List(fields.String(), required=True, metadata={"description": "columns of the natural key"})
    rows = fields.Nested(CountOut, required=True)
    of_another_program = fields.Boolean(required=True)


class TablesOut(Schema):
    """All tables of sites, by name."""

    rows = fields.List(fields.Nested(TableRow), required=True)


class ColumnOut(Schema):
    """A column of a table."""

    name = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "text, integer, decimal, datetime, ..."})
    type = fields.String(required=True, attribute="described")
    nullable = fields.Boolean(required=True)
    choices = fields.List(fields.String(), required=True, allow_none=True)


class ReferenceOut(Schema):
    """A foreign key."""

    columns = fields.List(fields.String(), required=True)
    table = fields.String(required=True)
    referred = fields.List(fields.String(), required=True)


class TableOut(TableRow):
    """A table with its columns, its foreign keys, and the tables whose rows name its rows."""

    columns = fields.List(fields.Nested(ColumnOut), required=True)
    references = fields.List(fields.Nested(ReferenceOut), required=True)
    children = fields.List(fields.String(), required=True)


class SiteRow(Schema):
    """A row of a table."""

    key = fields.String(required=True, metadata={"description": "the natural key as a JSON list"})
    values = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "by column, as the history writes them"}
    )
    cut = fields.List(
        fields.String(),
        required=True,
        metadata={"description": f"columns whose values are cut after {LONGEST_VALUE} characters"},
    )
    gone = fields.Boolean(required=True)


class FacetValueOut(Schema):
    """A value, and how many rows have it."""

    value = fields.Raw(required=True, allow_none=True)
    rows = fields.Integer(required=True)


class FacetOut(Schema):
    """A column with few values."""

    column = fields.String(required=True)
    about = fields.Boolean(required=True, metadata={"description": "only the first 10,000 rows were counted"})
    values = fields.List(fields.Nested(FacetValueOut), required=True)


class CountsOut(Schema):
    """The number of rows of a filter, and its facets."""

    count = fields.Nested(CountOut, required=True)
    facets = fields.List(fields.Nested(FacetOut), required=True)


class RowOut(Schema):
    """A row today, and its history."""

    table = fields.String(required=True)
    key = fields.String(required=True)
    values = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    first_seen_at = fields.DateTime(required=True, allow_none=True)
    last_seen_at = fields.DateTime(required=True, allow_none=True)
    gone_at = fields.DateTime(required=True, allow_none=True)
    run_id = fields.Integer(required=True, allow_none=True)
    source_url = fields.String(required=True, allow_none=True)
    history = fields.Nested(listing_of(ChangeRow), required=True)


class FilterQuery(Schema):
    """The filter of a table. ``column``, ``op`` and ``value`` are repeated: one of each for a condition."""

    q = short_text(LONGEST_TEXT, load_default="", metadata={"description": "how the key begins"})
    column = fields.List(Text(), load_default=list)
    op = fields.List(Text(validate=OneOf(OPERATORS)), load_default=list)
    value = fields.List(short_text(LONGEST_TEXT), load_default=list)
    gone = fields.String(load_default="not", validate=OneOf(GONE))
    sort = Text(load_default=None, metadata={"description": "a column; without it the key"})
    order = fields.String(load_default="asc", validate=OneOf(("asc", "desc")))
    show = fields.List(Text(), load_default=list, metadata={"description": "columns; without it all"})


class RowsQuery(FilterQuery, ListQuery):
    """The filter of a table, and a page of it. The place in a list has values of a row, so it may be long."""

    after = Text(
        load_default="",
        validate=Length(max=LONGEST_KEY * 2),
        metadata={"description": "where the page begins: `after` of the page before"},
    )


class ExportQuery(FilterQuery):
    """The filter of a table, and the format of the export."""

    format = fields.String(load_default=CSV, validate=OneOf((CSV, JSON_LINES, PARQUET)))


class RowQuery(ListQuery):
    """Which row, and a page of its history."""

    table = short_text(200, required=True)
    key = short_text(LONGEST_KEY, required=True, metadata={"description": "the natural key as a JSON list"})


RowsOut = listing_of(SiteRow)
FILE: Any = {"200": {"description": "the file", "content": {one: {} for one in MEDIA_TYPES.values()}}}


@blueprint.get("/tables")
@blueprint.output(TablesOut)
def list_tables() -> Any:
    """List the tables of sites."""
    return {"rows": [_table(site) for site in site_tables(engine()).values()]}


@blueprint.get("/tables/<path:name>")
@blueprint.output(TableOut)
def show_table(name: str) -> Any:
    """Return a table with its columns."""
    site = asked_table(reading(), name)
    return {
        **_table(site),
        "columns": list(site.all_columns.values()),
        "references": site.references,
        "children": sorted({child.name for child, _ in children_of(site_tables(engine()), site)}),
    }


@blueprint.get("/tables/<path:name>/rows")
@blueprint.input(RowsQuery, location="query")
@blueprint.output(RowsOut)
def table_rows(name: str, query_data: dict[str, Any]) -> Any:
    """List the rows of a table."""
    site = asked_table(reading(), name)
    wanted, size = asked_rows(site), query_data["limit"]
    after = asked_after(*[object] * place_length(site, wanted))
    try:
        found = list_rows(reading(), site, wanted, after=after, limit=size + 1, longest=LONGEST_VALUE)
    except WrongValue as error:
        abort(400, str(error))
    page = listing(found, size, lambda row: row.place)
    return {"rows": [_row(row) for row in page.rows], "after": page.after}


@blueprint.get("/tables/<path:name>/counts")
@blueprint.input(FilterQuery, location="query")
@blueprint.output(CountsOut)
def table_counts(name: str, query_data: dict[str, Any]) -> Any:
    """Count the rows of a filter, and the values of its columns with few values."""
    site = asked_table(reading(), name)
    wanted = asked_rows(site)
    try:
        count, facets = count_rows(reading(), site, wanted), facets_of(reading(), site, wanted)
    except WrongValue as error:
        abort(400, str(error))
    return {
        "count": count,
        "facets": [
            {
                "column": one.column,
                "about": one.about,
                "values": [{"value": to_json_value(value.value), "rows": value.rows} for value in one.values],
            }
            for one in facets
        ],
    }


@blueprint.get("/tables/<path:name>/export")
@blueprint.input(ExportQuery, location="query")
@blueprint.doc(responses=FILE)
def export_table(name: str, query_data: dict[str, Any]) -> Response:
    """Return the rows of a filter as a file; a file that was cut off ends without the last chunk."""
    site = asked_table(reading(), name)
    try:
        made = export_of_rows(reading(), site, asked_rows(site), now())
    except WrongValue as error:
        abort(400, str(error))
    return export_response(engine(), made, query_data["format"])


@blueprint.get("/rows")
@blueprint.input(RowQuery, location="query")
@blueprint.output(RowOut)
def show_row(query_data: dict[str, Any]) -> Any:
    """Return a row today with its whole values, and its history, the newest change first."""
    table, key, size = query_data["table"], query_data["key"], query_data["limit"]
    after = asked_after(int)
    site = site_tables(engine()).get(table)
    try:
        row = row_queries.find_row(reading(), site, key, whole=True) if site is not None else None
        history = row_queries.history_of_row(
            reading(), table, key, before=after[0] if after else None, limit=size + 1
        )
    except WrongValue as error:
        abort(400, str(error))
    if row is None and not history and after is None:
        abort(404, "the table has no such row, and no change of it is known")
    book = row.bookkeeping if row is not None else {}
    return {
        "table": table,
        "key": row.key if row is not None else key,
        "values": {name: to_json_value(value) for name, value in row.values.items()} if row else None,
        **{name: book.get(name) for name in ("first_seen_at", "last_seen_at", "gone_at", "run_id")},
        "source_url": row_queries.source_url(row) if row is not None else None,
        "history": listing(history, size, lambda change: [change.id]),
    }


def _table(site: SiteTable) -> dict[str, Any]:
    return {
        "name": site.name,
        "key": site.key,
        "rows": table_size(reading(), site),
        "of_another_program": site.of_another_program,
    }


def _row(row: ListedRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "values": {name: to_json_value(value) for name, value in row.values.items()},
        "cut": sorted(row.cut),
        "gone": row.gone,
    }
