"""The routes of the console, and the query arguments that each of them reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from werkzeug.routing import Rule

from console.app import create_app
from console.config import ConsoleConfig
from models.session import make_engine

LIST = ("limit", "after")
ROWS = ("table", "q", "column", "op", "value", "gone", "sort", "order", "show")
CHANGES = ("table", "kind", "field", "run", "from", "to", "text")
# Of pages; the arguments of the API are in its document.
ARGUMENTS = {
    "/login": ("next",),
    "/": ("spider", *LIST),
    "/runs/": ("spider", "verdict", "arguments", "since", "until", *LIST),
    "/runs/<int:run_id>/again": ("how",),
    "/changes/": (*CHANGES, *LIST),
    "/changes/export": (*CHANGES, "format"),
    "/changes/row": ("table", "key", *LIST),
    "/changes/course.json": ("table", "key", "field"),
    "/tables/rows": (*ROWS, *LIST),
    "/tables/facets": ROWS,
    "/tables/export": (*ROWS, "format"),
    "/pages/": ("spider", "reason", "run", "missing", *LIST),
    "/schedules/": ("spider", *LIST),
    "/schedules/spider": ("name",),
    "/frontier/": LIST,
    "/frontier/<int:run_id>": ("state", "host", *LIST),
    "/events/": LIST,
    "/orders/": LIST,
    "/people/actions": LIST,
}
# So that a route reads the other arguments, too.
NEEDED = {
    "table": "wide",
    "key": "[1]",
    "field": "price",
    "name": "books",
    "column": "id",
    "op": "=",
    "value": "1",
    "limit": "1",
}


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules of an application as the console has it."""
    app = create_app(ConsoleConfig(pages_folder=Path("pages")), make_engine("sqlite://"))
    return tuple(rule for rule in app.url_map.iter_rules() if rule.endpoint != "static")


def filled(rule: str, run_id: int, text: str | None = None) -> str:
    """Return the path of a rule, with what exists in place of its variables, or with a text."""
    known = {"path:path": f"{run_id}/1", "path:spider": "books", "path:name": "wide", "token": "x" * 43}
    return re.sub(
        r"<([^>]+)>",
        lambda one: (
            text if text is not None else known.get(one[1], str(run_id) if "run_id" in one[1] else "1")
        ),
        rule,
    )


def changing(run_id: int) -> Iterator[tuple[str, str]]:
    """Yield the method and the path of each route that changes something."""
    for rule in rules():
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            yield method, filled(rule.rule, run_id)


def reading(run_id: int, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the path of each route that reads, the arguments that it needs, and the name of one that it reads."""
    for rule in rules():
        if "GET" not in (rule.methods or set()) or rule.rule.endswith("/stream"):
            continue
        names = ARGUMENTS.get(rule.rule, ()) or api_arguments(document, rule.rule)
        needed = {name: value for name, value in NEEDED.items() if name in names}
        for name in names:
            yield filled(rule.rule, run_id), needed, name


def api_arguments(document: dict[str, Any], rule: str) -> tuple[str, ...]:
    """Return the query arguments that the document of the API names for a rule."""
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
    operation = document["paths"].get(path, {}).get("get", {})
    return tuple(one["name"] for one in operation.get("parameters", ()) if one["in"] == "query")
