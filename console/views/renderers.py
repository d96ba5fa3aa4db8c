"""Renderers: which of those at SPLASH_URL are up, and what the running crawls use."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template

from console import live
from console.database import now, reading
from console.queries import renderers as queries
from console.renderer_watch import renderer_watch

blueprint = Blueprint("renderers", __name__, url_prefix="/renderers")


@blueprint.get("/")
def page() -> str:
    return render_template("renderers.html", **_parts())


@blueprint.get("/stream")
def stream() -> Response:
    """Send the part of the page that changes."""
    watch = renderer_watch()

    def parts() -> dict[str, str]:
        return {"live": render_template("renderers_part.html", **_parts())}

    return live.stream("renderers", lambda _session: watch.stamp(), parts)


def _parts() -> dict[str, Any]:
    return {"renderers": renderer_watch().states(), "crawls": queries.crawls(reading(), now())}
