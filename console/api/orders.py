"""The API of orders."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields
from flask import abort

from console.api.schemas import LARGEST_ID, ListQuery, listing_of
from console.database import end_reading, now, reading, writing
from console.paging import asked_after, listing
from console.queries import orders as queries
from console.security.actions import note_action
from console.security.identity import needs
from models.console_account import OPERATOR
from models.crawl_order import withdraw

blueprint = APIBlueprint("api_orders", __name__, tag="orders")


class OrderRow(Schema):
    """What a person has asked for, and what became of it."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    spider = fields.String(required=True, allow_none=True)
    run_id = fields.Integer(required=True, allow_none=True)
    arguments = fields.Dict(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": ["asked", "taken", "done", "failed", "withdrawn"]})
    asked_by = fields.String(required=True)
    asked_at = fields.DateTime(required=True)
    taken_at = fields.DateTime(required=True, allow_none=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    message = fields.String(required=True, allow_none=True, metadata={"description": "the result, in words"})


class OrderQuery(ListQuery):
    """The filters of the list of orders."""

    run_id = fields.Integer(load_default=None, metadata={"description": "only orders for this run"})


OrderList = listing_of(OrderRow)


@blueprint.get("/orders")
@blueprint.input(OrderQuery, location="query")
@blueprint.output(OrderList)
def list_orders(query_data: dict[str, Any]) -> Any:
    """List the orders, the newest first."""
    size, after, run_id = query_data["limit"], asked_after(int), query_data["run_id"]
    if run_id is not None and not 0 < run_id <= LARGEST_ID:
        abort(404, f"there is no run {run_id}")
    found = queries.list_orders(reading(), run_id=run_id, before=after[0] if after else None, limit=size + 1)
    return listing(found, size, lambda order: [order.id])


@blueprint.get("/orders/<int:number>")
@blueprint.output(OrderRow)
def show_order(number: int) -> Any:
    """Return an order."""
    return _order(number)


@blueprint.post("/orders/<int:number>/withdraw")
@blueprint.output(OrderRow)
@needs(OPERATOR)
def withdraw_order(number: int) -> Any:
    """Withdraw an order that no process has taken."""
    _order(number)
    with writing() as session:
        done = withdraw(session, number, now())
        note_action(session, "withdraw order", str(number), succeeded=done)
    end_reading()  # its transaction may not see what was written
    order = _order(number)
    if not done:
        abort(409, f"order {number} is {order.state} already")
    return order


def _order(number: int) -> Any:
    order = queries.find_order(reading(), number)
    if order is None:
        abort(404, f"there is no order {number}")
    return order
