"""The API of broken pages: the list, one page snapshot, its files, and the orders to replay it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint, Schema, fields
from apiflask.fields import File
from flask import Response, abort, current_app
from marshmallow.validate import OneOf, Range

from console.api.orders import OrderRow
from console.api.schemas import LARGEST_ID, Address, ListQuery, Redacted, listing_of, short_text
from console.database import reading
from console.ordering import CannotOrder, order_for_page
from console.paging import Listing, asked_after, encode_key
from console.queries import pages as queries
from console.security.identity import needs
from console.snapshots import (
    NoSuchSnapshot,
    Snapshot,
    UnreadableFile,
    is_name,
    read_body,
    read_facts,
    reason_of,
)
from crawler.page.snapshot_policy import REASONS
from models.console_account import OPERATOR
from models.crawl_order import REPLAY, SAVE_TEST

blueprint = APIBlueprint("api_pages", __name__, tag="pages")


class PageRow(Schema):
    """A page with a snapshot that failed, or had items rejected."""

    name = fields.String(required=True, metadata={"description": "of the snapshot: RUN/NUMBER"})
    run_id = fields.Integer(required=True)
    number = fields.Integer(required=True)
    spider = fields.String(required=True)
    url = Address(required=True)
    status = fields.Integer(required=True, allow_none=True)
    error = Redacted(required=True, allow_none=True)
    rejected = fields.Integer(required=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "null: the console has not its files"}
    )


class HeaderRow(Schema):
    """A header of a response."""

    name = fields.String(required=True)
    value = Redacted(required=True)


class PageOut(Schema):
    """A page snapshot without its body."""

    name = fields.String(required=True)
    spider = fields.String(required=True)
    reason = fields.String(required=True)
    why = fields.List(Redacted(), required=True)
    at = fields.DateTime(required=True, allow_none=True)
    url = Address(required=True)
    status = fields.Integer(required=True, allow_none=True)
    headers = fields.List(fields.Nested(HeaderRow), required=True)
    encoding = fields.String(required=True, allow_none=True)
    is_html = fields.Boolean(required=True)


class PageQuery(ListQuery):
    """The filters of the list of broken pages."""

    spider = short_text(100, load_default=None)
    run_id = fields.Integer(load_default=None, validate=Range(1, LARGEST_ID))
    reason = fields.String(load_default=None, validate=OneOf(REASONS))
    missing = fields.Boolean(
        load_default=False, metadata={"description": "also pages whose files the console has not"}
    )


class PageOrderIn(Schema):
    """What to ask the scheduler to do with a page."""

    kind = fields.String(required=True, validate=OneOf((REPLAY, SAVE_TEST)))


class BodyOut(Schema):
    """The body of a page, byte for byte."""

    body = File()  # type: ignore[no-untyped-call]


PageList = listing_of(PageRow)


@blueprint.get("/pages")
@blueprint.input(PageQuery, location="query")
@blueprint.output(PageList)
def list_pages(query_data: dict[str, Any]) -> Any:
    """List the broken pages, those of the newest run first. A page of the list may have fewer rows than its limit."""
    after = asked_after(int, int)
    rows, last = queries.list_pages(
        reading(),
        partial(reason_of, folder()),
        spider=query_data["spider"],
        run_id=query_data["run_id"],
        reason=query_data["reason"],
        missing=query_data["missing"],
        after=(after[0], after[1]) if after else None,
        limit=query_data["limit"],
    )
    return Listing(rows=rows, after=encode_key(last) if last else None)


@blueprint.get("/pages/<int:run_id>/<int:number>")
@blueprint.output(PageOut)
def show_page(run_id: int, number: int) -> Any:
    """Return a page snapshot without its body."""
    facts = _facts(f"{run_id}/{number}")
    return vars(facts) | {
        "is_html": facts.is_html,
        "headers": [{"name": name, "value": value} for name, value in facts.headers],
    }


@blueprint.get("/pages/<int:run_id>/<int:number>/body")
@blueprint.output(BodyOut, content_type="application/octet-stream")
def body(run_id: int, number: int) -> Any:
    """Return the body of a page, byte for byte."""
    facts = _facts(f"{run_id}/{number}")
    try:
        content = read_body(folder(), facts)
    except (NoSuchSnapshot, UnreadableFile) as error:
        abort(404, str(error))
    if content is None:
        abort(404, f"the body of page snapshot {facts.name} is not there any more")
    return Response(
        content,
        mimetype="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{run_id}-{number}{facts.suffix}"'},
    )


@blueprint.post("/pages/<int:run_id>/<int:number>/orders")
@blueprint.input(PageOrderIn)
@blueprint.output(OrderRow, status_code=201)
@needs(OPERATOR)
def order(run_id: int, number: int, json_data: dict[str, Any]) -> Any:
    """Ask the scheduler to replay a page, or to save it as a test."""
    name = f"{run_id}/{number}"
    if not is_name(name):
        abort(404, f"there is no page snapshot {name}")
    try:
        return order_for_page(json_data["kind"], name)
    except CannotOrder as error:
        abort(409, str(error))


def folder() -> Path:
    """Return the folder of page snapshots."""
    return Path(current_app.config["PAGES_FOLDER"])


def _facts(name: str) -> Snapshot:
    try:
        facts = read_facts(folder(), name)
    except NoSuchSnapshot:
        facts = None
    except UnreadableFile as error:
        abort(404, str(error))
    if facts is None:
        abort(404, f"there is no page snapshot {name} in {folder()}")
    return facts
