"""Runs: the list, and the page of a run, which follows the run while it crawls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from console import live
from console.database import now, reading
from console.ordering import CannotOrder, order_acceptance, order_for_run, order_start
from console.paging import asked_after, asked_size, listing
from console.queries import orders as order_queries
from console.queries import run_parts
from console.queries import runs as queries
from console.queries.comparison import Compared, compare
from console.queries.host_rates import hosts_of
from console.security.identity import needs
from crawler.rendering.counts import rendering_text
from crawler.run.acceptance import refusal
from models import CrawlRun
from models.console_account import OPERATOR
from models.crawl_order import OF_RUN
from models.run_failures import failed_requests, ignored_pages, refused_pages, rejected_items
from models.run_sample import RunSample
from models.run_stats import RunStats
from models.secret_names import may_be_secret
from models.spider_schedule import SpiderSchedule

blueprint = Blueprint("runs", __name__, url_prefix="/runs")

FILTERS = ("spider", "verdict", "arguments", "since", "until")
EXAMPLES = 20  # failed requests and rejected items on the page of a run


@blueprint.get("/")
def page() -> str:
    size, after = asked_size(), asked_after(int)
    asked = {name: request.args.get(name, "").strip() for name in FILTERS}
    try:
        arguments = queries.arguments_in(asked["arguments"])
        since = queries.day_in(asked["since"]) if asked["since"] else None
        until = queries.day_in(asked["until"]) + timedelta(days=1) if asked["until"] else None
    except ValueError as error:
        abort(400, str(error))
    found = queries.list_runs(
        reading(),
        now(),
        spider=asked["spider"] or None,
        verdict=asked["verdict"] or None,
        since=since,
        until=until,
        arguments=arguments,
        before=after[0] if after else None,
        limit=size + 1,
    )
    return render_template("runs.html", runs=listing(found, size, lambda run: [run.id]), asked=asked)


@blueprint.get("/<int:run_id>")
def show(run_id: int) -> str:
    return render_template("run.html", **_parts(run_id), **_details(run_id))


@blueprint.get("/<int:run_id>/stream")
def stream(run_id: int) -> Response:
    """Send the parts of the page that change while the run crawls."""
    _run(run_id)

    def look(session: Session) -> str:
        return queries.stamp(session, run_id)

    def parts() -> dict[str, Any]:
        found = _parts(run_id)
        return {
            "live": render_template("run_part.html", **found),
            "chart": _chart(found["samples"]),
            "lists": render_template("run_lists.html", **found),
        }

    return live.stream(f"run {run_id}", look, parts)


@blueprint.get("/<int:run_id>/samples.json")
def samples(run_id: int) -> dict[str, Any]:
    """Return the columns of the chart."""
    return _chart(queries.samples_of(reading(), run_id))


@blueprint.post("/<int:run_id>/orders")
@needs(OPERATOR)
def order(run_id: int) -> AnyResponse:
    kind = request.form.get("kind", "")
    if kind not in OF_RUN:
        abort(400, "there is no such order")
    try:
        order_for_run(run_id, kind)
        flash("Asked for. The crawl does it within 5 seconds.")
    except CannotOrder as error:
        flash(str(error), "error")
    return redirect(url_for("runs.show", run_id=run_id))


@blueprint.post("/<int:run_id>/accept")
@needs(OPERATOR)
def accept(run_id: int) -> AnyResponse:
    try:
        asked = order_acceptance(run_id)
        flash(f"Asked for, as order {asked.id}.")
    except CannotOrder as error:
        flash(str(error), "error")
    return redirect(url_for("runs.show", run_id=run_id))


@blueprint.get("/<int:run_id>/again")
@needs(OPERATOR)
def again(run_id: int) -> str:
    """Return the form that starts the spider of a run again, with its arguments to be changed."""
    run = _run(run_id)
    line = queries.run_line(reading(), run, now())
    alive = order_queries.scheduler_is_alive(reading(), now())
    schedule = reading().get(SpiderSchedule, run.spider)
    names = (schedule.spider_arguments or []) if schedule is not None else []
    return render_template(
        "run_again.html",
        run=line,
        scheduler_is_alive=alive,
        names=[name for name in names if name not in line.arguments],
        secrets=[name for name in line.arguments if may_be_secret(name)],
        how=request.args.get("how", ""),
    )


@blueprint.post("/<int:run_id>/again")
@needs(OPERATOR)
def start_again(run_id: int) -> AnyResponse:
    run = _run(run_id)
    names, values = request.form.getlist("name"), request.form.getlist("value")
    # The form has a line for each argument that the spider takes: one that is left empty is not given.
    arguments = {
        name.strip(): value
        for name, value in zip(names, values, strict=False)
        if name.strip() and (value or (run.arguments or {}).get(name.strip()) == "")
    }
    how = request.form.get("how", "")
    try:
        asked = order_start(run.spider, arguments, failed_only=how == "failed_only", fresh=how == "fresh")
    except CannotOrder as error:
        flash(str(error), "error")
        return redirect(url_for("runs.again", run_id=run_id))
    flash(f"Asked for, as order {asked.id}.")
    return redirect(url_for("orders.page"))


def _run(run_id: int) -> CrawlRun:
    run = queries.find_run(reading(), run_id)
    if run is None:
        abort(404, f"there is no run {run_id}")
    return run


def _parts(run_id: int) -> dict[str, Any]:
    run = _run(run_id)
    line = queries.run_line(reading(), run, now())
    samples_found = queries.samples_of(reading(), run_id)
    return {
        "run": line,
        "owner": queries.owner_of(run),
        "samples": samples_found,
        "progress": queries.progress_of(samples_found),
        "log": queries.log_lines(reading(), run_id),
        "open_orders": order_queries.open_orders(reading(), run_id=run_id),
        "can_accept": run.accepted_at is None and refusal(run) is None,
        "hosts": hosts_of(reading(), run_id, now()) if line.is_running else [],
        "workers": run_parts.workers_of(reading(), run_id, now()) if run.partitions or run.workers else [],
        "rendering": rendering_text(line.stats.rendering) if line.stats.rendering else "",
        "failed": failed_requests(reading(), run_id, EXAMPLES),
        "rejected": rejected_items(reading(), run_id, EXAMPLES),
    }


def _chart(samples_found: Sequence[RunSample]) -> dict[str, Any]:
    """Return the columns of the chart: seconds since the epoch, queued, done, failed."""
    return {
        "at": [one.at.timestamp() for one in samples_found],
        "queued": [one.queued for one in samples_found],
        "done": [one.done for one in samples_found],
        "failed": [one.failed for one in samples_found],
    }


def _details(run_id: int) -> dict[str, Any]:
    run = _run(run_id)
    good = queries.last_good_run(reading(), run)
    compared: list[Compared] = []
    if good is not None and run.counts:
        compared = compare(
            RunStats.from_json(run.counts),
            RunStats.from_json(good.counts or {}),
            seconds=run.seconds,
            other_seconds=good.seconds,
        )
    return {
        "row": run,
        "refused": refused_pages(reading(), run_id),
        "ignored": ignored_pages(reading(), run_id),
        "good": good,
        "compared": compared,
    }
