"""Broken pages: the list, one page snapshot with its HTML and its screenshot, and the orders to replay it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.database import reading
from console.ordering import CannotOrder, order_for_page
from console.paging import Listing, asked_after, asked_size, encode_key
from console.queries import pages as queries
from console.security.identity import needs
from console.snapshots import (
    NoSuchSnapshot,
    Snapshot,
    UnreadableFile,
    file_of,
    is_name,
    read_body,
    read_facts,
    read_screenshot,
    reason_of,
    run_and_number,
    text_of,
    without_links,
)
from crawler.page.snapshot_policy import REASONS
from crawler.snapshots.page_snapshot import FACTS
from models.console_account import OPERATOR
from models.crawl_order import REPLAY, SAVE_TEST

blueprint = Blueprint("pages", __name__, url_prefix="/pages")

SHOWN_SOURCE = 50_000  # characters on the page of a snapshot; the rest is in the file
# The HTML of a site: it runs nothing, sends nothing, and loads nothing from anywhere.
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
ORDERS = {"replay": REPLAY, "save-test": SAVE_TEST}


@blueprint.get("/")
def page() -> str:
    spider, reason = request.args.get("spider") or None, request.args.get("reason") or None
    run_id, after, missing = asked_run(), asked_after(int, int), request.args.get("missing") == "1"
    rows, last = queries.list_pages(
        reading(),
        partial(reason_of, folder()),
        spider=spider,
        run_id=run_id,
        reason=reason,
        missing=missing,
        after=(after[0], after[1]) if after else None,
        limit=asked_size(),
    )
    found: Listing[Any] = Listing(rows=rows, after=encode_key(last) if last else None)
    return render_template(
        "pages.html",
        pages=found,
        spider=spider,
        run_id=run_id,
        reason=reason,
        reasons=REASONS,
        missing=missing,
    )


@blueprint.get("/<path:path>")
def show(path: str) -> str:
    run_id, number = known_name(path)
    facts, problem, source = None, "", None
    try:
        facts = read_facts(folder(), path)
        body = read_body(folder(), facts) if facts is not None else None
        if facts is not None and body is None:
            problem = f"{path}{facts.suffix} is not there any more"
        elif facts is not None and body is not None and facts.is_text:
            source = text_of(body[: 4 * SHOWN_SOURCE], facts.encoding)[:SHOWN_SOURCE]
    except UnreadableFile as error:
        problem = str(error)
    known = queries.find_page(reading(), run_id, number)
    if facts is None and known.request is None and not known.rejected:
        abort(404, f"there is no page snapshot {path}")
    return render_template(
        "page.html",
        name=path,
        run_id=run_id,
        facts=facts,
        problem=problem,
        source=source,
        is_cut=source is not None and len(source) == SHOWN_SOURCE,
        has_screenshot=_has_screenshot(path),
        known=known,
        where=file_of(folder(), path, FACTS),
        orders=queries.orders_of_page(reading(), path, run_id),
        can_replay=known.is_broken and facts is not None and facts.reason in REASONS,
        can_save=facts is not None,
    )


@blueprint.get("/<path:path>/document")
def document(path: str) -> Response:
    """Return the HTML for the frame."""
    facts, body = found(path)
    if not facts.is_html:
        abort(404, f"page snapshot {path} is no HTML")
    return sealed(without_links(text_of(body, facts.encoding)).encode(), "text/html; charset=utf-8")


@blueprint.get("/<path:path>/source")
def source(path: str) -> Response:
    """Return the body: text as text, anything else as a file to save."""
    facts, body = found(path)
    if facts.is_text:
        return sealed(text_of(body, facts.encoding).encode(), "text/plain; charset=utf-8")
    response = sealed(body, "application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{path.replace("/", "-")}.body"'
    return response


@blueprint.get("/<path:path>/screenshot")
def screenshot(path: str) -> Response:
    known_name(path)
    try:
        image = read_screenshot(folder(), path)
    except UnreadableFile as error:
        abort(404, str(error))
    if image is None:
        abort(404, f"page snapshot {path} has no screenshot")
    return sealed(image, "image/png")


@blueprint.post("/<path:path>/orders")
@needs(OPERATOR)
def order(path: str) -> AnyResponse:
    known_name(path)
    kind = ORDERS.get(request.form.get("kind", ""))
    if kind is None:
        abort(400, "there is no such order")
    try:
        asked = order_for_page(kind, path)
        flash(f"Asked for, as order {asked.id}. Its result shows here and at Orders.")
    except CannotOrder as error:
        flash(str(error), "error")
    return redirect(url_for("pages.show", path=path))


def folder() -> Path:
    """Return the folder of page snapshots."""
    return Path(current_app.config["PAGES_FOLDER"])


def known_name(name: str) -> tuple[int, int]:
    """Return the run and the number of a snapshot's name; HTTP 404 if it is no name, or leads out of the folder."""
    if not is_name(name):
        abort(404, "a page snapshot has a name such as 7/12")
    try:
        file_of(folder(), name, FACTS)
    except NoSuchSnapshot:
        abort(404, f"there is no page snapshot {name}")
    return run_and_number(name)


def found(name: str) -> tuple[Snapshot, bytes]:
    """Return a snapshot and its body; HTTP 404 if it is not in the folder."""
    known_name(name)
    try:
        facts = read_facts(folder(), name)
        body = read_body(folder(), facts) if facts is not None else None
    except (NoSuchSnapshot, UnreadableFile) as error:
        abort(404, str(error))
    if facts is None or body is None:
        abort(404, f"the files of page snapshot {name} are not in {folder()}")
    return facts, body


def asked_run() -> int | None:
    """Return ``?run=`` of this request; HTTP 400 if it is no number of a run."""
    text = request.args.get("run", "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not 0 < int(text) < 2**31:
        abort(400, "write the run as a number, such as 7")
    return int(text)


def sealed(content: bytes, kind: str) -> Response:
    """Return content of a site as a response that a browser trusts in nothing."""
    return Response(
        content,
        headers={
            "Content-Type": kind,
            "Content-Security-Policy": SANDBOX,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            "X-DNS-Prefetch-Control": "off",
            "Referrer-Policy": "no-referrer",
        },
    )


def _has_screenshot(name: str) -> bool:
    try:
        return read_screenshot(folder(), name) is not None
    except (NoSuchSnapshot, UnreadableFile):
        return False
