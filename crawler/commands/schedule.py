"""``scrapy schedule``: print the schedules of the spiders for cron or systemd, or run the spiders by them."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import inspect
import logging
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from scrapy import Spider
from scrapy.spiderloader import get_spider_loader
from scrapy.utils.log import configure_logging
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from tzlocal import get_localzone

from crawler.child_process import OPTION, OPTION_HELP, end_with_stdin
from crawler.database_command import DatabaseCommand
from crawler.project import this_project
from crawler.run.recipients import recipients_of
from crawler.schedule.database import SchedulerDatabase
from crawler.schedule.export import crontab_lines, systemd_units
from crawler.schedule.expression import CronExpression
from crawler.schedule.orders import Orders
from crawler.schedule.runner import Runner
from crawler.schedule.spider_schedules import WrongSchedule, schedules_of
from models.run import HEARTBEAT_TIMEOUT, CrawlRun, scope_of
from models.scheduler import Choice, SpiderFacts, choices

logger = logging.getLogger("splashdown.schedule")


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
        parser.add_argument(OPTION, action="store_true", dest="exit_with_stdin", help=OPTION_HELP)

    def serves(self, opts: argparse.Namespace) -> bool:
        return bool(opts.run)

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        if opts.exit_with_stdin:
            end_with_stdin()
        loader = get_spider_loader(self.project_settings)
        broken = getattr(loader, "broken", {})
        if broken and not opts.run:  # the lines would be without the spiders of this module
            raise WrongSchedule(f"a module cannot be loaded: {', '.join(broken)} (see above)")
        declared = {name: getattr(loader.load(name), "schedule", None) for name in loader.list()}
        schedules = schedules_of(declared, self.project_settings.get("SCHEDULE") or "")
        if not schedules and not opts.run:
            raise WrongSchedule('no spider declares a schedule, such as schedule = "15 3 * * *"')
        root = this_project().root
        if opts.run:
            spiders = {
                name: SpiderFacts(
                    declared=str(schedules[name]) if name in schedules else None,
                    arguments=names_of_arguments(loader.load(name)),
                    recipients=self._recipients(loader.load(name)),
                )
                for name in declared
            }
            self._run(schedules, spiders, root)
        elif opts.systemd is not None:
            units = systemd_units(schedules, root=root, python=Path(sys.executable), user=getpass.getuser())
            print_or_write(units, opts.systemd)
        else:
            print(*crontab_lines(schedules, root), sep="\n")

    def _recipients(self, spider: type[Spider]) -> list[str]:
        """Return who hears the alarms of a spider, whose ``custom_settings`` may have an ALERT_URLS of its own."""
        settings = self.project_settings.copy()
        spider.update_settings(settings)
        return list(recipients_of(settings.get("ALERT_URLS") or ""))

    def _run(
        self, schedules: Mapping[str, CronExpression], spiders: Mapping[str, SpiderFacts], root: Path
    ) -> None:
        try:
            zone = str(get_localzone())
        except LookupError:
            raise WrongSchedule(f"TZ={os.environ.get('TZ')!r} is no time zone; write Europe/Berlin") from None
        sys.stdout.flush()
        os.dup2(1, 2)  # a container's log is one stream: our lines and the crawls' lines in their order
        configure_logging(self.project_settings)
        if not schedules:
            logger.info(
                "no spider declares a schedule: only orders and schedules of the console are carried out"
            )
        with self.database() as engine:
            runner = Runner(
                schedules,
                lambda name: program(["crawl", name]),
                cwd=root,
                spiders=spiders,
                lease=HEARTBEAT_TIMEOUT.total_seconds(),
            )
            orders = Orders(
                SchedulerDatabase(engine, spiders, zone), runner, schedules, program=program, cwd=root
            )
            orders.replan(stored_choices(engine, spiders))
            runner.interrupted = interrupted_spiders(engine, runner.planned)
            asyncio.run(run_both(runner, orders))


async def run_both(runner: Runner, orders: Orders) -> None:
    """Run the schedule and the orders until SIGTERM."""
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run())
        group.create_task(orders.run())


def program(arguments: Sequence[str]) -> list[str]:
    """Return the command line of ``scrapy`` with these arguments."""
    return [sys.executable, "-m", "scrapy", *arguments]


def stored_choices(engine: Engine, spiders: Collection[str]) -> dict[str, Choice]:
    """Return what people have set for the spiders."""
    with Session(engine) as session:
        return choices(session, spiders)


def names_of_arguments(spider: type[Spider]) -> list[str] | None:
    """Return the names of the arguments that the spider's ``__init__`` names; None if it names none."""
    found: dict[str, None] = {}
    for one in spider.__mro__:
        init = vars(one).get("__init__")
        if one in (Spider, object) or init is None:
            continue
        parameters = list(inspect.signature(init).parameters.values())[1:]
        found |= dict.fromkeys(
            one.name
            for one in parameters
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) and one.name != "name"
        )
    return list(found) or None


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
