"""Today: what runs, what is bad, what is late, and the last verdicts of each spider."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request

from console import live
from console.database import now, reading
from console.paging import asked_after, asked_size, listing
from console.queries import today as queries
from console.queries.last_runs import spiders_after
from console.queries.orders import scheduler_is_alive

blueprint = Blueprint("today", __name__)

SPIDERS = 25  # on a page, each with up to 30 links


@blueprint.get("/")
def page() -> str:
    return render_template("today.html", **_today(), **_spiders())


@blueprint.get("/today/part")
def part() -> str:
    """Return what runs, what is bad and what is late, which the page loads again."""
    return live.shared_text("today", lambda: render_template("today_part.html", **_today()))


@blueprint.get("/today/spiders")
def spiders_part() -> str:
    """Return the spiders and their last runs, which the page loads again."""
    return render_template("today_spiders.html", **_spiders())


@blueprint.get("/today/stream")
def stream() -> Response:
    return live.stream("today", queries.stamp)


def _today() -> dict[str, Any]:
    return {
        "today": queries.today(reading(), now()),
        "scheduler_is_alive": scheduler_is_alive(reading(), now()),
    }


def _spiders() -> dict[str, Any]:
    wanted, after, size = request.args.get("spider", ""), asked_after(str), asked_size(SPIDERS)
    found = spiders_after(reading(), now(), after[0] if after else "", size + 1, containing=wanted)
    return {"spiders": listing(found, size, lambda line: [line.spider]), "wanted": wanted}
