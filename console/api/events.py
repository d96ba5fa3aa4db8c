"""The API of events: the sinks, what they refused, and the last events."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields
from flask import abort

from console.api.orders import OrderRow
from console.api.schemas import ListQuery, Redacted, listing_of, short_text
from console.database import now, reading
from console.ordering import NoSuchSink, order_send_again
from console.paging import asked_after, listing
from console.queries import events as queries
from console.security.identity import needs
from models.console_account import OPERATOR
from models.relay import refusals

blueprint = APIBlueprint("api_events", __name__, tag="events")

LAST = 20  # events


class NumberOut(Schema):
    """A number; with ``is_about`` an estimate, or at least so many."""

    number = fields.Integer(required=True)
    is_about = fields.Boolean(required=True)


class SinkRow(Schema):
    """A sink."""

    name = Redacted(required=True)
    state = fields.String(required=True)
    position = fields.Integer(required=True)
    sent = fields.Integer(required=True)
    sent_at = fields.DateTime(required=True, allow_none=True)
    unsent = fields.Nested(NumberOut, required=True)
    oldest = fields.DateTime(required=True, allow_none=True, metadata={"description": "of the unsent events"})
    refused = fields.Nested(NumberOut, required=True)
    begins_again = fields.Integer(
        required=True, metadata={"description": "refused events that the relay sends again"}
    )
    error = Redacted(required=True, allow_none=True)


class RelayOut(Schema):
    """The relay; ``process`` is null if none is running."""

    process = fields.String(required=True, allow_none=True)
    heartbeat_at = fields.DateTime(required=True, allow_none=True)


class EventRow(Schema):
    """An event without its data."""

    event_id = fields.String(required=True)
    id = fields.Integer(required=True, metadata={"description": "what the positions of sinks count"})
    table_name = fields.String(required=True)
    kind = fields.String(required=True)
    row_key = fields.String(required=True)
    spider = fields.String(required=True)
    run_id = fields.Integer(required=True, allow_none=True)
    at = fields.DateTime(required=True)


class EventsOut(Schema):
    """The relay, its sinks, and the last events, the newest first."""

    relay = fields.Nested(RelayOut, required=True, allow_none=True)
    sinks = fields.List(fields.Nested(SinkRow), required=True)
    events = fields.List(fields.Nested(EventRow), required=True)


class RefusedRow(Schema):
    """An event that a sink refused."""

    id = fields.Integer(required=True)
    sink = Redacted(required=True)
    reason = Redacted(required=True)
    at = fields.DateTime(required=True)
    retry = fields.Boolean(required=True, metadata={"description": "the relay sends it again"})
    event_id = fields.String(required=True)
    table_name = fields.String(required=True)
    row_key = fields.String(required=True)
    kind = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "characters of its data"})


class SendAgainIn(Schema):
    """Which refused events to send again."""

    sink = short_text(
        200, load_default=None, allow_none=True, metadata={"description": "null: those of all sinks"}
    )


RefusedList = listing_of(RefusedRow)


@blueprint.get("/events")
@blueprint.output(EventsOut)
def show_events() -> Any:
    """Return the relay, the sinks and the last events."""
    return {
        "relay": queries.relay(reading(), now()),
        "sinks": queries.sinks(reading()),
        "events": queries.last_events(reading(), LAST),
    }


@blueprint.get("/events/refused")
@blueprint.input(ListQuery, location="query")
@blueprint.output(RefusedList)
def list_refused(query_data: dict[str, Any]) -> Any:
    """List the events that sinks refused, the newest first."""
    size, after = query_data["limit"], asked_after(int)
    found = refusals(reading(), size + 1, before=after[0] if after else None)
    return listing(found, size, lambda one: [one.id])


@blueprint.post("/events/again")
@blueprint.input(SendAgainIn)
@blueprint.output(OrderRow, status_code=201)
@needs(OPERATOR)
def send_again(json_data: dict[str, Any]) -> Any:
    """Ask for the refused events again, and for sinks that have ended to begin again."""
    try:
        return order_send_again(json_data["sink"] or None)
    except NoSuchSink as error:
        abort(404, str(error))
