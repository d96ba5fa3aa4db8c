"""The API of runs: the list, one run with its progress, its parts, and what people ask of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint, Schema, fields
from flask import abort
from marshmallow.validate import OneOf, Range

from console.api.orders import OrderRow
from console.api.run_schemas import (
    ComparisonOut,
    FailedRow,
    LogRow,
    RejectedRow,
    RunOut,
    RunRow,
    SamplesOut,
)
from console.api.schemas import LARGEST_ID, ListQuery, Text, listing_of, short_text
from console.database import now, reading
from console.ordering import CannotOrder, order_acceptance, order_for_run, order_start
from console.paging import asked_after, listing
from console.queries import failures, host_rates, run_parts
from console.queries import runs as queries
from console.queries.comparison import compare
from console.security.identity import needs
from models import CrawlRun
from models.console_account import OPERATOR
from models.crawl_order import OF_RUN
from models.request import FAILED, REFUSED
from models.run_stats import RunStats

blueprint = APIBlueprint("api_runs", __name__, tag="runs")


class RunQuery(ListQuery):
    """The filters of the list of runs."""

    spider = short_text(100, load_default=None)
    verdict = fields.String(load_default=None, validate=OneOf(("good", "bad", "unfinished")))
    arguments = short_text(load_default="", metadata={"description": "NAME=VALUE, with spaces between them"})
    since = fields.Date(load_default=None, metadata={"description": "started on this day (UTC) or later"})
    until = fields.Date(load_default=None, metadata={"description": "started on this day (UTC) or before"})


class FailedQuery(ListQuery):
    """The filters of the list of failed requests."""

    state = fields.String(load_default=FAILED, validate=OneOf((FAILED, REFUSED)))


class CompareQuery(Schema):
    """The run to compare with."""

    other = fields.Integer(
        load_default=None,
        validate=Range(1, LARGEST_ID),
        metadata={"description": "the id of a run; without it the last good run of the same scope before"},
    )


class RunOrderIn(Schema):
    """What to ask the crawl of a run for."""

    kind = fields.String(required=True, validate=OneOf(OF_RUN))


class AgainIn(Schema):
    """How to start the spider of a run again."""

    arguments = fields.Dict(
        keys=Text(),
        values=Text(),
        load_default=None,
        metadata={"description": "of the spider; without them those of the run"},
    )
    failed_only = fields.Boolean(load_default=False)
    fresh = fields.Boolean(load_default=False, metadata={"description": "give up an interrupted run"})


class RunWithParts:
    """A run as lists show it, with its progress and its parts."""

    def __init__(self, line: queries.RunLine, **parts: Any) -> None:
        self.line = line
        vars(self).update(parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)


RunList = listing_of(RunRow)
LogList = listing_of(LogRow)
FailedList = listing_of(FailedRow)
RejectedList = listing_of(RejectedRow)


@blueprint.get("/runs")
@blueprint.input(RunQuery, location="query")
@blueprint.output(RunList)
def list_runs(query_data: dict[str, Any]) -> Any:
    """List the runs, the newest first."""
    size, after = query_data["limit"], asked_after(int)
    since, until = query_data["since"], query_data["until"]
    try:
        arguments = queries.arguments_in(query_data["arguments"])
        first = queries.day_in(since.isoformat()) if since else None
        end = queries.day_in(until.isoformat()) + timedelta(days=1) if until else None
    except ValueError as error:
        abort(400, str(error))
    found = queries.list_runs(
        reading(),
        now(),
        spider=query_data["spider"],
        verdict=query_data["verdict"],
        since=first,
        until=end,
        arguments=arguments,
        before=after[0] if after else None,
        limit=size + 1,
    )
    return listing(found, size, lambda run: [run.id])


@blueprint.get("/runs/<int:run_id>")
@blueprint.output(RunOut)
def show_run(run_id: int) -> Any:
    """Return a run with its progress."""
    run = _run(run_id)
    line = queries.run_line(reading(), run, now())
    return RunWithParts(
        line,
        progress=queries.progress_of(queries.samples_of(reading(), run_id)),
        process=queries.owner_of(run),
        hosts=host_rates.hosts_of(reading(), run_id, now()) if line.is_running else [],
        waiting_hosts=run_parts.waiting_hosts(reading(), run_id, now()),
        workers=run_parts.workers_of(reading(), run_id, now()),
    )


@blueprint.get("/runs/<int:run_id>/samples")
@blueprint.output(SamplesOut)
def samples(run_id: int) -> Any:
    """Return the samples of a run for a chart."""
    _run(run_id)
    return {"rows": queries.samples_of(reading(), run_id)}


@blueprint.get("/runs/<int:run_id>/log")
@blueprint.input(ListQuery, location="query")
@blueprint.output(LogList)
def log(run_id: int, query_data: dict[str, Any]) -> Any:
    """List the last log lines of a run, the newest first."""
    _run(run_id)
    size, after = query_data["limit"], asked_after(int)
    found = queries.newest_log_lines(reading(), run_id, before=after[0] if after else None, limit=size + 1)
    return listing(found, size, lambda line: [line.number])


@blueprint.get("/runs/<int:run_id>/failed")
@blueprint.input(FailedQuery, location="query")
@blueprint.output(FailedList)
def failed(run_id: int, query_data: dict[str, Any]) -> Any:
    """List the requests of a run that failed, or that the site refused."""
    _run(run_id)
    size, after = query_data["limit"], asked_after(int)
    found = failures.failed_requests(
        reading(),
        run_id,
        state=query_data["state"],
        after=after[0] if after else None,
        limit=size + 1,
    )
    return listing(found, size, lambda one: [one.number])


@blueprint.get("/runs/<int:run_id>/rejected")
@blueprint.input(ListQuery, location="query")
@blueprint.output(RejectedList)
def rejected(run_id: int, query_data: dict[str, Any]) -> Any:
    """List the rejected items of a run that are not stored yet."""
    _run(run_id)
    size, after = query_data["limit"], asked_after(int)
    found = failures.rejected_items(reading(), run_id, after=after[0] if after else None, limit=size + 1)
    return listing(found, size, lambda one: [one.id])


@blueprint.get("/runs/<int:run_id>/compare")
@blueprint.input(CompareQuery, location="query")
@blueprint.output(ComparisonOut)
def compare_runs(run_id: int, query_data: dict[str, Any]) -> Any:
    """Compare a run with another one."""
    run, number = _run(run_id), query_data["other"]
    other = _run(number) if number is not None else queries.last_good_run(reading(), run)
    if other is None:
        abort(404, f"there is no good run of the same scope before run {run_id}")
    rows = compare(
        RunStats.from_json(run.counts or {}),
        RunStats.from_json(other.counts or {}),
        seconds=run.seconds,
        other_seconds=other.seconds,
    )
    return {
        "this": queries.run_line(reading(), run, now()),
        "other": queries.run_line(reading(), other, now()),
        "rows": rows,
    }


@blueprint.post("/runs/<int:run_id>/orders")
@blueprint.input(RunOrderIn)
@blueprint.output(OrderRow, status_code=201)
@needs(OPERATOR)
def order(run_id: int, json_data: dict[str, Any]) -> Any:
    """Ask the crawl of a run to stop, to pause or to resume; it does so within 5 seconds."""
    _run(run_id)
    try:
        return order_for_run(run_id, json_data["kind"])
    except CannotOrder as error:
        abort(409, str(error))


@blueprint.post("/runs/<int:run_id>/again")
@blueprint.input(AgainIn)
@blueprint.output(OrderRow, status_code=201)
@needs(OPERATOR)
def again(run_id: int, json_data: dict[str, Any]) -> Any:
    """Ask the scheduler to start the spider of a run again."""
    run = _run(run_id)
    arguments = json_data["arguments"]
    if arguments is None:
        arguments = {name: str(value) for name, value in (run.arguments or {}).items()}
    try:
        return order_start(
            run.spider, arguments, failed_only=json_data["failed_only"], fresh=json_data["fresh"]
        )
    except CannotOrder as error:
        abort(409, str(error))


@blueprint.post("/runs/<int:run_id>/accept")
@blueprint.output(OrderRow, status_code=201)
@needs(OPERATOR)
def accept(run_id: int) -> Any:
    """Ask the scheduler to accept a run that is below its policy only because it differs from earlier runs."""
    _run(run_id)
    try:
        return order_acceptance(run_id)
    except CannotOrder as error:
        abort(409, str(error))


def _run(run_id: int) -> CrawlRun:
    run = queries.find_run(reading(), run_id)
    if run is None:
        abort(404, f"there is no run {run_id}")
    return run
