"""The API of changes: the feed, one change, and exports."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields
from flask import Response, abort
from marshmallow.validate import OneOf, Range

from console.api.schemas import LARGEST_ID, ListQuery, listing_of, short_text
from console.database import engine, now, reading
from console.exports.contents import export_of_changes
from console.exports.formats import CSV, JSON_LINES, MEDIA_TYPES, PARQUET
from console.exports.stream import export_response
from console.filters import asked_changes
from console.paging import asked_after, encode_key
from console.queries import changes as queries
from console.queries.site_values import WrongValue

blueprint = APIBlueprint("api_changes", __name__, tag="changes")

FILE: Any = {"200": {"description": "the file", "content": {one: {} for one in MEDIA_TYPES.values()}}}


class ChangeRow(Schema):
    """A change of a row."""

    id = fields.Integer(required=True)
    run_id = fields.Integer(required=True)
    at = fields.DateTime(required=True)
    table = fields.String(required=True)
    key = fields.String(required=True, metadata={"description": "the natural key as a JSON list"})
    kind = fields.String(required=True, metadata={"enum": list(queries.KINDS)})
    size = fields.Integer(
        required=True, allow_none=True, metadata={"description": "characters of fields that are too long"}
    )
    differences = fields.Dict(
        data_key="fields",
        attribute="fields",
        keys=fields.String(),
        values=fields.List(fields.Raw(allow_none=True)),
        required=True,
        allow_none=True,
        metadata={"description": "old and new value by field; null: none, or too long for a list"},
    )


class ChangesFilterQuery(Schema):
    """The filter of changes."""

    table = short_text(queries.LONGEST_TEXT, load_default=None)
    kind = fields.String(load_default=None, validate=OneOf(queries.KINDS))
    field = short_text(queries.LONGEST_TEXT, load_default=None)
    run = fields.Integer(load_default=None, validate=Range(1, LARGEST_ID))
    since = short_text(40, load_default=None, data_key="from", metadata={"description": "ISO 8601, or a day"})
    until = short_text(40, load_default=None, data_key="to", metadata={"description": "ISO 8601, or a day"})
    text = short_text(
        queries.LONGEST_TEXT, load_default=None, metadata={"description": "in the key or the values"}
    )


class ChangesQuery(ChangesFilterQuery, ListQuery):
    """The filter of changes, and a page of it."""


class ChangesExportQuery(ChangesFilterQuery):
    """The filter of changes, and the format of the export."""

    format = fields.String(load_default=CSV, validate=OneOf((CSV, JSON_LINES, PARQUET)))


class ChangesOut(listing_of(ChangeRow)):  # type: ignore[misc]
    """A page of the feed. A page with a filter looks through a limited part of the history; it may be empty."""

    scanned = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "the page ended after it had looked through so many changes"},
    )


@blueprint.get("/changes")
@blueprint.input(ChangesQuery, location="query")
@blueprint.output(ChangesOut)
def list_changes(query_data: dict[str, Any]) -> Any:
    """List the changes of all tables, the newest first."""
    after = asked_after(int)
    try:
        found = queries.find_changes(
            reading(), asked_changes(), before=after[0] if after else None, limit=query_data["limit"]
        )
    except WrongValue as error:
        abort(400, str(error))
    return {
        "rows": found.lines,
        "after": encode_key([found.after]) if found.after is not None else None,
        "scanned": found.scanned,
    }


@blueprint.get("/changes/<int:number>")
@blueprint.output(ChangeRow)
def show_change(number: int) -> Any:
    """Return a change with all its values."""
    change = queries.find_change(reading(), number)
    if change is None:
        abort(404, f"there is no change {number}")
    return change


@blueprint.get("/changes/export")
@blueprint.input(ChangesExportQuery, location="query")
@blueprint.doc(responses=FILE)
def export_changes(query_data: dict[str, Any]) -> Response:
    """Return the changes of a filter as a file: a row for each changed field, the oldest change first."""
    try:
        made = export_of_changes(asked_changes(), now())
    except WrongValue as error:
        abort(400, str(error))
    return export_response(engine(), made, query_data["format"])
