"""The frontier: the requests of unfinished runs by state and host, and what comes next."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template
from sqlalchemy.orm import Session

from console import live
from console.database import now, reading
from console.queries import frontier as queries
from console.queries import runs as run_queries
from models import CrawlRun

blueprint = Blueprint("frontier", __name__, url_prefix="/frontier")


@blueprint.get("/")
def page() -> str:
    return render_template("frontier.html", runs=queries.unfinished_runs(reading(), now()))


@blueprint.get("/<int:run_id>")
def show(run_id: int) -> str:
    frontier = queries.frontier_of(reading(), _run(run_id), now())
    return render_template("frontier_run.html", frontier=frontier, states=queries.STATES)


@blueprint.get("/<int:run_id>/stream")
def stream(run_id: int) -> Response:
    """Send the part of the page that changes while the run crawls."""
    _run(run_id)

    def look(session: Session) -> str:
        return run_queries.stamp(session, run_id)

    def parts() -> dict[str, str]:
        frontier = queries.frontier_of(reading(), _run(run_id), now())
        return {"live": render_template("frontier_part.html", frontier=frontier, states=queries.STATES)}

    return live.stream(f"frontier {run_id}", look, parts)


def _run(run_id: int) -> CrawlRun:
    run = run_queries.find_run(reading(), run_id)
    if run is None:
        abort(404, f"there is no run {run_id}")
    return run
