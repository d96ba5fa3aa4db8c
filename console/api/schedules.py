"""The API of schedules: the list, their changes, and starts."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields
from flask import abort, current_app
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

from console.api.orders import OrderRow
from console.api.schemas import Redacted, Text, listing_of, short_text
from console.api.today import SpiderQuery, VerdictOut
from console.database import end_reading, now, reading
from console.ordering import CannotOrder, order_start
from console.paging import asked_after, listing
from console.queries import schedules as queries
from console.queries.orders import scheduler_is_alive
from console.scheduling import NoSuchSpider, WrongValue, change_schedule
from console.security.identity import needs
from models.console_account import OPERATOR

blueprint = APIBlueprint("api_schedules", __name__, tag="schedules")


class ScheduleRow(Schema):
    """A spider and its schedule."""

    spider = fields.String(required=True)
    declared = fields.String(required=True, allow_none=True)
    chosen = fields.String(
        required=True, allow_none=True, metadata={"description": "by a person, in place of the declared one"}
    )
    expression = fields.String(
        required=True, allow_none=True, metadata={"description": "the one that holds; `off`: none does"}
    )
    timezone = fields.String(required=True)
    next_at = fields.DateTime(required=True, allow_none=True)
    fault = fields.String(required=True, allow_none=True)
    last = fields.Nested(VerdictOut, required=True, allow_none=True)
    arguments = fields.List(fields.String(), required=True)
    paused_at = fields.DateTime(required=True, allow_none=True)
    muted_until = fields.DateTime(required=True, allow_none=True)
    recipients = fields.List(
        Redacted(),
        required=True,
        allow_none=True,
        metadata={
            "description": "who may hear its alarms, without secrets; null: the scheduler has not said so"
        },
    )
    heard_by = fields.List(
        Redacted(), required=True, metadata={"description": "those of `recipients` that hear its alarms"}
    )
    changed_by = fields.String(required=True, allow_none=True)
    changed_at = fields.DateTime(required=True, allow_none=True)
    loaded_at = fields.DateTime(required=True)
    is_gone = fields.Boolean(
        required=True, metadata={"description": "the scheduler does not find the spider any more"}
    )


class ScheduleList(listing_of(ScheduleRow)):  # type: ignore[misc]
    """One page of the schedules, and who hears alarms."""

    scheduler_is_alive = fields.Boolean(required=True)
    alert_kinds = fields.List(
        fields.String(), required=True, metadata={"description": "the kinds of the addresses in ALERT_URLS"}
    )


class ScheduleIn(Schema):
    """What to change; what is not given stays as it is."""

    chosen = short_text(
        200,
        allow_none=True,
        metadata={"description": "five fields of cron, or `off`; null: the declared one holds again"},
    )
    paused = fields.Boolean(metadata={"description": "the schedule starts no runs"})
    muted_hours = fields.Float(
        metadata={"description": "hours from now in which no alarm is sent; 0: alarms are sent"}
    )
    heard_by = fields.List(
        short_text(300),
        allow_none=True,
        validate=Length(min=1, max=100),
        metadata={
            "description": "those of `recipients` that hear the alarms; null: all; to silence them, mute them"
        },
    )

    @validates_schema
    def has_a_change(self, data: dict[str, Any], **_options: Any) -> None:
        """Refuse a body without a change."""
        if not data:
            raise ValidationError("give at least one of chosen, paused, muted_hours and heard_by")


class StartIn(Schema):
    """How to start the spider."""

    arguments = fields.Dict(keys=Text(), values=Text(), load_default=dict)
    failed_only = fields.Boolean(load_default=False)
    fresh = fields.Boolean(load_default=False, metadata={"description": "give up an interrupted run"})


@blueprint.get("/schedules")
@blueprint.input(SpiderQuery, location="query")
@blueprint.output(ScheduleList)
def list_schedules(query_data: dict[str, Any]) -> Any:
    """List the spiders that a scheduler knows, by name."""
    size, after = query_data["limit"], asked_after(str)
    found = queries.list_schedules(
        reading(),
        now(),
        containing=query_data["spider"],
        after=after[0] if after else "",
        limit=size + 1,
    )
    page = listing(found, size, lambda one: [one.spider])
    return {
        "rows": page.rows,
        "after": page.after,
        "scheduler_is_alive": scheduler_is_alive(reading(), now()),
        "alert_kinds": list(dict.fromkeys(current_app.config["ALERT_KINDS"])),
    }


@blueprint.get("/schedules/<path:spider>")
@blueprint.output(ScheduleRow)
def show_schedule(spider: str) -> Any:
    """Return a spider with its schedule."""
    return _schedule(spider)


@blueprint.patch("/schedules/<path:spider>")
@blueprint.input(ScheduleIn)
@blueprint.output(ScheduleRow)
@needs(OPERATOR)
def change(spider: str, json_data: dict[str, Any]) -> Any:
    """Change a schedule, pause it, mute its alarms, or choose who hears them."""
    try:
        change_schedule(spider, **json_data)
    except NoSuchSpider as error:
        abort(404, str(error))
    except WrongValue as error:
        abort(400, str(error))
    end_reading()  # its transaction may not see what was written
    return _schedule(spider)


@blueprint.post("/schedules/<path:spider>/runs")
@blueprint.input(StartIn)
@blueprint.output(OrderRow, status_code=201)
@needs(OPERATOR)
def start(spider: str, json_data: dict[str, Any]) -> Any:
    """Ask the scheduler to start the spider."""
    _schedule(spider)
    try:
        return order_start(spider, **json_data)
    except CannotOrder as error:
        abort(409, str(error))


def _schedule(spider: str) -> queries.ScheduleLine:
    found = queries.find_schedule(reading(), now(), spider)
    if found is None:
        abort(404, str(NoSuchSpider(spider)))
    return found
