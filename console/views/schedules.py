"""Schedules: the spiders, when each runs next, and for operators what can be changed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from console.database import now, reading
from console.ordering import CannotOrder, order_start
from console.paging import asked_after, asked_size, listing
from console.queries import schedules as queries
from console.queries.orders import scheduler_is_alive
from console.scheduling import NoSuchSpider, WrongValue, change_schedule
from console.security.identity import needs
from models.console_account import OPERATOR

blueprint = Blueprint("schedules", __name__, url_prefix="/schedules")


@blueprint.get("/")
def page() -> str:
    wanted, after, size = request.args.get("spider", ""), asked_after(str), asked_size()
    found = queries.list_schedules(
        reading(), now(), containing=wanted, after=after[0] if after else "", limit=size + 1
    )
    return render_template(
        "schedules.html",
        schedules=listing(found, size, lambda one: [one.spider]),
        wanted=wanted,
        alert_kinds=current_app.config["ALERT_KINDS"],
        scheduler_is_alive=scheduler_is_alive(reading(), now()),
    )


# The name of a spider is an argument: it may have characters that a path cannot have.
@blueprint.get("/spider")
def show() -> str:
    name = request.args.get("name", "")
    found = queries.find_schedule(reading(), now(), name)
    if found is None:
        abort(404, str(NoSuchSpider(name)))
    alive = scheduler_is_alive(reading(), now())
    return render_template("schedule.html", one=found, scheduler_is_alive=alive)


@blueprint.post("/start")
@needs(OPERATOR)
def start() -> Response:
    names, values = request.form.getlist("name"), request.form.getlist("value")
    arguments = {name.strip(): value for name, value in zip(names, values, strict=False) if value.strip()}
    try:
        asked = order_start(_spider(), arguments, fresh=request.form.get("how") == "fresh")
    except CannotOrder as error:
        flash(str(error), "error")
        return _back()
    flash(f"Asked for, as order {asked.id}.")
    return redirect(url_for("orders.page"))


@blueprint.post("/expression")
@needs(OPERATOR)
def edit() -> Response:
    return _change("The schedule is changed.", chosen=request.form.get("expression", ""))


@blueprint.post("/pause")
@needs(OPERATOR)
def pause() -> Response:
    paused = request.form.get("paused") == "1"
    message = "The schedule starts no runs." if paused else "The schedule starts runs again."
    return _change(message, paused=paused)


@blueprint.post("/mute")
@needs(OPERATOR)
def mute() -> Response:
    hours = request.form.get("hours", type=float)
    if hours is None:
        abort(400, "write a number of hours")
    return _change("The alarms are muted." if hours else "The alarms are heard.", muted_hours=hours)


@blueprint.post("/recipients")
@needs(OPERATOR)
def choose_recipients() -> Response:
    return _change("The choice is stored.", heard_by=request.form.getlist("heard_by"))


def _spider() -> str:
    return request.form.get("spider", "")


def _change(message: str, **changes: Any) -> Response:
    try:
        change_schedule(_spider(), **changes)
        flash(message)
    except NoSuchSpider as error:
        abort(404, str(error))
    except WrongValue as error:
        flash(str(error), "error")
    return _back()


def _back() -> Response:
    return redirect(url_for("schedules.show", name=_spider()))
