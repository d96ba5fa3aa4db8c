"""``scrapy migrate``: bring the database's schema up to date."""

from __future__ import annotations

import argparse
import sys

from scrapy.commands import ScrapyCommand
from sqlalchemy.exc import SQLAlchemyError

from models.schema import upgrade
from models.session import DatabaseUnusable, check_connection, make_engine, shown


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False

    def short_desc(self) -> str:
        return "Bring the database's schema up to date (DATABASE_URL)"

    def long_desc(self) -> str:
        return (
            "Bring the schema of the database at DATABASE_URL up to date. An SQLite file is brought up to date by "
            "the crawl itself; a server only by this command. Take a backup first."
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        try:
            engine = make_engine(self.settings["DATABASE_URL"])
            check_connection(engine)
            before, after = upgrade(engine)
        except DatabaseUnusable as error:
            print(f"scrapy migrate: {error}", file=sys.stderr)
            self.exitcode = 1
        except SQLAlchemyError as error:
            print(f"scrapy migrate: the migration failed: {' '.join(str(error).split())}", file=sys.stderr)
            self.exitcode = 1
        else:
            state = "was up to date" if before == after else f"went from revision {before or 'nothing'}"
            print(f"{shown(engine.url)} {state}: revision {after}")
            engine.dispose()
