"""Orders: what people have asked for, and what became of it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from console.database import now, reading, writing
from console.paging import asked_after, asked_size, listing
from console.queries import orders as queries
from console.security.actions import note_action
from console.security.identity import needs
from models.console_account import OPERATOR
from models.crawl_order import withdraw

blueprint = Blueprint("orders", __name__, url_prefix="/orders")


@blueprint.get("/")
def page() -> str:
    size, after = asked_size(), asked_after(int)
    found = queries.list_orders(reading(), before=after[0] if after else None, limit=size + 1)
    return render_template(
        "orders.html",
        orders=listing(found, size, lambda order: [order.id]),
        scheduler_is_alive=queries.scheduler_is_alive(reading(), now()),
    )


@blueprint.post("/<int:number>/withdraw")
@needs(OPERATOR)
def withdraw_order(number: int) -> Response:
    with writing() as session:
        done = withdraw(session, number, now())
        note_action(session, "withdraw order", str(number), succeeded=done)
    flash("Withdrawn." if done else "It was taken already.", "message" if done else "error")
    return redirect(url_for("orders.page"))
