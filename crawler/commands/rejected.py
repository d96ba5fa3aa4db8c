"""``scrapy rejected``: list the rejected items with their reasons, or store them again."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence

from scrapy.utils.misc import load_object
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crawler.database_command import DatabaseCommand
from crawler.run.interfaces import ReplayRejected
from crawler.security.plain_text import json_line, one_line
from models import RejectedItem
from models.run import RunIsAlive


class Command(DatabaseCommand):
    name = "rejected"
    max_arguments = 1
    expected_errors = (RunIsAlive,)

    def syntax(self) -> str:
        return "[options] [SPIDER]"

    def short_desc(self) -> str:
        return "List the rejected items with their reasons; --replay stores the items that are valid now"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--run", type=int, help="only items of this run")
        parser.add_argument("--all", action="store_true", help="also items that --replay has stored")
        parser.add_argument(
            "--json", action="store_true", help="print each complete item as a JSON object on one line"
        )
        parser.add_argument(
            "--replay", action="store_true", help="validate the items again and store the valid ones"
        )

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        spider = args[0] if args else None
        with self.database() as engine:
            if opts.replay:
                self._replay(engine, spider, opts.run)
            else:
                self._list(engine, spider, opts)

    def _replay(self, engine: Engine, spider: str | None, run_id: int | None) -> None:
        replay: ReplayRejected = load_object(self.project_settings["REPLAY"])
        stored, left, outdated = replay(engine, self.project_settings, spider=spider, run_id=run_id)
        old = f", {outdated} are out of date: a later crawl has seen their rows" if outdated else ""
        print(f"{stored} items are stored, {left} are still rejected{old}")

    def _list(self, engine: Engine, spider: str | None, opts: argparse.Namespace) -> None:
        query = select(RejectedItem).order_by(RejectedItem.id)
        if spider:
            query = query.where(RejectedItem.spider == spider)
        if opts.run:
            query = query.where(RejectedItem.run_id == opts.run)
        if not opts.all:
            query = query.where(RejectedItem.replayed_at.is_(None))
        with Session(engine) as session:
            rejected = session.scalars(query).all()
        if opts.json:
            for one in rejected:
                print(json_line(as_json(one)))
        else:
            show(rejected)


def as_json(one: RejectedItem) -> dict[str, object]:
    """Return the item as ``--json`` prints it."""
    return {
        "id": one.id,
        "run": one.run_id,
        "at": one.at.isoformat(),
        "spider": one.spider,
        "table": one.table_name,
        "url": one.url,
        "kept_page": one.kept_page,
        "reasons": one.reasons,
        "item": one.item,
    }


def kind_of(field: str, why: str) -> str:
    """Return a reason without the value that it is about, so that equal reasons are counted together."""
    place = "".join(
        "[]" if part.isdigit() else part for part in field.replace("[", " ").replace("]", " ").split()
    )
    return f"{place} {why.split(':', maxsplit=1)[0]}".strip()


def show(items: Sequence[RejectedItem]) -> None:
    """Print a table of the reasons: how many items have each, and an example."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(soft_wrap=True)
    if not items:
        console.print("no item was rejected")
        return
    counted: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], RejectedItem] = {}
    for one in items:
        for field, why in one.reasons.items():
            kind = (f"{one.spider}: {one.table_name}", kind_of(field, why))
            counted[kind] += 1
            example.setdefault(kind, one)
    table = Table("items", "spider: table", "reason", "example")
    for kind, number in counted.most_common():
        # As Text, not as markup: it comes from sites.
        table.add_row(
            str(number), Text(kind[0]), Text(one_line(kind[1])), Text(one_line(example[kind].url or ""))
        )
    console.print(table)
    console.print(f"{len(items)} items; --json prints them completely, --replay validates them again")
