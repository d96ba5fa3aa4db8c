"""``scrapy schedule``: print the schedules of the spiders for cron or systemd, or run the spiders by them."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from scrapy.spiderloader import get_spider_loader
from scrapy.utils.log import configure_logging
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from tzlocal import get_localzone

from crawler.database_command import DatabaseCommand
from crawler.project import this_project
from crawler.schedule.export import crontab_lines, systemd_units
from crawler.schedule.expression import CronExpression
from crawler.schedule.runner import Runner
from crawler.schedule.spider_schedules import WrongSchedule, schedules_of
from models.run import HEARTBEAT_TIMEOUT, CrawlRun, scope_of


class Command(DatabaseCommand):
    name = "schedule"
    expected_errors = (WrongSchedule, OSError)

    def syntax(self) -> str:
        return "[--systemd [FOLDER] | --run]"

    def short_desc(self) -> str:
        return "Print the crontab lines of the spiders that declare a schedule, or run the spiders at these times"

    def long_desc(self) -> str:
        return (
            'Print a crontab line for each spider that declares a schedule, such as schedule = "15 3 * * *". '
            "The setting SCHEDULE overrides the spiders: one expression for all of them, or "
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
            help="print systemd timers and their service instead, or write them into FOLDER",
        )
        kind.add_argument(
            "--run",
            action="store_true",
            help="stay here and run each spider at its time until SIGTERM, as the container does; log the exit codes",
        )

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        loader = get_spider_loader(self.project_settings)
        broken = getattr(loader, "broken", {})
        if broken and not opts.run:  # the lines would be without the spiders of this module
            raise WrongSchedule(f"a module cannot be loaded: {', '.join(broken)} (see above)")
        declared = {name: getattr(loader.load(name), "schedule", None) for name in loader.list()}
        schedules = schedules_of(declared, self.project_settings.get("SCHEDULE") or "")
        if not schedules:
            raise WrongSchedule('no spider declares a schedule, such as schedule = "15 3 * * *"')
        root = this_project().root
        if opts.run:
            self._run(schedules, root)
        elif opts.systemd is not None:
            units = systemd_units(schedules, root=root, python=Path(sys.executable), user=getpass.getuser())
            print_or_write(units, opts.systemd)
        else:
            print(*crontab_lines(schedules, root), sep="\n")

    def _run(self, schedules: Mapping[str, CronExpression], root: Path) -> None:
        try:
            get_localzone()
        except LookupError:
            raise WrongSchedule(f"TZ={os.environ.get('TZ')!r} is no time zone; write Europe/Berlin") from None
        sys.stdout.flush()
        os.dup2(1, 2)  # a container's log is one stream: our lines and the crawls' lines in their order
        configure_logging(self.project_settings)
        with self.database() as engine:
            interrupted = interrupted_spiders(engine, schedules)
        runner = Runner(
            schedules,
            lambda name: [sys.executable, "-m", "scrapy", "crawl", name],
            cwd=root,
            interrupted=interrupted,
            lease=HEARTBEAT_TIMEOUT.total_seconds(),
        )
        asyncio.run(runner.run())


def interrupted_spiders(engine: Engine, names: Iterable[str]) -> frozenset[str]:
    """Return those of the spiders that have an unfinished run without arguments."""
    scopes = [scope_of(name, {}) for name in names]
    with Session(engine) as session:
        return frozenset(session.scalars(select(CrawlRun.spider).where(CrawlRun.unfinished.in_(scopes))))


def print_or_write(units: Mapping[str, str], folder: str) -> None:
    """Write the units into the folder, or print them if it is empty."""
    for name, text in units.items():
        file = Path(folder or "/etc/systemd/system") / name
        if folder:
            file.write_text(text)
        print(file if folder else f"# {file}\n{text}")
