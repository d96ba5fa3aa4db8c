"""Changes: the feed of all tables, one change, and the page of a row with its history."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from console.database import engine, now, reading
from console.exports.contents import export_of_changes
from console.exports.formats import CSV, MEDIA_TYPES
from console.exports.stream import export_response
from console.filters import asked_changes, asked_key, changes_arguments, query_text
from console.paging import Listing, asked_after, asked_size, encode_key, listing
from console.queries import changes as queries
from console.queries import rows as row_queries
from console.queries.site_values import WrongValue
from console.queries.sites import SiteTable, site_tables
from console.queries.table_filter import key_as_json
from models.redaction import without_secrets

blueprint = Blueprint("changes", __name__, url_prefix="/changes")

CHARTS = 6  # on the page of a row


@blueprint.get("/")
def page() -> str:
    wanted, size, after = asked_changes(), asked_size(), asked_after(int)
    try:
        found = queries.find_changes(reading(), wanted, before=after[0] if after else None, limit=size)
    except WrongValue as error:
        abort(400, str(error))
    export = f"{url_for('changes.export')}?{query_text(changes_arguments(wanted))}"
    return render_template(
        "changes.html",
        found=found,
        changes=Listing(
            rows=found.lines, after=encode_key([found.after]) if found.after is not None else None
        ),
        wanted=wanted,
        tables=sorted(site_tables(engine())),
        kinds=queries.KINDS,
        formats=MEDIA_TYPES,
        export_address=export,
    )


@blueprint.get("/<int:number>")
def show(number: int) -> str:
    """Return the page of one change, with old and new values of any field."""
    change = queries.find_change(reading(), number)
    if change is None:
        abort(404, f"there is no change {number}")
    return render_template("change.html", change=change)


@blueprint.get("/row")
def row() -> str:
    table, key = asked_table_name(), asked_key()
    tables = site_tables(engine())
    site = tables.get(table)
    size, after = asked_size(), asked_after(int)
    session = reading()
    found = row_of(site, key)
    try:
        newest = row_queries.history_of_row(session, table, key, limit=row_queries.MOST_CHANGES)
        before = after[0] if after else None
        timeline = [one for one in newest if before is None or one.id < before][: size + 1]
        if len(timeline) <= size and len(newest) == row_queries.MOST_CHANGES:
            timeline = row_queries.history_of_row(session, table, key, before=before, limit=size + 1)
    except WrongValue as error:
        abort(400, str(error))
    if found is None and not newest:
        abort(404, f"the table {table[:100]} has no such row, and no change of it is known")
    if found is not None:
        found = row_queries.with_last_changes(found, newest)
    url = row_queries.source_url(found) if found is not None else None
    return render_template(
        "row.html",
        table=table,
        site=site,
        key=key,
        parts=key_as_json(key),
        row=found,
        history=listing(timeline, size, lambda change: [change.id]),
        charts=row_queries.changed_numbers(found, newest)[:CHARTS],
        chart_address=lambda field: (
            f"{url_for('changes.course')}?{query_text([('table', table), ('key', key), ('field', field)])}"
        ),
        url=url,
        url_is_public=url is not None and without_secrets(url) == url,
        parents=row_queries.parents(tables, site, found) if site is not None and found is not None else [],
        children=row_queries.children(session, tables, site, found)
        if site is not None and found is not None
        else [],
    )


@blueprint.get("/course.json")
def course() -> dict[str, Any]:
    """Return the columns of a chart: the seconds since the epoch, and the values of a field of a row."""
    table, key, field = asked_table_name(), asked_key(), request.args.get("field", "")
    found = row_of(site_tables(engine()).get(table), key)
    try:
        newest = row_queries.history_of_row(reading(), table, key, limit=row_queries.MOST_CHANGES)
    except WrongValue as error:
        abort(400, str(error))
    book = found.bookkeeping if found is not None else {}
    made = row_queries.course_of(
        field,
        newest,
        first_seen_at=book.get("first_seen_at") if len(newest) < row_queries.MOST_CHANGES else None,
        last_seen_at=book.get("last_seen_at"),
    )
    return {"at": [one.timestamp() for one in made.at], "series": {field: list(made.values)}}


@blueprint.get("/export")
def export() -> Response:
    try:
        made = export_of_changes(asked_changes(), now())
    except WrongValue as error:
        abort(400, str(error))
    return export_response(engine(), made, request.args.get("format", CSV))


def asked_table_name() -> str:
    """Return ``?table=`` of this request; such a table may be no more."""
    name = request.args.get("table", "")
    if not 0 < len(name) <= queries.LONGEST_TEXT or "\x00" in name:
        abort(400, "table is the name of a table")
    return name


def row_of(site: SiteTable | None, key: str) -> row_queries.Row | None:
    """Return the row of today; None if the table has no row with this key, or cannot have one."""
    if site is None:
        return None
    try:
        return row_queries.find_row(reading(), site, key)
    except WrongValue:
        return None
