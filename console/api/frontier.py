"""The API of the frontier: the requests of a run by state and host, the next ones, and why some failed."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint, Schema, fields
from flask import abort

from console.api.run_schemas import ProgressOut, RunRow
from console.api.schemas import Address, Redacted
from console.database import now, reading
from console.queries import frontier as queries
from console.queries import runs as run_queries

blueprint = APIBlueprint("api_frontier", __name__, tag="frontier")


class UnfinishedRow(Schema):
    """An unfinished run, and where it is."""

    run = fields.Nested(RunRow, required=True)
    progress = fields.Nested(ProgressOut, required=True, allow_none=True)


class UnfinishedOut(Schema):
    """The unfinished runs, the newest first."""

    rows = fields.List(fields.Nested(UnfinishedRow), required=True)


class StateRow(Schema):
    """How many requests have a state."""

    state = fields.String(required=True)
    number = fields.Integer(required=True)
    is_about = fields.Boolean(required=True, metadata={"description": "an estimate from a sample"})


class HostRow(Schema):
    """The requests of a host by state, its speed, and until when it asked to wait."""

    host = Redacted(required=True)
    numbers = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    pages_per_second = fields.Float(
        required=True, allow_none=True, metadata={"description": "while the run crawls the host"}
    )
    waits_until = fields.DateTime(required=True, allow_none=True)


class HostsOut(Schema):
    """The hosts with the most requests."""

    rows = fields.List(fields.Nested(HostRow), required=True)
    left_off = fields.Integer(required=True, metadata={"description": "so many other hosts were found"})
    about = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "the states whose numbers are estimates from a sample"},
    )


class NextRow(Schema):
    """A queued request."""

    number = fields.Integer(required=True)
    url = Address(required=True)
    priority = fields.Integer(required=True)
    depth = fields.Integer(required=True)
    attempts = fields.Integer(required=True)
    not_before = fields.DateTime(required=True, allow_none=True)
    host_waits_until = fields.DateTime(required=True, allow_none=True)
    part = fields.Integer(required=True, metadata={"description": "the partition"})


class NextOut(Schema):
    """The next requests to be handed out: those of the first ``parts`` of ``all_parts`` partitions."""

    rows = fields.List(fields.Nested(NextRow), required=True)
    parts = fields.Integer(required=True)
    all_parts = fields.Integer(required=True)


class FailureRow(Schema):
    """Failed or refused requests with one status and reason."""

    state = fields.String(required=True)
    status = fields.Integer(required=True, allow_none=True)
    reason = fields.String(required=True)
    number = fields.Integer(required=True)
    url = Address(required=True, metadata={"description": "of one of them"})


class FailuresOut(Schema):
    """Failed and refused requests by reason: so many of them were read."""

    groups = fields.List(fields.Nested(FailureRow), required=True)
    read = fields.Integer(required=True)
    number = fields.Integer(required=True)


class WorkerRow(Schema):
    """A worker of a shared run."""

    number = fields.Integer(required=True)
    process = fields.Function(lambda one: one.process.shown if one.process else None, required=True)
    is_alive = fields.Boolean(required=True)
    has_left = fields.Boolean(required=True)
    partitions = fields.Integer(required=True)
    pages = fields.Integer(required=True)
    seconds = fields.Float(required=True)
    note = Redacted(required=True, allow_none=True)


class FrontierOut(Schema):
    """The frontier of a run."""

    run = fields.Nested(RunRow, required=True)
    progress = fields.Nested(ProgressOut, required=True, allow_none=True)
    counts = fields.List(fields.Nested(StateRow), required=True)
    hosts = fields.Nested(HostsOut, required=True)
    next = fields.Nested(NextOut, required=True)
    failures = fields.Nested(FailuresOut, required=True)
    workers = fields.List(fields.Nested(WorkerRow), required=True)


@blueprint.get("/frontier")
@blueprint.output(UnfinishedOut)
def list_frontiers() -> Any:
    """List the unfinished runs."""
    return {"rows": queries.unfinished_runs(reading(), now())}


@blueprint.get("/frontier/<int:run_id>")
@blueprint.output(FrontierOut)
def frontier(run_id: int) -> Any:
    """Return the frontier of a run."""
    run = run_queries.find_run(reading(), run_id)
    if run is None:
        abort(404, f"there is no run {run_id}")
    return queries.frontier_of(reading(), run, now())
