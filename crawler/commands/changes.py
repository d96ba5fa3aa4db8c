"""``scrapy changes``: what happened to rows."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime

import dateparser
from rich.console import Console
from rich.text import Text
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from sqlalchemy.orm import Session

from models import Base, Row, RowChange
from models.history import read_changes
from models.schema import check_schema
from models.session import DatabaseUnusable, check_connection, make_engine

COLOURS = {"created": "green", "changed": "yellow", "gone": "red", "returned": "cyan"}
LONGEST = 60  # characters of a value


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] [MODEL]"

    def short_desc(self) -> str:
        return "Show what happened to rows: created, changed, gone, returned"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--since", help="only from then on: 2026-05-01, '3 days ago', 12:30 (UTC)")
        parser.add_argument("--key", help="only this row; the parts of a key with / between them")
        parser.add_argument("--run", type=int, help="only what this run found")
        parser.add_argument("--limit", type=int, help="only the last ones")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) > 1:
            raise UsageError("scrapy changes takes one model", print_help=False)
        assert self.settings is not None
        try:
            table = table_of(args[0]) if args else None
            since = moment_of(opts.since) if opts.since else None
            engine = make_engine(self.settings["DATABASE_URL"])
            check_connection(engine)
            check_schema(engine)
        except (DatabaseUnusable, ValueError) as error:
            print(f"scrapy changes: {error}", file=sys.stderr)
            self.exitcode = 1
            return
        console = Console(soft_wrap=True, highlight=False)
        with Session(engine) as session:
            for change in read_changes(
                session, table=table, since=since, key=opts.key, run_id=opts.run, limit=opts.limit
            ):
                if opts.json:
                    print(json.dumps(as_json(change), ensure_ascii=False))
                else:
                    console.print(as_line(change))
        engine.dispose()


def table_of(name: str) -> str:
    """The table of a model, by the name of either.

    Raises:
        ValueError: there is no such model; with those that there are.
    """
    models = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
    rows = {known: model for known, model in models.items() if issubclass(model, Row)}
    for known, model in rows.items():
        if name.lower() in (known.lower(), model.__tablename__.lower()):
            return str(model.__tablename__)
    raise ValueError(f"there is no model {name!r}; there are {', '.join(sorted(rows))}")


def moment_of(text: str) -> datetime:
    """A moment as a person writes it.

    Raises:
        ValueError: nobody knows when that is.
    """
    settings = {"TIMEZONE": "UTC", "RETURN_AS_TIMEZONE_AWARE": True, "PREFER_DATES_FROM": "past"}
    moment = dateparser.parse(text, settings=settings)
    if moment is None:
        raise ValueError(
            f"--since {text!r} is no moment; write 2026-05-01, '2026-05-01 12:30' or '3 days ago'"
        )
    return moment.astimezone(UTC)


def as_json(change: RowChange) -> dict[str, object]:
    return {
        "at": change.at.isoformat(),
        "run": change.run_id,
        "table": change.table_name,
        "key": json.loads(change.row_key),
        "kind": change.kind,
        "fields": {name: {"old": old, "new": new} for name, (old, new) in (change.fields or {}).items()},
    }


def as_line(change: RowChange) -> Text:
    """One change on one line. What sites wrote is shown as text: no markup, no control characters."""
    key = "/".join(str(part) for part in json.loads(change.row_key))
    line = Text(f"{change.at:%Y-%m-%d %H:%M:%S}  ")
    line.append(f"{change.kind:8}", style=COLOURS.get(change.kind, ""))
    line.append(f"  {change.table_name} {_shown(key)}")
    fields = [f"{name}: {_shown(old)} -> {_shown(new)}" for name, (old, new) in (change.fields or {}).items()]
    if fields:
        line.append("  " + ", ".join(fields))
    return line


def _shown(value: object) -> str:
    if value is None:
        return "NULL"
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
