"""``scrapy rendering``: list what crawls learned about rendering, or make them forget it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crawler.database_command import CommandFailed, DatabaseCommand
from crawler.security.plain_text import json_line, one_line
from models import CrawlRendering
from models.command_name import command
from models.rendering import forget
from models.session import for_writing

WIDE = 200  # columns without a terminal: in a mail, in a file


class Command(DatabaseCommand):
    name = "rendering"
    max_arguments = 1

    def syntax(self) -> str:
        return "[options] [SPIDER]"

    def short_desc(self) -> str:
        return "List which pages plain HTTP answers, and why; --forget makes the crawls learn again"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--forget", metavar="WHAT", help="forget what was learned: an ID, a host, or all (of SPIDER)"
        )
        parser.add_argument("--json", action="store_true", help="print a JSON object on each line")

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        spider = args[0] if args else None
        with self.database() as engine:
            if opts.forget is not None:
                _forget(engine, spider, opts.forget.strip())
            else:
                _list(engine, spider, as_lines=opts.json)


def _forget(engine: Engine, spider: str | None, what: str) -> None:
    with Session(for_writing(engine)) as session, session.begin():
        query = select(CrawlRendering.id)
        if spider:
            query = query.where(CrawlRendering.spider == spider)
        if what.isdigit():
            query = query.where(CrawlRendering.id == int(what))
        elif what != "all":
            query = query.where(CrawlRendering.host == what.lower())
        ids = session.scalars(query).all()
        if not ids and what != "all":
            raise CommandFailed(
                f"nothing was learned about {what!r}; `{command('rendering')}` lists IDs and hosts"
            )
        number = forget(session, ids)
    print(
        f"{number} {'pattern is' if number == 1 else 'patterns are'} forgotten; the next crawl learns again"
    )


def _list(engine: Engine, spider: str | None, *, as_lines: bool) -> None:
    query = select(CrawlRendering).order_by(
        CrawlRendering.spider, CrawlRendering.host, CrawlRendering.callback, CrawlRendering.id
    )
    if spider:
        query = query.where(CrawlRendering.spider == spider)
    with Session(engine) as session:
        patterns = [as_json(pattern) for pattern in session.scalars(query)]
    if as_lines:
        for pattern in patterns:
            print(json_line(pattern))
    elif patterns:
        _print(patterns)
    else:
        print("nothing was learned yet")


def as_json(pattern: CrawlRendering) -> dict[str, Any]:
    """Return the pattern as ``--json`` prints it."""
    return {
        "id": pattern.id,
        "spider": pattern.spider,
        "host": pattern.host,
        "callback": pattern.callback,
        "pattern": pattern.pattern,
        "mode": pattern.mode,
        "equal": pattern.times_equal,
        "equal_in_row": pattern.equal_in_row,
        "unequal": pattern.times_unequal,
        "checked_at": pattern.checked_at.isoformat(),
        "reason": pattern.reason,
    }


def _print(patterns: list[dict[str, Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(
        "id",
        "spider",
        "callback",
        "pattern",
        "mode",
        "equal",
        "unequal",
        "checked (UTC)",
        "because",
        box=None,
    )
    for one in patterns:
        # As Text, not as markup: it comes from sites.
        table.add_row(
            str(one["id"]),
            Text(one["spider"]),
            Text(one["callback"]),
            Text(one_line(one["host"] + one["pattern"])),
            one["mode"],
            str(one["equal"]),
            str(one["unequal"]),
            one["checked_at"][:16].replace("T", " "),
            Text(one_line(one["reason"])),
        )
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
