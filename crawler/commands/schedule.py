"""``scrapy schedule``: when the spiders run, for cron, for systemd, or to be done here and now."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.spiderloader import get_spider_loader
from scrapy.utils.log import configure_logging
from sqlalchemy import select
from sqlalchemy.orm import Session
from tzlocal import get_localzone

from crawler.schedule.declared import WrongSchedule, schedules_of
from crawler.schedule.expression import CronExpression
from crawler.schedule.printed import crontab_lines, systemd_units
from crawler.schedule.runner import Runner
from models.run import LEASE, CrawlRun, scope_of
from models.schema import check_schema
from models.session import DatabaseUnusable, check_connection, make_engine

ROOT = Path(__file__).parent.parent.parent


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[--systemd [FOLDER] | --run]"

    def short_desc(self) -> str:
        return "Print the crontab lines of the spiders that declare a schedule; or be cron for them"

    def long_desc(self) -> str:
        return (
            'Print a crontab line for each spider that declares a schedule, such as schedule = "15 3 * * *". '
            "SCHEDULE goes before what they declare: one expression for all of them, or "
            "'books: 0 4 * * *; quotes: off'."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument(
            "--systemd",
            nargs="?",
            const="",
            metavar="FOLDER",
            help="print systemd's timers and their service instead, or write them into FOLDER",
        )
        kind.add_argument(
            "--run",
            action="store_true",
            help="crawl each spider at its time until SIGTERM, as the container does, and log the exit codes",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError("scrapy schedule takes no arguments", print_help=False)
        assert self.settings is not None
        try:
            loader = get_spider_loader(self.settings)
            declared = {name: getattr(loader.load(name), "schedule", None) for name in loader.list()}
            schedules = schedules_of(declared, self.settings.get("SCHEDULE") or "")
            if not schedules:
                raise WrongSchedule('no spider declares a schedule, such as schedule = "15 3 * * *"')
            if opts.run:
                self._run(schedules)
            elif opts.systemd is not None:
                units = systemd_units(
                    schedules, root=ROOT, python=Path(sys.executable), user=getpass.getuser()
                )
                show_or_write(units, opts.systemd)
            else:
                print(*crontab_lines(schedules, ROOT), sep="\n")
        except (WrongSchedule, DatabaseUnusable, OSError) as error:
            print(f"scrapy schedule: {error}", file=sys.stderr)
            self.exitcode = 1

    def _run(self, schedules: Mapping[str, CronExpression]) -> None:
        assert self.settings is not None
        try:
            get_localzone()
        except LookupError:
            raise WrongSchedule(f"TZ={os.environ.get('TZ')!r} is no time zone; write Europe/Berlin") from None
        sys.stdout.flush()
        os.dup2(1, 2)  # a container's log is one stream: ours and the crawls' lines in their order
        configure_logging(self.settings)
        runner = Runner(
            schedules,
            lambda name: [sys.executable, "-m", "scrapy", "crawl", name],
            cwd=ROOT,
            interrupted=interrupted(schedules, self.settings["DATABASE_URL"]),
            lease=LEASE.total_seconds(),
        )
        asyncio.run(runner.run())


def interrupted(names: Mapping[str, object], database_url: str) -> frozenset[str]:
    """The spiders whose last run is not over.

    Raises:
        DatabaseUnusable: what to do about the database, in one line.
    """
    engine = make_engine(database_url)
    try:
        check_connection(engine)
        check_schema(engine)
        scopes = [scope_of(name, {}) for name in names]
        with Session(engine) as session:
            return frozenset(session.scalars(select(CrawlRun.spider).where(CrawlRun.unfinished.in_(scopes))))
    finally:
        engine.dispose()


def show_or_write(units: Mapping[str, str], folder: str) -> None:
    for name, text in units.items():
        file = Path(folder or "/etc/systemd/system") / name
        if folder:
            file.write_text(text)
        print(file if folder else f"# {file}\n{text}")
