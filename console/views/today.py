"""Today: what runs, what is bad, what is late, and the last verdicts of each spider."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.database import now, reading
from console.queries import runs as queries

blueprint = Blueprint("today", __name__)


@blueprint.get("/")
def page() -> str:
    return render_template("today.html", running=queries.running(reading(), now()))
