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
    return render_template("today.html", **_today(), **_spiders(*_arguments()))


@blueprint.get("/today/stream")
def stream() -> Response:
    """Send what runs, what is bad and what is late, and the spiders with their last runs."""
    arguments = _arguments()

    def parts() -> dict[str, str]:
        return {
            "live": render_template("today_part.html", **_today()),
            "spiders": render_template("today_spiders.html", **_spiders(*arguments)),
        }

    return live.stream("today", queries.stamp, parts, is_shared=not request.args)


def _today() -> dict[str, Any]:
    return {
        "today": queries.today(reading(), now()),
        "scheduler_is_alive": scheduler_is_alive(reading(), now()),
    }


def _arguments() -> tuple[str, str, int]:
    """Return which spiders are asked for: a part of the name, the name before the first, how many."""
    after = asked_after(str)
    return request.args.get("spider", ""), after[0] if after else "", asked_size(SPIDERS)


def _spiders(wanted: str, after: str, size: int) -> dict[str, Any]:
    found = spiders_after(reading(), now(), after, size + 1, containing=wanted)
    return {"spiders": listing(found, size, lambda line: [line.spider]), "wanted": wanted}
