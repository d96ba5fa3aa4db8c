"""The API of today: what runs, what is bad, what is late, and the last runs of each spider."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields

from console.api.run_schemas import ProgressOut, RunRow
from console.api.schemas import ListQuery, listing_of, short_text
from console.database import now, reading
from console.paging import asked_after, listing
from console.queries import today as queries
from console.queries.last_runs import spiders_after
from console.queries.orders import scheduler_is_alive

blueprint = APIBlueprint("api_today", __name__, tag="today")


class RunningRow(Schema):
    """A run that a process works on."""

    run = fields.Nested(RunRow, required=True)
    progress = fields.Nested(ProgressOut, required=True, allow_none=True)


class LateRow(Schema):
    """A spider that should have begun a run."""

    spider = fields.String(required=True)
    expression = fields.String(required=True, metadata={"description": "its schedule"})
    due_at = fields.DateTime(required=True)
    last_began_at = fields.DateTime(required=True, allow_none=True)
    muted_until = fields.DateTime(required=True, allow_none=True)


class TodayOut(Schema):
    """What runs, what is bad and what is late, each list with the newest first."""

    running = fields.List(fields.Nested(RunningRow), required=True)
    bad = fields.List(fields.Nested(RunRow), required=True)
    late = fields.List(fields.Nested(LateRow), required=True)
    scheduler_is_alive = fields.Boolean(required=True)


class VerdictOut(Schema):
    """A run in a strip of verdicts."""

    id = fields.Integer(required=True)
    state = fields.String(required=True)
    tone = fields.String(required=True, metadata={"enum": ["good", "bad", "warn", "live"]})
    started_at = fields.DateTime(required=True)


class FigureOut(Schema):
    """A count of the last run, and the median of the last good runs before it."""

    value = fields.Integer(required=True)
    usual = fields.Float(required=True, allow_none=True)
    is_unusual = fields.Boolean(required=True, metadata={"description": "it is far from the usual one"})


class SpiderRow(Schema):
    """A spider and its last runs; trials are not among them."""

    spider = fields.String(required=True)
    strip = fields.List(
        fields.Nested(VerdictOut), required=True, metadata={"description": "the oldest first"}
    )
    last = fields.Nested(RunRow, required=True, allow_none=True)
    rows = fields.Nested(FigureOut, required=True, allow_none=True)
    changes = fields.Nested(FigureOut, required=True, allow_none=True)
    rejected = fields.Nested(FigureOut, required=True, allow_none=True)
    good_runs = fields.Integer(
        required=True, metadata={"description": "the usual counts are the median of so many runs"}
    )


class SpiderQuery(ListQuery):
    """The filters of lists of spiders."""

    spider = short_text(100, load_default="", metadata={"description": "names that contain this text"})


SpiderList = listing_of(SpiderRow)


@blueprint.get("/today")
@blueprint.output(TodayOut)
def today() -> Any:
    """Return what runs, what is bad and what is late."""
    found = queries.today(reading(), now())
    return {
        "running": found.running,
        "bad": found.bad,
        "late": found.late,
        "scheduler_is_alive": scheduler_is_alive(reading(), now()),
    }


@blueprint.get("/spiders")
@blueprint.input(SpiderQuery, location="query")
@blueprint.output(SpiderList)
def list_spiders(query_data: dict[str, Any]) -> Any:
    """List the spiders with their last verdicts, by name."""
    size, after = query_data["limit"], asked_after(str)
    found = spiders_after(
        reading(), now(), after[0] if after else "", size + 1, containing=query_data["spider"]
    )
    return listing(found, size, lambda line: [line.spider])
