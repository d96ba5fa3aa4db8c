"""Events: how far each sink is, what it refused, and the last events."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from console.database import now, reading
from console.ordering import NoSuchSink, order_send_again
from console.paging import asked_after, asked_size, listing
from console.queries import events as queries
from console.queries.orders import scheduler_is_alive
from console.security.identity import needs
from models.console_account import OPERATOR
from models.relay import refusals

blueprint = Blueprint("events", __name__, url_prefix="/events")

LAST = 20  # events


@blueprint.get("/")
def page() -> str:
    size, after = asked_size(), asked_after(int)
    found = refusals(reading(), size + 1, before=after[0] if after else None)
    return render_template(
        "events.html",
        relay=queries.relay(reading(), now()),
        sinks=queries.sinks(reading()),
        refused=listing(found, size, lambda one: [one.id]),
        events=queries.last_events(reading(), LAST),
        scheduler_is_alive=scheduler_is_alive(reading(), now()),
    )


@blueprint.post("/again")
@needs(OPERATOR)
def again() -> Response:
    try:
        asked = order_send_again(request.form.get("sink") or None)
    except NoSuchSink as error:
        abort(404, str(error))
    flash(f"Asked for, as order {asked.id}.")
    return redirect(url_for("events.page"))
