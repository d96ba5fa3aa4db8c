"""``scrapy rejected``: items that were not stored, why, and storing them after all."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text
from scrapy.commands import ScrapyCommand
from scrapy.utils.misc import load_object
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawler.plain_text import one_line
from models import RejectedItem
from models.run import RunIsAlive
from models.schema import check_schema
from models.session import DatabaseUnusable, check_connection, make_engine


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] [SPIDER]"

    def short_desc(self) -> str:
        return "List the items that were not stored, with their reasons; --replay stores what is fit by now"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--run", type=int, help="only of this run")
        parser.add_argument(
            "--all", action="store_true", help="also those that were stored since by --replay"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line, with the whole item")
        parser.add_argument(
            "--replay", action="store_true", help="validate them again, and store what is fit now"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        spider = args[0] if args else None
        try:
            engine = make_engine(self.settings["DATABASE_URL"])
            check_connection(engine)
            check_schema(engine)
            if opts.replay:
                replay = load_object(self.settings["REPLAY"])
                stored, left = replay(engine, self.settings, spider=spider, run_id=opts.run)
                print(f"{stored} items are stored, {left} are still rejected")
                self.exitcode = 0
                return
        except (DatabaseUnusable, RunIsAlive) as error:
            print(f"scrapy rejected: {error}", file=sys.stderr)
            self.exitcode = 1
            return
        query = select(RejectedItem).order_by(RejectedItem.id)
        if spider:
            query = query.where(RejectedItem.spider == spider)
        if opts.run:
            query = query.where(RejectedItem.run_id == opts.run)
        if not opts.all:
            query = query.where(RejectedItem.replayed_at.is_(None))
        with Session(engine) as session:
            rejected = session.scalars(query).all()
        engine.dispose()
        if opts.json:
            for one in rejected:
                print(json.dumps(as_json(one), ensure_ascii=False))
        else:
            show(rejected)


def as_json(one: RejectedItem) -> dict[str, object]:
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
    """A reason without the value that it was for, so that like can be counted with like."""
    place = "".join(
        "[]" if part.isdigit() else part for part in field.replace("[", " ").replace("]", " ").split()
    )
    return f"{place} {why.split(':', maxsplit=1)[0]}".strip()


def show(items: Sequence[RejectedItem]) -> None:
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
    table = Table("items", "spider: table", "reason", "for instance")
    for kind, number in counted.most_common():
        # Text, not markup: sites wrote it.
        table.add_row(
            str(number), Text(kind[0]), Text(one_line(kind[1])), Text(one_line(example[kind].url or ""))
        )
    console.print(table)
    console.print(f"{len(items)} items; --json shows them whole, --replay tries them again")
