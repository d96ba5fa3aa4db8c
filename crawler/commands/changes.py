"""``scrapy changes``: the history of rows."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from crawler.command_failure import print_failure
from crawler.database_command import CommandFailed, DatabaseCommand
from crawler.security.plain_text import json_line, one_line
from models import Base, Row, RowChange
from models.existing.definition import existing_models
from models.history import read_changes

if TYPE_CHECKING:
    from rich.text import Text


COLOURS = {"created": "green", "changed": "yellow", "gone": "red", "returned": "cyan"}
LONGEST_VALUE = 60  # characters
DAYS = {"today": 0, "yesterday": 1}  # whole days: dateparser reads "today" as now


class Command(DatabaseCommand):
    name = "changes"
    max_arguments = 1

    def syntax(self) -> str:
        return "[options] [TABLE]"

    def short_desc(self) -> str:
        return "Show the history of rows: created, changed, gone, returned"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--since", help="only changes from this datetime on (UTC): 2026-05-01, today, '3 days ago', 12:30"
        )
        parser.add_argument("--key", help="only this row; write / between the parts of its key")
        parser.add_argument("--run", type=int, help="only changes of this run")
        parser.add_argument("--limit", type=int, help="at most so many, the latest")
        parser.add_argument("--json", action="store_true", help="print a JSON object on each line")

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        from rich.console import Console  # noqa: PLC0415

        table = table_of(args[0]) if args else None
        since = datetime_of(opts.since) if opts.since else None
        console = Console(soft_wrap=True, highlight=False)
        is_empty = True
        with self.database() as engine, Session(engine) as session:
            for change in read_changes(
                session, table=table, since=since, key=opts.key, run_id=opts.run, limit=opts.limit
            ):
                is_empty = False
                if opts.json:
                    print(json_line(as_json(change)))
                else:
                    console.print(as_line(change))
        if is_empty and opts.key is not None:
            print_failure(self.program, no_change(opts.key, table, since=opts.since, run=opts.run))


def no_change(key: str, table: str | None, *, since: str | None, run: int | None) -> str:
    """Return the message for a key without a change, with the options that may have left its changes out."""
    options = [f"--{name} {value}" for name, value in (("since", since), ("run", run)) if value is not None]
    table_text = f" of {table}" if table else ""
    options_text = f" with {' and '.join(options)}" if options else ""
    return f"no change{table_text}{options_text} has the key {one_line(key)!r}"


def table_of(name: str) -> str:
    """Return the table of a model. ``name`` is the name of the model or of its table, in any case.

    Raises:
        CommandFailed: there is no such table; the message lists the tables.
    """
    rows: dict[str, type[Row]] = {
        mapper.class_.__name__: mapper.class_
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Row)
    }
    rows |= {model.__name__: model for model in existing_models()}
    for known, model in rows.items():
        if name.lower() in (known.lower(), model.__tablename__.lower()):
            return str(model.__tablename__)
    tables = sorted({str(model.__tablename__) for model in rows.values()})
    raise CommandFailed(f"there is no table {name!r}; there are {', '.join(tables)}")


def datetime_of(text: str) -> datetime:
    """Return the UTC datetime that a person has written.

    Raises:
        CommandFailed: the text is no datetime.
    """
    import dateparser  # noqa: PLC0415

    if (days := DAYS.get(text.strip().lower())) is not None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=days)
    settings = {"TIMEZONE": "UTC", "RETURN_AS_TIMEZONE_AWARE": True, "PREFER_DATES_FROM": "past"}
    since = dateparser.parse(text, settings=settings)
    if since is None:
        raise CommandFailed(
            f"--since {text!r} is no date or time; write 2026-05-01, '2026-05-01 12:30' or '3 days ago'"
        )
    return since.astimezone(UTC)


def as_json(change: RowChange) -> dict[str, object]:
    """Return the change as ``--json`` prints it."""
    return {
        "at": change.at.isoformat(),
        "run": change.run_id,
        "table": change.table_name,
        "key": json.loads(change.row_key),
        "kind": change.kind,
        "fields": {name: {"old": old, "new": new} for name, (old, new) in (change.fields or {}).items()},
    }


def as_line(change: RowChange) -> Text:
    """Return one change on one line, with the texts of sites as plain text: no markup, no control characters."""
    from rich.text import Text  # noqa: PLC0415

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
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
